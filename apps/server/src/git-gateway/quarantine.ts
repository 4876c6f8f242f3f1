/**
 * Where a push waits: a bare repository of the server with a mirror of the git host's refs beside it. Nothing in them
 * is ever run (no hooks, no filters, no configuration but ours), and git's credential is in its environment only.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RefCommand, RepositoryAddress } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { OrgId } from '@berth/wire'
import { configEnvironment, credentialSetting } from '../git-hosting/config-environment.ts'
import { gitUrlOf } from '../git-hosting/host-kinds.ts'
import { GIT_ENVIRONMENT } from '../git-hosting/repositories.ts'
import type { Log } from '../http/respond.ts'
import { refusalOf } from './upstream.ts'
import type { Credential } from './upstream.ts'

export interface Ran { readonly exitCode: number; readonly stdout: string; readonly stderr: string; readonly truncated: boolean }
export interface RunOptions { readonly input?: string | ReadableStream<Uint8Array>; readonly limitBytes?: number; readonly env?: Readonly<Record<string, string>>; readonly signal?: AbortSignal }
export interface Quarantine {
  /** What the host's refs were a moment ago. */
  readonly refs: ReadonlyMap<string, string>
  run(args: readonly string[], options?: RunOptions): Promise<Ran>
  /** Each ref with what the host said: null, it moved. */
  forward(commands: readonly RefCommand[], credential: Credential | null, signal: AbortSignal): Promise<{ reasons: (string | null)[]; said: string }>
  remove(): Promise<void>
}

const LIMIT_BYTES = 4 * 1024 * 1024
const GIT_WITHIN_MS = 10 * 60_000
const MIRROR_UNUSED_MS = 14 * 24 * 3600_000
const QUIET = { 'core.hooksPath': '/dev/null', 'gc.auto': '0', 'core.fsmonitor': 'false', 'protocol.allow': 'never', 'protocol.http.allow': 'always', 'protocol.https.allow': 'always', 'http.followRedirects': 'false', 'core.logAllRefUpdates': 'false', 'fetch.unpackLimit': '1', 'push.recurseSubmodules': 'no', 'push.gpgSign': 'false', 'core.quotePath': 'true', 'log.showSignature': 'false', 'log.mailmap': 'false', 'credential.helper': '' }
/** The server's own way out, where it has one. */
const OUTWARD = Object.fromEntries(['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO'].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name] ?? '']])))

function environment(more: Readonly<Record<string, string>>): Record<string, string> {
  return { ...OUTWARD, ...GIT_ENVIRONMENT, ...configEnvironment(Object.entries({ ...QUIET, ...more })) }
}
/** A secret, in the environment of one process of the server. */
function withCredential(origin: string, credential: Credential | null): Record<string, string> {
  if (credential?.ssh !== undefined) return { ...environment({ 'protocol.http.allow': 'never', 'protocol.https.allow': 'never', 'protocol.ssh.allow': 'always' }), GIT_SSH_COMMAND: credential.ssh.command, GIT_SSH_VARIANT: 'ssh' }
  return environment(credential === null ? {} : Object.fromEntries([credentialSetting({ origin }, credential)]))
}
const urlOf = (address: RepositoryAddress, credential: Credential | null): string => credential?.ssh?.url ?? gitUrlOf(address, credential?.exact)

/** In that directory, without hooks, filters or configuration but ours. */
export async function runGit(dir: string, args: readonly string[], { input, limitBytes = LIMIT_BYTES, env = environment({}), signal }: RunOptions = {}): Promise<Ran> {
  const child = Bun.spawn(['git', '--git-dir', dir, ...args], { env, stdin: input === undefined ? 'ignore' : typeof input === 'string' ? new Blob([input]) : input, stdout: 'pipe', stderr: 'pipe', timeout: GIT_WITHIN_MS, killSignal: 'SIGKILL' })
  const end = () => child.kill('SIGKILL')
  signal?.addEventListener('abort', end, { once: true })
  try {
    const complaint = collected(child.stderr, 64 * 1024)
    const said = await collected(child.stdout, limitBytes)
    if (said.truncated) end()
    return { exitCode: await child.exited, stdout: said.text, stderr: (await complaint).text, truncated: said.truncated }
  } finally {
    signal?.removeEventListener('abort', end)
  }
}
async function collected(stream: ReadableStream<Uint8Array>, limitBytes: number): Promise<{ text: string; truncated: boolean }> {
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of stream) {
    total += chunk.length
    if (total > limitBytes) return { text: Buffer.concat(chunks).toString('utf8'), truncated: true }
    chunks.push(chunk)
  }
  return { text: Buffer.concat(chunks).toString('utf8'), truncated: false }
}

