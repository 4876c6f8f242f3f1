/**
 * The `local` provider: a machine is a process tree on this host, in a sandbox where one works. It needs neither a
 * container engine nor tmux. Its processes belong to no server: they go on when the server dies, and a later server
 * finds them by their machine directory.
 */
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Isolation } from '@berth/wire'
import { ProviderFault, type CallContext, type Inventory, type Leftover, type Machine, type MachineMade, type MachineSpec, type Observed, type Owner, type Provider, type ProviderCheck, type Step } from '@berth/core'
import { createOneAtATime } from '../one-at-a-time.ts'
import { asFault } from '../world-fault.ts'
import { createMachine, ownerKey, readExit, readMachine, readProcess, removeDebris, removeDebrisOf, removeEmptyParents, removeMachine, plainRootReaches, scan, uidsOf, type MachineFiles, type MachineRecord } from './machine-dir.ts'
import { isAlive, markedProcesses, signalProcess, sweep } from './process-tree.ts'
import { checkSandbox, twoUsersWork } from './probe.ts'
import { startMachine, writeWalls } from './start.ts'

/** For the server, which is the way out of machines that have none of their own. */
export { isPublic, parseHead } from './egress.ts'

export interface LocalProviderOptions {
  readonly installation: string
  readonly home: string
  readonly log: (line: string) => void
  /** `host` or `host:port` that machines may reach although it is private. */
  readonly egressAllow?: readonly string[]
  /** Loopback ports of this host that machines may reach as `host.docker.internal:<port>`. */
  readonly hostPorts?: readonly number[]
  /** More of the host's files that machines may read (a toolchain outside /usr). */
  readonly readOnlyPaths?: readonly string[]
  /** `none` skips the sandbox even where it works; a person must have accepted it. */
  readonly sandbox?: 'auto' | 'none'
}

/** SIGTERM, then this long for the daemon to save and end its children, then everything is killed. */
const STOP_GRACE_MS = 10_000
const STOP_LOOK_MS = 25
const STOP_WAIT_MS = 1_000

export function createLocalProvider(options: LocalProviderOptions): Provider {
  const { home, installation } = options
  const isolationNow = async (signal: AbortSignal): Promise<ProviderCheck> => checkSandbox(options.sandbox ?? 'auto', signal)
  const oneAtATime = createOneAtATime()
  const serially = <T>(owner: Owner, work: () => Promise<T>): Promise<T> => oneAtATime(owner, () => asFault(work()))

  return {
    name: 'local',
    check: isolationNow,
    quote: () => ({ currency: 'USD', runningMicrosPerHour: 0, stoppedMicrosPerHour: 0, note: 'runs on this computer' }),
    ensure: (owner, spec, context) => serially(owner, () => ensure(options, owner, { spec, context, check: isolationNow })),
    observe: async (owner) => machineOf(owner, await readMachine(home, owner)),
    list: (of) => list(home, of),
    stop: (owner, context) => serially(owner, () => stop(home, owner, context)),
    destroy: (owner, context) => serially(owner, () => destroy(home, owner, context)),
    setEgress: (owner, egress) => serially(owner, async () => {
      const found = await readMachine(home, owner)
      if (found === null) return
      refuseForeign(owner, found)
      if (found.record?.isolation !== 'sandbox' && egress === 'closed') throw new ProviderFault('unsupported', 'nothing stands between this machine and the network', { hint: 'use a sandboxed machine' })
      await writeWalls(found.dir, egress)
    }),
    leftovers: (of) => leftovers(home, of),
    removeLeftover: (leftover, signal) => asFault(removeLeftover({ home, installation }, leftover, signal)),
    logs: async (owner, tailBytes) => tail((await readMachine(home, owner))?.dir, tailBytes),
  }
}

interface EnsureCall { readonly spec: MachineSpec; readonly context: CallContext; readonly check: (signal: AbortSignal) => Promise<ProviderCheck> }

async function ensure(options: LocalProviderOptions, owner: Owner, { spec, context, check }: EnsureCall): Promise<Step<Machine>> {
  const { signal } = context
  signal.throwIfAborted()
  refuseSpec(options, owner, spec)
  const found = await readMachine(options.home, owner)
  if (found !== null) refuseForeign(owner, found)
  const running = await machineOf(owner, found)
  if (running.observed.state === 'running') return { done: true, value: running }
  const isolation = acceptedIsolation(spec, await check(signal))
  signal.throwIfAborted()
  const record: MachineRecord = found?.record ?? { version: 1, owner, createdAt: Date.now(), isolation, ...await usersFor({ home: options.home, owner, spec, isolation }, signal) }
  const machine = found ?? await createMachine(options.home, record)
  await sweep(ownerKey(owner), signal)
  context.log?.(isolation === 'sandbox' ? 'starting a sandboxed process tree' : 'starting a process tree without a sandbox')
  const [made] = await Promise.all([found === null ? withoutDevcontainer(spec, signal) : null, startMachine({ options, owner, spec, isolation, machine: { dir: machine.dir, record } }, signal)])
  return { done: true, value: { ...await machineOf(owner, await readMachine(options.home, owner)), made } }
}

