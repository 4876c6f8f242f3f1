/**
 * Pins the key of a host before anything is said to it: a person compares the fingerprint, names it, or their own ssh knows
 * the key already. From then on the server believes no other.
 */
import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { BerthError } from '@berth/wire/error'
import { knownHostName, parseSshTarget, type SshTarget } from '@berth/wire/ssh-target'
import type { Context } from '../context.ts'

/** Beside `ssh.yaml`; the server gives it to ssh. */
const PINNED = 'providers/ssh.known_hosts'
const SCAN_S = 10
const KNOWN_WITHIN_MS = 10_000

interface HostKey { /** Of known_hosts. */ readonly line: string; readonly kind: string; readonly fingerprint: string }
type Asking = Pick<Context, 'home' | 'env' | 'io' | 'signal'>

/** `expected`: the fingerprint that a person named. Throws where nobody vouches for the key. */
export async function pinHostKey(context: Asking, { host, expected }: { host: string; expected: string | null }): Promise<void> {
  const target = parseSshTarget(host)
  if (target === null) throw new BerthError('bad_request', `"${host}" is no user@host`)
  const shown = await keysShown(target, context.signal)
  const before = (await readFile(join(context.home, PINNED), 'utf8').catch(() => '')).split('\n').filter((line) => line.startsWith(`${knownHostName(target)} `))
  if (expected === null && shown.some(({ line }) => before.includes(line))) return
  const vouched = await vouchedFor(context, { target, shown, expected, changed: before.length > 0 })
  await mkdir(join(context.home, 'providers'), { recursive: true, mode: 0o700 })
  const path = join(context.home, PINNED)
  await writeFile(`${path}.new`, vouched.map(({ line }) => `${line}\n`).join(''), { mode: 0o600 })
  await rename(`${path}.new`, path)
}

interface Question { readonly target: SshTarget; readonly shown: readonly HostKey[]; readonly expected: string | null; readonly changed: boolean }

async function vouchedFor({ io, env, signal }: Asking, { target, shown, expected, changed }: Question): Promise<readonly HostKey[]> {
  const all = shown.map(({ kind, fingerprint }) => `  ${fingerprint} (${kind})`).join('\n')
  if (expected !== null) {
    const fits = shown.filter(({ fingerprint }) => fingerprint === expected)
    if (fits.length === 0) throw new BerthError('bad_request', `${target.host} shows another host key than ${expected}:\n${all}`, { hint: 'it may be another machine, or somebody stands in between: compare on the host with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`' })
    return fits
  }
  const known = changed ? [] : await knownToPerson(target, env, signal)
  const trusted = shown.filter(({ line }) => known.includes(line.split(' ').slice(1).join(' ')))
  if (trusted.length > 0) return trusted
  const what = changed ? `${target.host} had another host key before. It shows now:` : `${target.host} shows this host key:`
  if (!io.interactive) throw new BerthError('bad_request', `${what}\n${all}`, { hint: `nobody is here to compare it: add --host-key ${shown[0]?.fingerprint ?? ''} if it is the host's` })
  io.note(`${what}\n${all}\nOn the host, \`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\` says what it is.`)
  if (!/^y(es)?$/i.test(await io.ask('Is it the same? [y/N] '))) throw new BerthError('cancelled', 'nothing was changed')
  return shown
}

async function keysShown(target: SshTarget, signal: AbortSignal): Promise<HostKey[]> {
  const { stdout } = await run(['ssh-keyscan', '-T', String(SCAN_S), '-p', String(target.port), '--', target.host], signal)
  const keys = stdout.split('\n').flatMap((line): HostKey[] => {
    const [, kind = '', blob = ''] = /^\S+ ((?:ssh|ecdsa)-[a-z0-9-]+) ([A-Za-z0-9+/=]+)$/.exec(line.trim()) ?? []
    if (blob === '') return []
    const fingerprint = `SHA256:${createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '')}`
    return [{ line: `${knownHostName(target)} ${kind} ${blob}`, kind, fingerprint }]
  })
  if (keys.length === 0) throw new BerthError('provider_unavailable', `${target.host} shows no host key on port ${target.port}`, { hint: 'is it switched on, and does sshd listen there? the server reaches it from its own host' })
  return keys
}

/** Kinds and keys that the person's own ssh believes of this host, whether their names are hashed or not. */
async function knownToPerson(target: SshTarget, env: Context['env'], signal: AbortSignal): Promise<string[]> {
  const file = join(env['HOME'] || homedir(), '.ssh', 'known_hosts')
  const { stdout } = await run(['ssh-keygen', '-F', knownHostName(target), '-f', file], AbortSignal.any([signal, AbortSignal.timeout(KNOWN_WITHIN_MS)]))
  return stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('@')).map((line) => line.split(' ').slice(1, 3).join(' '))
}

async function run(argv: readonly string[], signal: AbortSignal): Promise<{ stdout: string }> {
  if (Bun.which(argv[0] ?? '') === null) throw new BerthError('unsupported', `${argv[0]} is not here`, { hint: 'install openssh-client' })
  const child = Bun.spawn([...argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore', signal })
  const [stdout] = await Promise.all([new Response(child.stdout).text(), child.exited])
  signal.throwIfAborted()
  return { stdout }
}