export interface Quarantines {
  /** A copy of all branches and tags, as of now, to be read from; its HEAD is the host's. Answers where it lies. */
  mirror(orgId: OrgId, address: RepositoryAddress, credential: Credential, signal: AbortSignal): Promise<string>
  /** Where it lies, as it was left. */
  mirrorOf(orgId: OrgId, address: RepositoryAddress): string
  open(orgId: OrgId, address: RepositoryAddress, credential: Credential | null, signal: AbortSignal): Promise<Quarantine>
  /** What a server before this one left, and mirrors nobody used. */ tidy(now: number): Promise<void>
}

/**
 * Each fetch brings a pack, however small it is: git counts packs, and guesses how many loose objects there are. It puts
 * them together when they are many, takes nothing that no ref leads to before its grace is over, and keeps open what
 * somebody reads. A large pack is not written anew, unless there are many of those; a run has one thread, and so much
 * memory.
 */
const MAINTENANCE = { 'gc.auto': '500', 'gc.autoPackLimit': '20', 'gc.bigPackThreshold': '64m', 'gc.autoDetach': 'false', 'gc.pruneExpire': '2.weeks.ago', 'gc.cruftPacks': 'true', 'pack.threads': '1', 'pack.windowMemory': '128m' }

/** In the mirror's turn. */
async function maintain(mirror: string): Promise<Ran> {
  // Only one runs at a time, so what is locked was left by one that was ended.
  await rm(join(mirror, 'gc.pid'), { force: true })
  return runGit(mirror, ['gc', '--auto', '--quiet'], { env: environment(MAINTENANCE) })
}

/** `locally`: where this server reaches what it keeps itself. */
export function createQuarantines({ dir, log, locally = (address) => Promise.resolve(address) }: { dir: string; log: Log; locally?: (address: RepositoryAddress) => Promise<RepositoryAddress> }): Quarantines {
  const mirrors = join(dir, 'mirrors')
  const waiting = join(dir, 'waiting')
  /** One fetch at a time into each. */
  const turns = new Map<string, Promise<unknown>>()
  const inTurn = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const mine = (turns.get(key) ?? Promise.resolve()).then(work, work)
    const settled = mine.catch(() => {}).then(() => { if (turns.get(key) === settled) turns.delete(key) })
    turns.set(key, settled)
    return mine
  }
  const init = async (path: string): Promise<string> => {
    await mkdir(path, { recursive: true, mode: 0o700 })
    if ((await stat(join(path, 'HEAD')).catch(() => null)) === null) await required(Promise.resolve(runGit(path, ['init', '--quiet', '--bare', '--template=', '--initial-branch=berth-none', path])))
    return path
  }
  const refresh = async (mirror: string, named: RepositoryAddress, { credential, signal }: { credential: Credential | null; signal: AbortSignal }): Promise<Map<string, string>> => {
    await init(mirror)
    const address = await locally(named)
    const fetched = await runGit(mirror, ['fetch', '--quiet', '--no-tags', '--prune', '--no-write-fetch-head', '--no-auto-maintenance', '--no-recurse-submodules', '--', urlOf(address, credential), '+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'], { env: withCredential(address.origin, credential), signal })
    if (fetched.exitCode !== 0) throw refused(fetched, named)
    // What was fetched is there all the same.
    const tidied = await maintain(mirror)
    if (tidied.exitCode !== 0) log(`a mirror was not put in order: ${tidied.stderr.trim().slice(0, 300)}`)
    const now = new Date()
    await utimes(mirror, now, now)
    return refsIn((await required(runGit(mirror, ['for-each-ref', '--format=%(objectname) %(refname)'], { limitBytes: 64 * 1024 * 1024 }))).stdout)
  }
  const mirrorOf = (orgId: OrgId, { origin, path }: RepositoryAddress): string => join(mirrors, `${createHash('sha256').update(`${orgId} ${origin} ${path}`).digest('hex')}.git`)
  return {
    mirrorOf,
    async mirror(orgId, address, credential, signal) {
      const mirror = mirrorOf(orgId, address)
      await inTurn(mirror, async () => {
        await refresh(mirror, address, { credential, signal })
        const { stdout } = await runGit(mirror, ['ls-remote', '--symref', '--', urlOf(address, credential), 'HEAD'], { env: withCredential(address.origin, credential), signal })
        const head = /^ref: (refs\/heads\/\S+)\tHEAD$/m.exec(stdout)?.[1]
        if (head !== undefined) await required(runGit(mirror, ['symbolic-ref', 'HEAD', head]))
        await required(runGit(mirror, ['config', 'uploadpack.allowFilter', 'true']))
      })
      return mirror
    },
    async open(orgId, address, credential, signal) {
      const mirror = mirrorOf(orgId, address)
      const refs = await inTurn(mirror, () => refresh(mirror, address, { credential, signal }))
      const path = await init(join(waiting, `${randomUUID()}.git`))
      await mkdir(join(path, 'objects', 'info'), { recursive: true })
      await writeFile(join(path, 'objects', 'info', 'alternates'), `${join(mirror, 'objects')}\n`)
      return {
        refs,
        run: (args, options) => runGit(path, args, options),
        forward: async (commands, forwarding, during) => forward(path, await locally(address), { commands, credential: forwarding, signal: during }),
        remove: () => rm(path, { recursive: true, force: true }),
      }
    },
    async tidy(now) {
      for (const left of [waiting, join(dir, 'kept'), join(dir, 'keys')]) await rm(left, { recursive: true, force: true })
      for (const name of await readdir(mirrors).catch(() => [])) {
        const used = await stat(join(mirrors, name)).catch(() => null)
        if (used !== null && now - used.mtimeMs > MIRROR_UNUSED_MS) await rm(join(mirrors, name), { recursive: true, force: true })
      }
    },
  }
}

