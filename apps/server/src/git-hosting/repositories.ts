/**
 * One bare repository per workspace or task, owned by the server, and never the one an agent works in. Its configuration
 * is written by us at birth; nothing that is pushed can change it, and no hook ever runs.
 */
import { appendFile, chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError, HOSTED_REFS, RepositoryId } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { HAD } from './fetched.ts'

/** A workspace's, or a task's own. */
export type HostedId = WorkspaceId | RepositoryId
export interface Repositories {
  /** The repository's directory; made when it does not exist. */
  ensure(id: HostedId): Promise<string>
  exists(id: HostedId): Promise<boolean>
  /** The commit a ref points at, or null. */
  resolve(id: WorkspaceId, ref: string): Promise<string | null>
  diff(id: WorkspaceId, range: { from: string; to: string }, limitBytes: number): Promise<{ patch: string; truncated: boolean; stat: { path: string; added: number; removed: number }[] }>
  /** Copies what one ref points at to another, inside the repository. */
  point(id: WorkspaceId, ref: string, commit: string): Promise<void>
  /** Takes in what is committed in a repository of this machine, under our own ref. Throws `clone_refused`. */
  takeIn(id: WorkspaceId, from: { path: string; branch: string | null }): Promise<void>
  remove(id: HostedId): Promise<void>
  /** Of its objects, as they were when it changed last; null: there is no repository. */
  sizeBytes(id: HostedId): Promise<number | null>
  /** Somebody else's git wrote into it. */
  changed(id: HostedId): void
  /** Somebody beside this server has these commits. */
  had(id: RepositoryId, commits: readonly string[]): Promise<void>
  /** Commits of its branches and tags that nobody else has. */
  unfetched(id: RepositoryId): Promise<number>
  /** A clone begins with a branch that is there. */
  settleHead(id: RepositoryId): Promise<void>
  /** Those of tasks that lie here. */
  tasks(): Promise<RepositoryId[]>
  readonly quotaBytes: number
}

/** A repository that has more takes no push any more. */
const QUOTA_BYTES = 8 * 1024 ** 3

/** No pack larger than this is accepted. */
const MAX_PACK_BYTES = 4 * 1024 ** 3
/** Old histories hold objects with these harmless faults; refusing them would refuse honest repositories. */
const TOLERATED = ['zeroPaddedFilemode', 'missingSpaceBeforeDate', 'badTimezone', 'missingNameBeforeEmail', 'missingEmail', 'badEmail', 'badName', 'missingSpaceBeforeEmail', 'badDateOverflow', 'nullSha1']

const CONFIG: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.logAllRefUpdates', 'false'],
  ['transfer.fsckObjects', 'true'],
  ['receive.fsckObjects', 'true'],
  ...TOLERATED.map((fault) => [`receive.fsck.${fault}`, 'ignore'] as const),
  ['receive.maxInputSize', String(MAX_PACK_BYTES)],
  ['receive.unpackLimit', '1'],
  // A shallow clone may be the source of a workspace.
  ['receive.shallowUpdate', 'true'],
  ['receive.autogc', 'false'],
  ['gc.auto', '0'],
  ['uploadpack.allowFilter', 'true'],
  ['transfer.hideRefs', HAD],
]

/** Nothing of the user's or the machine's git configuration reaches the hosted repositories. */
export const GIT_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
}

