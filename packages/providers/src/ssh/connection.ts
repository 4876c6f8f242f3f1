/**
 * The way to the host: the person's own OpenSSH, one connection for all calls, and the host keys that were pinned when it
 * was set up. A script goes over its standard input, so that nothing of it is in any argv, and runs only if it came whole.
 *
 * The connection lives as long as this process holds its input: a server that is killed leaves none behind.
 */
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProviderFault } from '@berth/core'
import { knownHostName, type SshTarget } from '@berth/wire/ssh-target'

export interface SshWay {
  readonly target: SshTarget
  readonly identityFile: string
  readonly knownHostsFile: string
  /** In place of `ssh`, for tests. */
  readonly program?: string
}
export interface Call {
  /** What is being done, for messages: `making the user`. */
  readonly what: string
  /** Whether it may have happened when the connection breaks. */
  readonly changes: boolean
}
export interface Said { readonly exitCode: number; readonly stdout: string; readonly stderr: string }
export interface Connection {
  /** Runs sh as root. Throws a ProviderFault where the host cannot be reached or does not let us in. */
  run(script: string, call: Call, signal: AbortSignal): Promise<Said>
}

/** ssh's own exit code; the scripts have others. */
const SSH_FAILED = 255
const CONNECT_S = 10
const ALIVE_S = 5
const CALL_MS = 60_000
/** sshd admits ten sessions to one connection; one is the connection's own. */
const SESSIONS = 6
/** Nothing was asked for so long: the connection is given up. */
const IDLE_MS = 120_000
const OUTPUT_LIMIT = 16 * 1024 * 1024
const SHOWN = 400

interface Master { readonly socket: string; readonly ended: Promise<unknown>; close(): void }

export function createConnection(way: SshWay): Connection {
  let master: Promise<Master> | null = null
  let idle: ReturnType<typeof setTimeout> | null = null
  let running = 0
  const waiting: (() => void)[] = []

  const connected = (): Promise<Master> => {
    if (master !== null) return master
    const opening = openMaster(way)
    const forget = (): void => { if (master === opening) master = null }
    master = opening
    void opening.then(({ ended }) => ended.then(forget), forget)
    return opening
  }
  const rest = (): void => {
    idle = setTimeout(() => { void master?.then((open) => open.close(), () => {}) }, IDLE_MS)
    idle.unref()
  }
  const enter = async (): Promise<void> => {
    if (idle !== null) clearTimeout(idle)
    if (running >= SESSIONS) await new Promise<void>((resolve) => { waiting.push(resolve) })
    running += 1
  }
  const leave = (): void => {
    running -= 1
    waiting.shift()?.()
    if (running === 0) rest()
  }

  return {
    async run(script, call, signal) {
      signal.throwIfAborted()
      await enter()
      try {
        const limit = AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)])
        const open = await abortable(connected(), limit).catch((cause: unknown) => {
          signal.throwIfAborted()
          throw cause instanceof ProviderFault ? cause : new ProviderFault('transient', `${way.target.host} does not answer (${call.what})`, { hint: UNREACHABLE, cause })
        })
        const said = await session(way, open.socket, { script, signal: limit })
        signal.throwIfAborted()
        if (said.exitCode !== SSH_FAILED && !limit.aborted) return said
        throw refusal(way, said.stderr, call)
      } finally {
        leave()
      }
    },
  }
}

function options({ target, identityFile, knownHostsFile }: SshWay): string[] {
  const given = {
    BatchMode: 'yes', StrictHostKeyChecking: 'yes', UserKnownHostsFile: knownHostsFile.replaceAll('%', '%%').replaceAll(' ', '\\ '), GlobalKnownHostsFile: '/dev/null', UpdateHostKeys: 'no', CheckHostIP: 'no',
    IdentitiesOnly: 'yes', IdentityAgent: 'none', PasswordAuthentication: 'no', KbdInteractiveAuthentication: 'no', ForwardAgent: 'no', ForwardX11: 'no', ClearAllForwardings: 'yes', PermitLocalCommand: 'no',
    ConnectTimeout: String(CONNECT_S), ServerAliveInterval: String(ALIVE_S), ServerAliveCountMax: '3', ControlPersist: 'no', LogLevel: 'ERROR',
  }
  return ['-F', '/dev/null', '-T', '-i', identityFile, '-l', target.user, '-p', String(target.port), ...Object.entries(given).flatMap(([name, value]) => ['-o', `${name}=${value}`])]
}

