/** Starts the server of a home in the background; two CLIs at once start one. */
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile, readlink, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { SERVER_LOG_FILE, type ServerFile } from '@berth/wire/server-file'
import { clean } from '../clean.ts'
import type { Context } from '../context.ts'
import { selfServer } from '../self.ts'
import { serverEnvironment } from './environment.ts'
import { findServer, isAlive } from './find.ts'
import { lastWords } from './last-words.ts'

/** The first start unpacks and initialises a database, on a slow disk too. */
const READY_MS = 90_000
const LOOK_MS = 40
const LOG_TAIL_LINES = 12

export async function startServer(context: Context): Promise<ServerFile> {
  await mkdir(context.home, { recursive: true, mode: 0o700 }).catch((cause: unknown) => { throw unusableHome(context.home, cause) })
  const deadline = Date.now() + READY_MS
  const release = await takeLock(join(context.home, 'start.lock'), { deadline, signal: context.signal })
  try {
    const found = await findServer(context.home)
    if (found.kind === 'running') return found.file
    return await launch(context, deadline)
  } finally {
    await release()
  }
}

async function launch(context: Context, deadline: number): Promise<ServerFile> {
  const logPath = join(context.home, SERVER_LOG_FILE)
  const logStart = await stat(logPath).then(({ size }) => size, () => 0)
  const log = await mkdir(dirname(logPath), { recursive: true, mode: 0o700 }).then(() => openSync(logPath, 'a', 0o600)).catch((cause: unknown) => { throw unusableHome(dirname(logPath), cause) })
  const [program = '', ...args] = selfServer(['serve'])
  // Its own session and no terminal: closing this one must not end it. The home as its directory keeps no other busy.
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], cwd: context.home, env: serverEnvironment(context.home, process.env) })
  closeSync(log)
  let ended: string | null = null
  child.once('error', (error) => (ended = error.message))
  child.once('exit', (code, signal) => (ended = signal ? `ended by ${signal}` : `ended with code ${code}`))
  child.unref()
  context.io.note(context.io.noteStyle.dim('starting the server…'))
  for (;;) {
    const found = await findServer(context.home)
    if (found.kind === 'running') return saying(context, found.file)
    // Ours may have found another one that is still starting (by hand, or by a service) and left it the field.
    if ((ended !== null && found.kind !== 'silent') || Date.now() > deadline) {
      const tail = await tailOf(logPath, logStart)
      const said = ended === null ? null : lastWords(await tailOf(logPath, logStart, Number.POSITIVE_INFINITY))
      if (said !== null) throw said
      throw new BerthError('server_unreachable', ended === null ? 'the server did not become ready in time' : `the server did not start (${ended})${tail ? `:\n${tail}` : ''}`, { hint: 'see `berth server logs` and `berth doctor`', details: { log: logPath } })
    }
    await wait(context.signal)
  }
}

function saying(context: Context, file: ServerFile): ServerFile {
  if (file.movedFrom !== undefined) context.io.note(`port ${file.movedFrom} of this server is not free: it is at ${file.url} now; open pages must be opened anew`)
  return file
}

const codeOf = (cause: unknown): string => (cause instanceof Error && 'code' in cause ? String(cause.code) : '')

function unusableHome(path: string, cause: unknown): BerthError {
  const code = codeOf(cause)
  if (code === 'ENOSPC' || code === 'EDQUOT') return new BerthError('no_space', `there is no room for ${path}`, { hint: 'free some space, or set BERTH_HOME to another directory', cause })
  const why = code === 'EEXIST' || code === 'ENOTDIR' ? 'is not a directory' : code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? 'is not writable' : `cannot be used (${code || String(cause)})`
  return new BerthError('config_invalid', `${path} ${why}`, { hint: 'make it a directory that you may write, or set BERTH_HOME to another one', cause })
}

/** A link whose target is the holder's pid: made atomically, and a dead holder can be told from a living one. */
async function takeLock(path: string, limits: { deadline: number; signal: AbortSignal }): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await symlink(String(process.pid), path)
      return () => rm(path, { force: true })
    } catch (cause) {
      const holder = Number(await readlink(path).catch(() => ''))
      if (!holder && codeOf(cause) !== 'EEXIST') throw unusableHome(dirname(path), cause)
      if (holder && !isAlive(holder)) await rm(path, { force: true })
      if (Date.now() > limits.deadline) throw new BerthError('server_unreachable', `another berth (pid ${holder}) is still starting the server`, { hint: `wait for it, or remove ${path}` })
      await wait(limits.signal)
    }
  }
}

export async function tailOf(path: string, from: number, lines = LOG_TAIL_LINES): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return clean(Buffer.from(text).subarray(from).toString()).trimEnd().split('\n').slice(-lines).map((line) => `  ${line}`).join('\n').trimEnd()
}

async function wait(signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw new BerthError('cancelled', 'cancelled')
  await Bun.sleep(LOOK_MS)
}
