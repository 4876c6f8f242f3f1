/**
 * Runs one of a person's commands: in a session of its own, with a time limit, nothing of the server's environment but
 * what was named, and no more of its output than has a use. What it starts for later must leave the session.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProviderFault } from '@berth/core'

export interface Command {
  readonly argv: readonly string[]
  readonly input: unknown
  /** For messages: `making the machine`. */
  readonly what: string
  /** A secret part of the input that goes by a file, which is there for as long as the command runs. */
  readonly byFile?: unknown
}
export interface Ended { readonly exitCode: number; readonly stdout: string; readonly stderr: string }
export interface CommandLimits { readonly timeoutMs: number; readonly env: Readonly<Record<string, string>> }

/** No inventory is longer. */
const STDOUT_LIMIT = 4 * 1024 * 1024
const STDERR_KEPT = 8 * 1024
/** After it was asked to end. */
const GRACE_MS = 2_000
/** A child that holds its pipes open is not waited for longer. */
const LAST_WORDS_MS = 500

/** Throws a ProviderFault where it could not run, took too long or wrote too much; never for its exit code. */
export async function runCommand(command: Command, limits: CommandLimits, signal: AbortSignal): Promise<Ended> {
  signal.throwIfAborted()
  if (command.byFile === undefined) return run(command, limits, signal)
  const dir = await mkdtemp(join(tmpdir(), 'berth-exec-'))
  try {
    const path = join(dir, 'boot.json')
    await writeFile(path, JSON.stringify(command.byFile), { mode: 0o600 })
    return await run({ ...command, input: { ...command.input as object, boot: { path } } }, limits, signal)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function run({ argv, input, what }: Command, { timeoutMs, env }: CommandLimits, signal: AbortSignal): Promise<Ended> {
  const [program = '', ...words] = argv
  const child = spawn(program, words, { cwd: '/', detached: true, stdio: ['pipe', 'pipe', 'pipe'], env: { ...env } })
  const stdout: Buffer[] = []
  let stderr = Buffer.alloc(0)
  let size = 0
  let why: 'late' | 'long' | 'aborted' | null = null
  let killing: NodeJS.Timeout | null = null
  const end = (because: NonNullable<typeof why>): void => {
    if (why !== null) return
    why = because
    endSession(child.pid, 'SIGTERM')
    killing = setTimeout(() => endSession(child.pid, 'SIGKILL'), GRACE_MS)
  }
  const onAbort = (): void => end('aborted')
  const limit = setTimeout(() => end('late'), timeoutMs)
  signal.addEventListener('abort', onAbort, { once: true })
  child.stdout.on('data', (bytes: Buffer) => {
    size += bytes.length
    if (size <= STDOUT_LIMIT) stdout.push(bytes)
    else end('long')
  })
  child.stderr.on('data', (bytes: Buffer) => { stderr = Buffer.concat([stderr, bytes]).subarray(-STDERR_KEPT) })
  // One that does not read its input has ended, which its exit code says.
  child.stdin.on('error', () => {})
  child.stdin.end(JSON.stringify(input))
  try {
    const exitCode = await ended(child)
    endSession(child.pid, 'SIGKILL')
    if (why === 'aborted') signal.throwIfAborted()
    if (why !== null) throw new ProviderFault('transient', why === 'late' ? `the command took longer than ${timeoutMs / 1000} s (${what})` : `the command wrote more than ${STDOUT_LIMIT} bytes (${what})`, { committed: 'unknown', hint: 'see docs/exec.md for its limits; it is tried again' })
    return { exitCode, stdout: Buffer.concat(stdout).toString('utf8'), stderr: stderr.toString('utf8') }
  } catch (cause) {
    if (!(cause instanceof Error) || !('code' in cause)) throw cause
    throw new ProviderFault('invalid', `${program} cannot be run: ${String(cause.code)}`, { hint: 'see `berth provider setup exec --command`: a program of the server\'s host that it may execute', cause })
  } finally {
    clearTimeout(limit)
    if (killing !== null) clearTimeout(killing)
    signal.removeEventListener('abort', onAbort)
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
  }
}

/** Its exit code, once its output is there too; 128 and more: a signal ended it. Rejects where it never began. */
function ended(child: ReturnType<typeof spawn>): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      const answer = code ?? (signal === null ? 255 : 128)
      const late = setTimeout(() => resolve(answer), LAST_WORDS_MS)
      child.once('close', () => {
        clearTimeout(late)
        resolve(answer)
      })
    })
  })
}

/** All that is still in the command's session group. */
function endSession(pid: number | undefined, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // Nobody is left in it.
  }
}