const environment = (): Record<string, string> => ({ PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' })

async function openMaster(way: SshWay): Promise<Master> {
  const socket = join(socketDir(way.knownHostsFile), `${process.pid}-${(opened += 1)}`)
  rmSync(socket, { force: true })
  const child = spawnSsh(way, ['-M', '-S', socket, ...options(way), '--', way.target.host, 'echo ready; exec cat >/dev/null'], 'pipe')
  const close = (): void => { void child.stdin.end() }
  const clear = (): void => {
    rmSync(socket, { force: true })
    try { rmdirSync(socketDirOf(way.knownHostsFile)) } catch { /* another connection is open */ }
  }
  // Without this it ends too, a moment after us, when its input does.
  const endAtOnce = (): void => {
    child.kill('SIGKILL')
    clear()
  }
  process.once('exit', endAtOnce)
  const ended = Promise.all([child.exited, readLimited(child.stderr)]).then(([, stderr]) => {
    process.removeListener('exit', endAtOnce)
    clear()
    return stderr
  })
  const ready = firstLine(child.stdout)
  if ((await ready) === 'ready') return { socket, ended, close }
  child.kill()
  throw refusal(way, await ended, { what: 'connecting', changes: false })
}
let opened = 0

/** Its path is short, because that of a socket must be, and nobody else may enter it. */
function socketDir(seed: string): string {
  const dir = socketDirOf(seed)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const found = lstatSync(dir)
  if (!found.isDirectory() || found.uid !== process.getuid?.()) throw new ProviderFault('invalid', `${dir} is not ours`, { hint: 'remove it' })
  chmodSync(dir, 0o700)
  return dir
}
const socketDirOf = (seed: string): string => join(tmpdir(), `berth-ssh-${process.getuid?.() ?? 0}-${createHash('sha256').update(seed).digest('hex').slice(0, 12)}`)

async function session(way: SshWay, socket: string, { script, signal }: { script: string; signal: AbortSignal }): Promise<Said> {
  const shell = way.target.user === 'root' ? 'exec /bin/sh -s' : 'exec sudo -n /bin/sh -s'
  const child = spawnSsh(way, ['-S', socket, '-o', 'ControlMaster=no', ...options(way), '--', way.target.host, shell], new Blob([script]))
  const onAbort = (): void => child.kill('SIGKILL')
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const [stdout, stderr, exitCode] = await Promise.all([readLimited(child.stdout), readLimited(child.stderr), child.exited])
    return { stdout, stderr, exitCode }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function spawnSsh<In extends 'pipe' | Blob>({ program = 'ssh' }: SshWay, argv: readonly string[], stdin: In) {
  try {
    return Bun.spawn([program, ...argv], { stdin, stdout: 'pipe', stderr: 'pipe', env: environment() })
  } catch (cause) {
    throw new ProviderFault('unsupported', 'there is no ssh on the server\'s host', { hint: 'install openssh-client', cause })
  }
}

const UNREACHABLE = 'is it switched on, and does it listen there? it is tried again'

/** What ssh said in English (LC_ALL=C); it has one exit code for all. */
function refusal({ target, identityFile }: SshWay, stderr: string, { what, changes }: Call): ProviderFault {
  const at = knownHostName(target).replace(/^\[([^:]*)\]/, '$1')
  const again = `berth provider setup ssh --host ${target.user}@${at}`
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED/.test(stderr)) return new ProviderFault('auth', `${at} shows another host key than the one that was pinned: it is another machine, or somebody stands in between`, { hint: `if it was set up anew, compare its fingerprint and pin it: ${again}` })
  if (/host key is known for|Host key verification failed/.test(stderr)) return new ProviderFault('auth', `no host key of ${at} is pinned`, { hint: again })
  if (/Permission denied|Too many authentication failures|Load key|UNPROTECTED PRIVATE KEY/.test(stderr)) return new ProviderFault('auth', `${at} does not let ${target.user} in with ${identityFile}`, { hint: 'its public half belongs into ~/.ssh/authorized_keys there; the private one has no passphrase and is readable by the server alone' })
  const said = stderr.trim().split('\n').at(-1)?.slice(0, SHOWN) ?? ''
  return new ProviderFault('transient', `the connection to ${at} broke (${what})${said === '' ? '' : `: ${said}`}`, { committed: changes ? 'unknown' : 'no', hint: UNREACHABLE })
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += new TextDecoder().decode(chunk)
    if (text.includes('\n')) break
  }
  // What a shell's startup files say stands before it.
  return text.split('\n').includes('ready') ? 'ready' : text
}

async function readLimited(stream: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size <= OUTPUT_LIMIT) chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
