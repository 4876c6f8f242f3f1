/**
 * A real PostgreSQL as a child of the server: reachable only through a socket in a directory of its own user, and
 * gone when the server is gone.
 *
 * What stays true: the pid in postmaster.pid is our child's (never an orphan's that happens to answer), and only one
 * server uses a data directory at a time.
 */
import { chown, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BerthError } from '@berth/wire'
import type { DatabaseAddress } from '../address.ts'
import { POSTGRES_MAJOR, postgresBinaries } from './binaries.ts'
import { copiedFrom, holdCopy, rememberPlace } from './copied-home.ts'
import { reachableBinaries } from './reachable.ts'
import { takeLock } from './lock.ts'
import { type Places, preparePlaces, type UserIds } from './places.ts'
import { childEnv, noRoom, prefix, recordedPid, removeStaleSocketLock, runTool, saysNoRoom, stopOrphan } from './process.ts'

export interface EmbeddedOptions {
  readonly home: string
  /** Ends the database. */
  readonly signal?: AbortSignal
  readonly log?: (line: string) => void
  /** As root: who the database runs as. Absent: the system's postgres user, or nobody. */
  readonly unprivileged?: UserIds | null
  /**
   * The directory that holds bin, lib and share, or what puts one below the database's own directory; absent: the npm
   * package's.
   */
  readonly binaries?: string | ((below: string) => Promise<string>)
  /** Off only in tests, where a lost database is no loss. */
  readonly durable?: boolean
}
export interface Exit { readonly code: number | null; readonly signal: string | number | null }
export interface Embedded {
  readonly address: DatabaseAddress
  readonly pid: number
  /** False: the data directory was made by this start. */
  readonly existed: boolean
  /** Called once when the database ends without having been asked to; returns the remover. */
  onExit(listener: (exit: Exit) => void): () => void
  /** A clean shutdown. May be called twice. */
  stop(): Promise<void>
}

/** A server that was just killed is still being reaped, or its last backends still hold the shared memory. */
const LOCK_RACE_MS = 5000
const LOCK_RACE_PAUSE_MS = 100
const READY_MS = 60_000
const FAST_STOP_MS = 10_000
const SOCKET_PORT = 5432
const LAST_LINES = 20

export function socketAddress(socketDir: string): DatabaseAddress {
  return { kind: 'socket', path: join(socketDir, `.s.PGSQL.${SOCKET_PORT}`), user: 'berth', database: 'postgres' }
}

export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  options.signal?.throwIfAborted()
  const log = options.log ?? (() => {})
  const places = await preparePlaces(options.home, options.unprivileged)
  const release = takeLock(places.lock, 'this data')
  try {
    const binaries = await reachableBinaries(await binariesFor(options, places), places.runAs)
    const existed = await ensureData(places, binaries, options.durable ?? true)
    await stopOrphan(places, log)
    const child = await startUntilReady({ places, binaries, log, durable: options.durable ?? true })
    await settlePlace(places, log).catch(async (error: unknown) => {
      await endChild(child)
      throw error
    })
    return supervise({ child, places, existed, release, log, signal: options.signal })
  } catch (error) {
    release()
    throw error
  }
}

async function settlePlace(places: Places, log: (line: string) => void): Promise<void> {
  const from = await copiedFrom(places)
  if (from !== null) {
    log(`this home was copied from ${from}: the machines it names are left alone until \`berth server release-reaper\``)
    await holdCopy(socketAddress(places.socketDir), from)
  }
  await rememberPlace(places)
}

async function binariesFor({ binaries }: EmbeddedOptions, { root }: Places): Promise<string> {
  return typeof binaries === 'function' ? await binaries(root) : binaries ?? postgresBinaries()
}

/** Made under another name first, so that a first start that was killed leaves no half-made directory. */
async function ensureData(places: Places, binaries: string, durable: boolean): Promise<boolean> {
  const version = await readFile(join(places.data, 'PG_VERSION'), 'utf8').catch(() => null)
  if (version !== null) {
    if (Number(version) === POSTGRES_MAJOR) return true
    throw new BerthError('database_unavailable', `the data was made by PostgreSQL ${version.trim()}, this is ${POSTGRES_MAJOR}`, { hint: 'run `berth backup` with the release that made it, then `berth restore` with this one' })
  }
  for (const name of await readdir(places.root)) if (name.startsWith('data.new')) await rm(join(places.root, name), { recursive: true, force: true })
  const fresh = join(places.root, 'data.new')
  await mkdir(fresh, { mode: 0o700 })
  if (places.runAs !== null) await chown(fresh, places.runAs.uid, places.runAs.gid)
  await runTool(places, [join(binaries, 'bin', 'initdb'), '--pgdata', fresh, '--username', 'berth', '--auth', 'trust', '--encoding', 'UTF8',
    '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--data-checksums', '--no-instructions', ...(durable ? [] : ['--no-sync'])]).catch(async (error: unknown) => {
    // On a full disk half a database would keep what little room there is.
    await rm(fresh, { recursive: true, force: true })
    throw error
  })
  await rename(fresh, places.data)
  return false
}

