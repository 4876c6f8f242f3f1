/**
 * The host side of one local machine, outside its sandbox and independent of the server: starts the sandbox, keeps
 * its output, its way out (egress.ts) and its socket towards the server's link. Its pid and start time are the
 * machine's identity. When it dies, the kernel ends the sandbox; when the sandbox ends, it says how and goes.
 *
 * This file is copied into the machine's directory with what it imports, and runs on its own.
 */
import { appendFileSync, chmodSync, chownSync, closeSync, linkSync, readFileSync, renameSync, rmSync, statSync, unwatchFile, watchFile, writeFileSync, writeSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { createEgress, WALLS, type EgressPolicy } from './egress.ts'
import { forward, type Forward } from './forward.ts'
import { spawnWithTwoUsers, type TwoUsers } from './user-namespace.ts'

/** Written by the provider as host.json in the machine's directory, which is the working directory here. */
export interface HostSpec {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** How the daemon is asked to end: its init sees the end of stdin, or it gets the signal itself. */
  readonly endBy: 'stdin' | 'signal'
  readonly egress: EgressPolicy | null
  /** The sandbox's own users; null: it has one. */
  readonly users: TwoUsers | null
  /** Where the server's link listens: a unix socket's path or a loopback port. */
  readonly link: { readonly path: string } | { readonly host: string; readonly port: number } | null
}
export interface ProcessFile { readonly pid: number; readonly startTime: string; readonly bootId: string; readonly startedAt: number }
export interface ExitFile { readonly exitCode: number | null; readonly signal: string | null; readonly at: number }

const LOG = 'log'
const WALLS_LOOK_MS = 500
const LOG_LIMIT_BYTES = 4 * 1024 * 1024

async function main(): Promise<number> {
  const spec = JSON.parse(readFileSync('host.json', 'utf8')) as HostSpec
  if (!claim()) return 0
  const servers: Pick<Server | Forward, 'close'>[] = []
  try {
    rmSync('exit.json', { force: true })
    if (spec.egress !== null) servers.push(endedByWalls(await serveEgress(spec.egress, 'sock/egress.sock')))
    if (spec.link !== null) servers.push(serveLink(spec.link, 'sock/link.sock', spec.users?.daemon))
    return await run(spec)
  } finally {
    for (const server of servers) server.close()
    unclaim()
  }
}

/** What was open when they closed goes too. */
function endedByWalls(server: Server): Server {
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  watchFile(WALLS, { interval: WALLS_LOOK_MS, persistent: false }, () => {
    if (readFileSync(WALLS, 'utf8') !== 'open') for (const socket of open) socket.destroy()
  })
  server.once('close', () => unwatchFile(WALLS))
  return server
}

/** Open until the provider says otherwise. What cannot be read is closed. */
function egressNow(policy: EgressPolicy): () => EgressPolicy {
  return () => {
    try {
      return { ...policy, closed: readFileSync(WALLS, 'utf8') !== 'open' }
    } catch {
      return { ...policy, closed: true }
    }
  }
}

async function run(spec: HostSpec): Promise<number> {
  const child = spec.users === null ? Bun.spawn([...spec.argv], { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', env: { ...spec.env } }) : await spawnWithTwoUsers(spec.argv, spec.env, spec.users)
  const end = (): void => {
    if (spec.endBy === 'signal') child.kill('SIGTERM')
    else void child.stdin.end()
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
  process.on('SIGHUP', () => {})
  writeSync(1, 'ready\n')
  // The provider has what it waited for; nobody reads this pipe from now on.
  closeSync(1)
  const drained = Promise.all([keep(child.stdout), keep(child.stderr)])
  const code = await child.exited
  writeAtomically('exit.json', { exitCode: child.signalCode === null ? code : null, signal: child.signalCode === null ? null : String(child.signalCode), at: Date.now() } satisfies ExitFile)
  // A process that escaped the daemon may hold the pipe for ever; what it says is not ours to wait for.
  await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, 500))])
  return 0
}

/** One host per machine: whoever links the file first. A file of a dead process was removed by the provider. */
function claim(): boolean {
  const mine: ProcessFile = { pid: process.pid, startTime: startTime(), bootId: bootId(), startedAt: Date.now() }
  const draft = `.process-${process.pid}`
  writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 })
  try {
    linkSync(draft, 'process.json')
    return true
  } catch {
    return false
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Not the claim of a host that came after this one. */
function unclaim(): void {
  try {
    const { pid } = JSON.parse(readFileSync('process.json', 'utf8')) as ProcessFile
    if (pid === process.pid) rmSync('process.json')
  } catch {
    // Taken away already, by who stops this machine.
  }
}

function startTime(): string {
  if (process.platform !== 'linux') return Bun.spawnSync(['ps', '-o', 'lstart=', '-p', String(process.pid)]).stdout.toString().trim()
  const stat = readFileSync('/proc/self/stat', 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function bootId(): string {
  return process.platform === 'linux' ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : ''
}

/** Paths are relative to the machine's directory: socket paths have a short limit, homes have none. */
async function serveEgress(policy: EgressPolicy, path: string): Promise<Server> {
  const server = createEgress(egressNow(policy), (line) => log(`${line}\n`))
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path }, resolve)
  })
  server.on('error', (error) => log(`${path}: ${error.message}\n`))
  openTo(path)
  return server
}

function serveLink(link: NonNullable<HostSpec['link']>, path: string, only?: number): Forward {
  rmSync(path, { force: true })
  const served = forward({ path }, link)
  openTo(path, only)
  return served
}

/** The machine's users are others than ours; only its sandbox has this directory in view. */
function openTo(path: string, only?: number): void {
  chmodSync(path, only === undefined ? 0o666 : 0o600)
  if (only !== undefined) chownSync(path, only, only)
}

async function keep(stream: ReadableStream<Uint8Array>): Promise<void> {
  for await (const chunk of stream) log(chunk)
}

let logged = -1
function log(bytes: Uint8Array | string): void {
  try {
    if (logged < 0) logged = statSync(LOG, { throwIfNoEntry: false })?.size ?? 0
    if (logged > LOG_LIMIT_BYTES) {
      renameSync(LOG, `${LOG}.1`)
      logged = 0
    }
    appendFileSync(LOG, bytes, { mode: 0o600 })
    logged += bytes.length
  } catch {
    // A full disk must not end the machine: what it prints is lost, the machine goes on.
  }
}

function writeAtomically(path: string, value: unknown): void {
  writeFileSync(`.${path}`, JSON.stringify(value), { mode: 0o600 })
  renameSync(`.${path}`, path)
}

if (import.meta.main) {
  main().then((code) => process.exit(code), (cause: unknown) => {
    log(`machine-host: ${cause instanceof Error ? cause.message : String(cause)}\n`)
    process.exit(70)
  })
}