function refsIn(text: string): Map<string, string> {
  return new Map(text.split('\n').filter(Boolean).map((line) => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]))
}

async function required(running: Promise<Ran>): Promise<Ran> {
  const ran = await running
  if (ran.exitCode !== 0) throw new BerthError('internal', `git: ${ran.stderr.trim().slice(0, 500)}`, { hint: 'is git installed and the disk not full?' })
  return ran
}

function refused({ stderr }: Ran, address: RepositoryAddress): BerthError {
  const status = /The requested URL returned error: (\d{3})/.exec(stderr)?.[1]
  if (status !== undefined) return refusalOf(Number(status), address, null)
  if (/Authentication failed|could not read Username/i.test(stderr)) return refusalOf(401, address, null)
  if (/Host key verification failed/i.test(stderr)) return new BerthError('clone_refused', `${address.origin} does not show the key that it had when the deploy key was made`, { hint: 'if that is as it should be, make the deploy key anew: `berth deploy-key add`' })
  if (/Permission denied|Could not read from remote repository|does not appear to be a git repository/i.test(stderr)) return new BerthError('clone_refused', `${address.origin} did not let the deploy key in to ${address.path}`, { hint: 'add its public half to the repository there: `berth deploy-key` shows it' })
  return new BerthError('network_unreachable', `${address.origin}/${address.path} cannot be read from the server`, { hint: 'try again later' })
}

const ZERO = /^0+$/
/** Each ref is moved from what it was when it was looked at, or not at all; all of them, or none. */
async function forward(path: string, { origin, path: repository }: RepositoryAddress, { commands, credential, signal }: { commands: readonly RefCommand[]; credential: Credential | null; signal: AbortSignal }): Promise<{ reasons: (string | null)[]; said: string }> {
  const leases = commands.map(({ ref, oldId }) => `--force-with-lease=${ref}:${ZERO.test(oldId) ? '' : oldId}`)
  const moves = commands.map(({ ref, newId }) => `${ZERO.test(newId) ? '' : newId}:${ref}`)
  const pushed = await runGit(path, ['push', '--porcelain', ...(commands.length > 1 ? ['--atomic'] : []), '--no-verify', ...leases, '--', urlOf({ origin, path: repository }, credential), ...moves], { env: withCredential(origin, credential), signal })
  const said = pushed.stderr.split('\n').filter((line) => line.startsWith('remote: ')).map((line) => line.slice('remote: '.length).trimEnd()).join('\n')
  const answers = new Map(pushed.stdout.split('\n').flatMap((line) => {
    const [flag = '', refs = '', summary = ''] = line.split('\t')
    return summary === '' ? [] : [[refs.slice(refs.lastIndexOf(':') + 1), flag === '!' ? (/\((.*)\)$/.exec(summary)?.[1] ?? summary) : null] as const]
  }))
  const otherwise = pushed.exitCode === 0 ? null : `the host did not take it${/does not support --atomic/.test(pushed.stderr) ? ': push one ref at a time' : ''}`
  return { said, reasons: commands.map(({ ref }) => { const answer = answers.get(ref); return answer === undefined ? otherwise : answer }) }
}