/** So long is a project looked at whose names nobody knows; then nothing is said of it. */
const LOOK_MS = 10_000

/** A machine here has the programs of this computer, whatever the project asks for; its people are told. */
async function withoutDevcontainer({ project }: MachineSpec, signal: AbortSignal): Promise<MachineMade | null> {
  const path = project?.devcontainer === undefined ? await lookedUp(project, signal) : project.devcontainer
  if (path === null) return null
  const notice = { level: 'warning', code: 'devcontainer_ignored', message: `${path} is not used: a local machine has the programs of this computer`, hint: 'use --provider docker for the environment that the project describes' } as const
  return { from: 'default', notices: [notice], ports: [], recovery: null }
}

async function lookedUp(project: MachineSpec['project'], signal: AbortSignal): Promise<string | null> {
  if (project === undefined) return null
  const said = await project.look({ signal: AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]), log: () => {} }).catch(() => null)
  signal.throwIfAborted()
  return said?.kind === 'devcontainer' ? said.path : null
}

/** Two where they work; a machine keeps for its life what it began with, because its files belong to them. */
async function usersFor({ home, owner, spec, isolation }: { home: string; owner: Owner; spec: MachineSpec; isolation: Isolation }, signal: AbortSignal): Promise<Pick<MachineRecord, 'uid' | 'agentUid'>> {
  const uids = uidsOf(owner)
  if (uids === null) return { uid: null }
  const reached = isolation === 'sandbox' && (await Promise.all([home, spec.boot.toolbox.hostDir, process.execPath].map(plainRootReaches))).every(Boolean)
  return reached && await twoUsersWork(signal) ? { uid: uids.daemon, agentUid: uids.agent } : { uid: uids.daemon }
}

function refuseSpec(options: LocalProviderOptions, owner: Owner, spec: MachineSpec): void {
  if (!(spec.memoryBytes > 0) || !(spec.cpus > 0) || !(spec.pids > 0)) throw new ProviderFault('invalid', 'memory, cpus and pids must be above zero', { hint: 'leave them out for the defaults' })
  if (owner.installation !== options.installation) throw new ProviderFault('conflict', 'this machine belongs to another installation', { hint: 'use the server that made it' })
  if (spec.image !== null) throw new ProviderFault('unsupported', 'the local provider runs no image', { hint: 'leave the image out, or use --provider docker' })
}

function acceptedIsolation(spec: MachineSpec, { isolation, detail, hint }: ProviderCheck): ProviderCheck['isolation'] {
  if (isolation !== 'none' || spec.acceptNoIsolation === true) return isolation
  throw new ProviderFault('unsupported', `nothing would separate the agent from this computer: ${detail}`, { hint: hint ?? 'accept it explicitly, or use --provider docker' })
}

function refuseForeign(owner: Owner, found: MachineFiles): void {
  if (found.record !== null && ownerKey(found.record.owner) === ownerKey(owner)) return
  throw new ProviderFault('conflict', `${found.dir} belongs to ${found.record === null ? 'somebody unknown' : 'another installation'}`, { hint: 'move it away, or delete the workspace and create it again' })
}

async function machineOf(owner: Owner, found: MachineFiles | null): Promise<Machine> {
  if (found === null) return { ref: {}, owner, observed: { state: 'absent' }, createdAt: 0, isolation: null }
  const { dir, record } = found
  if (record === null) return { ref: { dir }, owner: 'ambiguous', observed: { state: 'unknown', raw: 'machine.json is missing or unreadable' }, createdAt: 0, isolation: null }
  const ref = record.uid === null ? { dir } : { dir, uid: record.uid }
  const mine = ownerKey(record.owner) === ownerKey(owner)
  return { ref, owner: mine ? record.owner : 'foreign', observed: await observedIn(dir), createdAt: record.createdAt, isolation: record.isolation }
}

async function observedIn(dir: string): Promise<Observed> {
  const file = await readProcess(dir)
  if (file !== null && isAlive(file)) return { state: 'running', startedAt: file.startedAt }
  const exit = await readExit(dir)
  if (exit === null) return { state: 'stopped', exitCode: null, detail: file === null ? null : 'its processes were killed' }
  return { state: 'stopped', exitCode: exit.exitCode, detail: exit.signal === null ? null : `ended by ${exit.signal}` }
}