interface StartOptions { readonly places: Places; readonly binaries: string; readonly log: (line: string) => void; readonly durable: boolean }
type Child = Bun.Subprocess<'ignore', 'ignore', 'pipe'>

async function startUntilReady(options: StartOptions): Promise<Child> {
  const giveUpAt = performance.now() + LOCK_RACE_MS
  for (;;) {
    const attempt = await startOnce(options)
    if (attempt.ready) return attempt.child
    if (saysNoRoom(attempt.lines)) throw noRoom()
    if (!attempt.lockRace || performance.now() > giveUpAt) {
      throw new BerthError('database_unavailable', `the database did not start: ${attempt.lines.join('\n')}`, { hint: 'the lines above are PostgreSQL\'s own; the data is untouched' })
    }
    await stopOrphan(options.places, options.log)
    await removeStaleSocketLock(options.places)
    await Bun.sleep(LOCK_RACE_PAUSE_MS)
  }
}

async function startOnce({ places, binaries, log, durable }: StartOptions) {
  const child = Bun.spawn([...prefix(places.runAs, true), join(binaries, 'bin', 'postgres'), '-D', places.data, ...settings(places, durable)],
    { cwd: '/', env: childEnv(), stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const ready = Promise.withResolvers<boolean>()
  const lines: string[] = []
  // Read to the end also after the start: a full pipe would stop the database.
  const reading = readLines(child.stderr, (line) => {
    log(line)
    if (lines.push(line) > LAST_LINES) lines.shift()
    if (line.includes('database system is ready to accept connections')) ready.resolve(true)
  })
  void child.exited.then(() => reading).then(() => ready.resolve(false))
  const timer = setTimeout(() => child.kill('SIGQUIT'), READY_MS)
  const isReady = await ready.promise
  clearTimeout(timer)
  if (isReady && await recordedPid(places.data) === child.pid) return { ready: true as const, child }
  if (isReady) { child.kill('SIGINT'); await child.exited }
  const lockRace = lines.some((line) => line.includes('postmaster.pid') || line.includes('shared memory block') || /lock file .* already exists/.test(line))
  return { ready: false as const, lockRace, lines }
}

/** Small: one person's control plane, on a laptop. */
function settings(places: Places, durable: boolean): string[] {
  const values: Record<string, string | number> = {
    listen_addresses: '', port: SOCKET_PORT, unix_socket_directories: places.socketDir, unix_socket_permissions: '0700',
    max_connections: 50, shared_buffers: '32MB', max_worker_processes: 2, max_parallel_workers: 0, autovacuum_max_workers: 1,
    io_method: 'sync', max_logical_replication_workers: 0, jit: 'off', huge_pages: 'off', wal_level: 'minimal', max_wal_senders: 0, max_wal_size: '256MB', min_wal_size: '32MB',
    log_checkpoints: 'off', log_timezone: 'UTC', timezone: 'UTC', logging_collector: 'off', log_destination: 'stderr',
    // The text of a statement may carry what somebody typed.
    log_min_error_statement: 'panic', idle_in_transaction_session_timeout: '60s',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  }
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

interface Started { readonly child: Child; readonly places: Places; readonly existed: boolean; readonly release: () => void; readonly log: (line: string) => void; readonly signal: AbortSignal | undefined }
function supervise({ child, places, existed, release, log, signal }: Started): Embedded {
  const listeners = new Set<(exit: Exit) => void>()
  let stopping: Promise<void> | null = null
  let ended: Exit | null = null
  void child.exited.then(() => {
    const exit = { code: child.exitCode, signal: child.signalCode }
    ended = exit
    signal?.removeEventListener('abort', onAbort)
    release()
    if (stopping === null) for (const listener of listeners) listener(exit)
  })
  const stop = () => (stopping ??= endChild(child))
  const onAbort = () => { stop().catch((error: unknown) => log(`stopping the database: ${String(error)}`)) }
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted === true) onAbort()
  return {
    address: socketAddress(places.socketDir),
    pid: child.pid, existed, stop,
    onExit(listener) {
      if (ended !== null && stopping === null) listener(ended)
      else listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** Fast (ends sessions, writes everything), then at once (recovers at the next start), then by force. */
async function endChild(child: Child): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    child.kill(signal)
    const timeout = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => timeout.resolve(false), FAST_STOP_MS)
    const gone = await Promise.race([child.exited.then(() => true), timeout.promise])
    clearTimeout(timer)
    if (gone) return
  }
}

const LINE_LIMIT = 8192
async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = (parts.pop() ?? '').slice(-LINE_LIMIT)
    for (const line of parts) onLine(line.slice(0, LINE_LIMIT))
  }
  if (rest !== '') onLine(rest)
}