export function createRepositories(deps: { dir: string; /** Tests fill it sooner. */ quotaBytes?: number }): Repositories {
  const pathOf = (id: HostedId) => join(deps.dir, `${id}.git`)
  const making = new Map<HostedId, Promise<string>>()
  // One quota is of many repositories, and each push asks for it.
  const sizes = new Map<HostedId, Promise<number>>()
  const exists = async (id: HostedId) => (await stat(join(pathOf(id), 'HEAD')).catch(() => null)) !== null
  const git = (id: HostedId, args: readonly string[], limitBytes = SMALL_OUTPUT) => runGit(['--git-dir', pathOf(id), ...args], limitBytes)

  const make = async (id: HostedId): Promise<string> => {
    const path = pathOf(id)
    if (await exists(id)) return path
    // Made aside and renamed, so that a crash leaves nothing that looks like a repository.
    const aside = `${path}.new`
    await rm(aside, { recursive: true, force: true })
    await mkdir(deps.dir, { recursive: true, mode: 0o700 })
    await required(runGit(['init', '--quiet', '--bare', '--template=', `--initial-branch=${RepositoryId.safeParse(id).success ? 'main' : HOSTED_REFS.head.replace('refs/heads/', '')}`, aside]))
    await appendFile(join(aside, 'config'), CONFIG.map(setting).join(''))
    await chmod(aside, 0o700)
    await rename(aside, path)
    return path
  }

  const sizeOf = (id: HostedId): Promise<number> => {
    const size = sizes.get(id) ?? sizeBelow(join(pathOf(id), 'objects'))
    sizes.set(id, size)
    // What could not be read is read again when it is asked for.
    size.catch(() => sizes.delete(id))
    return size
  }
  const changed = (id: HostedId): void => { sizes.delete(id) }

  return {
    exists, changed,
    ensure(id) {
      const running = making.get(id) ?? make(id).finally(() => making.delete(id))
      making.set(id, running)
      return running
    },
    async resolve(id, ref) {
      if (!(await exists(id))) return null
      const result = await git(id, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`])
      return result.exitCode === 0 ? result.stdout.trim() : null
    },
    async diff(id, { from, to }, limitBytes) {
      const patch = await git(id, ['diff', '--no-color', '--no-ext-diff', '--no-textconv', '--end-of-options', from, to], limitBytes)
      const numstat = await required(git(id, ['diff', '--numstat', '-z', '--no-renames', '--no-ext-diff', '--no-textconv', '--end-of-options', from, to], limitBytes))
      return { patch: patch.stdout, truncated: patch.truncated, stat: parseNumstat(numstat.stdout) }
    },
    async point(id, ref, commit) {
      await required(git(id, ['update-ref', '--', ref, commit]))
    },
    async takeIn(id, { path, branch }) {
      const tolerated = TOLERATED.flatMap((fault) => ['-c', `fetch.fsck.${fault}=ignore`])
      const wanted = branch === null ? 'HEAD' : `refs/heads/${branch}`
      const fetched = await git(id, [...tolerated, 'fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--', `file://${path}`, `+${wanted}:${HOSTED_REFS.head}`]).finally(() => changed(id))
      if (fetched.exitCode !== 0) throw new BerthError('clone_refused', `${path}: ${fetched.stderr.trim().slice(0, 500)}`, { hint: branch === null ? 'is anything committed there?' : `is there a branch ${branch}?` })
    },
    quotaBytes: deps.quotaBytes ?? QUOTA_BYTES,
    sizeBytes: async (id) => ((await exists(id)) ? sizeOf(id) : null),
    async had(id, commits) {
      for (const commit of commits) await git(id, ['update-ref', '--', `${HAD}/${commit}`, commit])
    },
    async unfetched(id) {
      if (!(await exists(id))) return 0
      return Number((await required(git(id, ['rev-list', '--count', '--branches', '--tags', '--not', `--glob=${HAD}/*`]))).stdout.trim())
    },
    async settleHead(id) {
      if ((await git(id, ['rev-parse', '--verify', '--quiet', 'HEAD'])).exitCode === 0) return
      const [first] = (await required(git(id, ['for-each-ref', '--count=1', '--sort=-committerdate', '--format=%(refname)', 'refs/heads']))).stdout.split('\n')
      if (first !== undefined && first !== '') await required(git(id, ['symbolic-ref', 'HEAD', first]))
    },
    async tasks() {
      return (await readdir(deps.dir).catch(() => [])).flatMap((name) => RepositoryId.safeParse(name.split('.')[0]).data ?? [])
    },
    async remove(id) {
      await rm(pathOf(id), { recursive: true, force: true })
      await rm(`${pathOf(id)}.new`, { recursive: true, force: true })
      changed(id)
    },
  }
}

/** What is taken away meanwhile counts for nothing. */
async function sizeBelow(dir: string): Promise<number> {
  const files = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => [])
  const sizes = await Promise.all(files.filter((file) => file.isFile()).map((file) => stat(join(file.parentPath, file.name)).then(({ size }) => size, () => 0)))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** As it stands in git's file: one write instead of a process each, with our own plain values. */
function setting([key, value]: readonly [string, string]): string {
  const [section = '', ...rest] = key.split('.')
  const name = rest.pop() ?? ''
  return `[${section}${rest.length > 0 ? ` "${rest.join('.')}"` : ''}]\n\t${name} = ${value}\n`
}

function parseNumstat(text: string): { path: string; added: number; removed: number }[] {
  return text.split('\0').flatMap((line) => {
    const match = /^(\d+|-)\t(\d+|-)\t([\s\S]+)$/.exec(line)
    // `-` stands for binary files.
    return match ? [{ path: match[3] ?? '', added: Number(match[1]) || 0, removed: Number(match[2]) || 0 }] : []
  })
}

const SMALL_OUTPUT = 64 * 1024
interface GitResult { readonly exitCode: number; readonly stdout: string; readonly stderr: string; readonly truncated: boolean }

async function runGit(args: readonly string[], limitBytes = SMALL_OUTPUT): Promise<GitResult> {
  const child = Bun.spawn(['git', ...args], { env: GIT_ENVIRONMENT, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const stderr = readUpTo(child.stderr, SMALL_OUTPUT)
  const stdout = await readUpTo(child.stdout, limitBytes)
  if (stdout.truncated) child.kill()
  return { exitCode: await child.exited, stdout: stdout.text, stderr: (await stderr).text, truncated: stdout.truncated }
}

async function readUpTo(stream: ReadableStream<Uint8Array>, limitBytes: number): Promise<{ text: string; truncated: boolean }> {
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of stream) {
    chunks.push(chunk.subarray(0, Math.max(0, limitBytes - total)))
    total += chunk.length
    if (total > limitBytes) break
  }
  return { text: Buffer.concat(chunks).toString('utf8'), truncated: total > limitBytes }
}

async function required(running: Promise<GitResult>): Promise<GitResult> {
  const result = await running
  if (result.exitCode !== 0) throw new BerthError('internal', `git: ${result.stderr.trim().slice(0, 500)}`, { hint: 'is git installed and the disk not full?' })
  return result
}