async function list(home: string, installation: string): Promise<Inventory<Machine>> {
  const { machines } = await scan(home, installation)
  const items: Machine[] = []
  for (const found of machines) {
    // A directory that does not say whose it is stays out of an installation's list; leftovers shows it.
    if (found.record === null || found.record.owner.installation !== installation) continue
    items.push(await machineOf(found.record.owner, found))
  }
  return { items, complete: true, missing: [] }
}

async function stop(home: string, owner: Owner, { signal, poll }: CallContext): Promise<Step<Observed>> {
  const found = await readMachine(home, owner)
  if (found === null) return { done: true, value: { state: 'absent' } }
  refuseForeign(owner, found)
  const since = typeof poll?.['since'] === 'number' ? poll['since'] : Date.now()
  const until = Date.now() + STOP_WAIT_MS
  let asked = poll?.['since'] !== undefined
  for (;;) {
    signal.throwIfAborted()
    const file = await readProcess(found.dir)
    if (file === null || !isAlive(file)) break
    const expired = Date.now() - since > STOP_GRACE_MS
    if (expired) signalProcess(file, 'SIGKILL')
    else if (!asked) signalProcess(file, 'SIGTERM')
    asked = true
    if (Date.now() > until) return { done: false, poll: { since }, afterMs: 250, detail: 'waiting for the daemon to save and end' }
    await Bun.sleep(STOP_LOOK_MS)
  }
  await sweep(ownerKey(owner), signal)
  return { done: true, value: await observedIn(found.dir) }
}

async function destroy(home: string, owner: Owner, { signal }: CallContext): Promise<Step<null>> {
  const found = await readMachine(home, owner)
  if (found !== null) {
    refuseForeign(owner, found)
    const file = await readProcess(found.dir)
    if (file !== null) signalProcess(file, 'SIGKILL')
  }
  await sweep(ownerKey(owner), signal)
  if (found !== null) await removeMachine(found.dir)
  await removeDebrisOf(home, owner)
  await removeEmptyParents(home, owner)
  return { done: true, value: null }
}

/** Unfinished directories, directories that name nobody, and processes whose machine directory is gone. */
async function leftovers(home: string, installation: string): Promise<Inventory<Leftover>> {
  const { machines, debris } = await scan(home, installation)
  const items: Leftover[] = []
  const ageOf = async (path: string): Promise<number> => (await stat(path).catch(() => null))?.mtimeMs ?? 0
  for (const { path, workspaceId, generation } of debris) {
    // Its name is of this provider's making, below a home that belongs to this installation.
    items.push({ kind: 'directory', name: path, owner: { installation, workspaceId, generation }, createdAt: await ageOf(path) })
  }
  for (const { dir, record } of machines) if (record === null) items.push({ kind: 'directory', name: dir, owner: 'ambiguous', createdAt: await ageOf(dir) })
  const known = new Set(machines.flatMap(({ record }) => record === null ? [] : [ownerKey(record.owner)]))
  const stray = await markedProcesses((value) => value.startsWith(`${installation}/`) && !known.has(value))
  for (const value of new Set(stray.map((one) => one.value))) {
    const owner = parseOwner(value)
    if (owner !== null) items.push({ kind: 'processes', name: value, owner, createdAt: Date.now() })
  }
  return { items, complete: true, missing: [] }
}

function parseOwner(key: string): Owner | null {
  const [installation, workspaceId, generation] = key.split('/')
  if (installation === undefined || workspaceId === undefined || !/^\d+$/.test(generation ?? '')) return null
  return { installation, workspaceId, generation: Number(generation) }
}

async function removeLeftover({ home, installation }: { home: string; installation: string }, leftover: Leftover, signal: AbortSignal): Promise<void> {
  const still = (await leftovers(home, installation)).items.find((one) => one.kind === leftover.kind && one.name === leftover.name)
  if (still === undefined) return
  if (still.kind === 'processes') {
    await sweep(still.name, signal)
    if (typeof still.owner === 'object') await removeEmptyParents(home, still.owner)
    return
  }
  // A machine directory that names nobody may be somebody's work.
  if (typeof still.owner !== 'object') {
    throw new ProviderFault('conflict', `${still.name} does not say whose it is`, { hint: 'look into it and remove it by hand' })
  }
  await removeDebris(still.name)
}

async function tail(dir: string | undefined, bytes: number): Promise<string> {
  const file = dir === undefined ? null : await open(join(dir, 'log'), 'r').catch(() => null)
  if (file === null) return ''
  try {
    const { size } = await file.stat()
    const start = Math.max(0, size - bytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(bytes, size)), 0, Math.min(bytes, size), start)
    return buffer.subarray(0, bytesRead).toString('utf8')
  } finally {
    await file.close()
  }
}
