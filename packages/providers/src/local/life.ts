/**
 * The life of a machine that is a process of this host: found by its directory, independent of every server, ended by a
 * signal and then without one. What the process is, its kind says.
 */
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Isolation } from '@berth/wire'
import { ProviderFault, type CallContext, type Inventory, type Leftover, type Machine, type MachineMade, type MachineSpec, type Observed, type Owner, type Provider, type ProviderCheck, type Quote, type Step } from '@berth/core'
import { createOneAtATime } from '../one-at-a-time.ts'
import { asFault } from '../world-fault.ts'
import { createMachine, ownerKey, readExit, readMachine, readProcess, removeDebris, removeDebrisOf, removeEmptyParents, removeMachine, scan, type MachineFiles, type MachineRecord, type Place } from './machine-dir.ts'
import { isAlive, markedProcesses, signalProcess, sweep, type Mark } from './process-tree.ts'
import { writeWalls } from './start.ts'

/** What differs between a daemon that is a process here and a computer that is one. */
export interface MachineKind {
  readonly name: string
  readonly installation: string
  readonly place: Place
  /** The variable in the environment of each of its processes. */
  readonly mark: Mark
  /** For the machine to save and end after it was asked to; then everything is killed. */
  readonly graceMs: number
  check(signal: AbortSignal): Promise<ProviderCheck>
  quote(): Quote
  /** Throws a ProviderFault for what it cannot be. */
  refuse(spec: MachineSpec): void
  /** Who the processes are, for a machine that is made now. */
  usersFor(machine: { readonly owner: Owner; readonly spec: MachineSpec; readonly isolation: Isolation }, signal: AbortSignal): Promise<Pick<MachineRecord, 'uid' | 'agentUid' | 'slow'>>
  /** Throws a ProviderFault where a person must accept more than what `check` found. */
  isolationFor(spec: MachineSpec, check: ProviderCheck): Isolation
  /** `isNew`: its disk is empty. Resolves when its host process is up. */
  start(machine: StartedMachine, context: CallContext): Promise<void>
  /** What people are told of a machine that was made now. */
  madeFrom(spec: MachineSpec, signal: AbortSignal): Promise<MachineMade | null>
}
export interface StartedMachine { readonly owner: Owner; readonly spec: MachineSpec; readonly isolation: Isolation; readonly machine: { readonly dir: string; readonly record: MachineRecord }; readonly isNew: boolean }

const STOP_LOOK_MS = 25
const STOP_WAIT_MS = 1_000

export function createProcessMachines(kind: MachineKind): Provider {
  const { place } = kind
  const oneAtATime = createOneAtATime()
  const serially = <T>(owner: Owner, work: () => Promise<T>): Promise<T> => oneAtATime(owner, () => asFault(work()))

  return {
    name: kind.name,
    check: (signal) => kind.check(signal),
    quote: () => kind.quote(),
    ensure: (owner, spec, context) => {
      const work = (): Promise<Step<Machine>> => ensure(kind, { owner, spec }, context)
      // Nothing begins or ends of a machine while another one is made of it.
      return serially(owner, spec.systemOf === undefined ? work : () => serially(spec.systemOf ?? owner, work))
    },
    observe: async (owner) => machineOf(owner, await readMachine(place, owner), processesOf(kind.mark)),
    list: (of) => list(kind, of),
    stop: (owner, context) => serially(owner, () => stop(kind, owner, context)),
    destroy: (owner, context) => serially(owner, () => destroy(kind, owner, context)),
    setEgress: (owner, egress) => serially(owner, async () => {
      const found = await readMachine(place, owner)
      if (found === null) return
      refuseForeign(owner, found)
      if (found.record?.isolation === 'none' && egress === 'closed') throw new ProviderFault('unsupported', 'nothing stands between this machine and the network', { hint: 'use a sandboxed machine' })
      await writeWalls(found.dir, egress)
    }),
    leftovers: (of) => leftovers(kind, of),
    removeLeftover: (leftover, signal) => asFault(removeLeftover(kind, leftover, signal)),
    logs: async (owner, tailBytes) => tail((await readMachine(place, owner))?.dir, tailBytes),
  }
}

async function ensure(kind: MachineKind, { owner, spec }: { owner: Owner; spec: MachineSpec }, context: CallContext): Promise<Step<Machine>> {
  const { signal } = context
  signal.throwIfAborted()
  if (!(spec.memoryBytes > 0) || !(spec.cpus > 0) || !(spec.pids > 0)) throw new ProviderFault('invalid', 'memory, cpus and pids must be above zero', { hint: 'leave them out for the defaults' })
  if (owner.installation !== kind.installation) throw new ProviderFault('conflict', 'this machine belongs to another installation', { hint: 'use the server that made it' })
  kind.refuse(spec)
  const found = await readMachine(kind.place, owner)
  if (found !== null) refuseForeign(owner, found)
  const running = await machineOf(owner, found, processesOf(kind.mark))
  if (running.observed.state === 'running') return { done: true, value: running }
  const isolation = kind.isolationFor(spec, await kind.check(signal))
  signal.throwIfAborted()
  const record: MachineRecord = found?.record ?? { version: 1, owner, createdAt: Date.now(), isolation, ...await kind.usersFor({ owner, spec, isolation }, signal) }
  const machine = found ?? await createMachine(kind.place, record)
  await sweep(kind.mark, ownerKey(owner), signal)
  const [made] = await Promise.all([found === null ? kind.madeFrom(spec, signal) : null, kind.start({ owner, spec, isolation, machine: { dir: machine.dir, record }, isNew: found === null }, context)])
  return { done: true, value: { ...await machineOf(owner, await readMachine(kind.place, owner), processesOf(kind.mark)), made } }
}

function refuseForeign(owner: Owner, found: MachineFiles): MachineRecord {
  if (found.record !== null && ownerKey(found.record.owner) === ownerKey(owner)) return found.record
  throw new ProviderFault('conflict', `${found.dir} belongs to ${found.record === null ? 'somebody unknown' : 'another installation'}`, { hint: 'move it away, or delete the workspace and create it again' })
}

async function machineOf(owner: Owner, found: MachineFiles | null, hasProcesses: HasProcesses): Promise<Machine> {
  if (found === null) return { ref: {}, owner, observed: { state: 'absent' }, createdAt: 0, isolation: null }
  const { dir, record } = found
  if (record === null) return { ref: { dir }, owner: 'ambiguous', observed: { state: 'unknown', raw: 'machine.json is missing or unreadable' }, createdAt: 0, isolation: null }
  const ref = record.uid === null ? { dir } : { dir, uid: record.uid }
  const mine = ownerKey(record.owner) === ownerKey(owner)
  return { ref, owner: mine ? record.owner : 'foreign', observed: await observedIn(dir, record, hasProcesses), createdAt: record.createdAt, isolation: record.isolation }
}

/** Whether any lives that carries this owner's key. */
type HasProcesses = (key: string) => Promise<boolean>
const processesOf = (mark: Mark): HasProcesses => async (key) => (await markedProcesses(mark, (value) => value === key)).length > 0

async function observedIn(dir: string, record: MachineRecord, hasProcesses: HasProcesses): Promise<Observed> {
  const file = await readProcess(dir)
  if (file !== null && isAlive(file)) return { state: 'running', startedAt: file.startedAt, ...(record.slow === true ? { slow: true as const } : {}) }
  const exit = await readExit(dir)
  // Begun by a server that was killed at it, or left by a host process that was: nobody talks to them any more.
  const strays = await hasProcesses(ownerKey(record.owner)) ? { charged: true as const } : {}
  if (exit === null) return { state: 'stopped', exitCode: null, detail: file === null ? null : 'its processes were killed', ...strays }
  return { state: 'stopped', exitCode: exit.exitCode, detail: exit.signal === null ? null : `ended by ${exit.signal}`, ...strays }
}

async function list({ place, mark }: MachineKind, installation: string): Promise<Inventory<Machine>> {
  const { machines } = await scan(place, installation)
  // One look at the host for all of them.
  const marked = new Set((await markedProcesses(mark, (value) => value.startsWith(`${installation}/`))).map(({ value }) => value))
  const items: Machine[] = []
  for (const found of machines) {
    // A directory that does not say whose it is stays out of an installation's list; leftovers shows it.
    if (found.record === null || found.record.owner.installation !== installation) continue
    items.push(await machineOf(found.record.owner, found, async (key) => marked.has(key)))
  }
  return { items, complete: true, missing: [] }
}

async function stop({ place, mark, graceMs }: MachineKind, owner: Owner, { signal, poll }: CallContext): Promise<Step<Observed>> {
  const found = await readMachine(place, owner)
  if (found === null) return { done: true, value: { state: 'absent' } }
  const record = refuseForeign(owner, found)
  const since = typeof poll?.['since'] === 'number' ? poll['since'] : Date.now()
  const until = Date.now() + STOP_WAIT_MS
  let asked = poll?.['since'] !== undefined
  for (;;) {
    signal.throwIfAborted()
    const file = await readProcess(found.dir)
    if (file === null || !isAlive(file)) break
    const expired = Date.now() - since > graceMs
    if (expired) signalProcess(file, 'SIGKILL')
    else if (!asked) signalProcess(file, 'SIGTERM')
    asked = true
    if (Date.now() > until) return { done: false, poll: { since }, afterMs: 250, detail: 'waiting for the daemon to save and end' }
    await Bun.sleep(STOP_LOOK_MS)
  }
  await sweep(mark, ownerKey(owner), signal)
  return { done: true, value: await observedIn(found.dir, record, processesOf(mark)) }
}

async function destroy({ place, mark }: MachineKind, owner: Owner, { signal }: CallContext): Promise<Step<null>> {
  const found = await readMachine(place, owner)
  if (found !== null) {
    refuseForeign(owner, found)
    const file = await readProcess(found.dir)
    if (file !== null) signalProcess(file, 'SIGKILL')
  }
  await sweep(mark, ownerKey(owner), signal)
  if (found !== null) await removeMachine(found.dir)
  await removeDebrisOf(place, owner)
  await removeEmptyParents(place, owner)
  return { done: true, value: null }
}

/** Unfinished directories, directories that name nobody, and processes whose machine directory is gone. */
async function leftovers({ place, mark }: MachineKind, installation: string): Promise<Inventory<Leftover>> {
  const { machines, debris } = await scan(place, installation)
  const items: Leftover[] = []
  const ageOf = async (path: string): Promise<number> => (await stat(path).catch(() => null))?.mtimeMs ?? 0
  for (const { path, workspaceId, generation } of debris) {
    // Its name is of this provider's making, below a home that belongs to this installation.
    items.push({ kind: 'directory', name: path, owner: { installation, workspaceId, generation }, createdAt: await ageOf(path) })
  }
  for (const { dir, record } of machines) if (record === null) items.push({ kind: 'directory', name: dir, owner: 'ambiguous', createdAt: await ageOf(dir) })
  const known = new Set(machines.flatMap(({ record }) => record === null ? [] : [ownerKey(record.owner)]))
  const stray = await markedProcesses(mark, (value) => value.startsWith(`${installation}/`) && !known.has(value))
  for (const [value, processes] of Map.groupBy(stray, (one) => one.value)) {
    const owner = parseOwner(value)
    if (owner !== null) items.push({ kind: 'processes', name: value, owner, createdAt: Math.min(...processes.map(({ startedAt }) => startedAt)) })
  }
  return { items, complete: true, missing: [] }
}

function parseOwner(key: string): Owner | null {
  const [installation, workspaceId, generation] = key.split('/')
  if (installation === undefined || workspaceId === undefined || !/^\d+$/.test(generation ?? '')) return null
  return { installation, workspaceId, generation: Number(generation) }
}

async function removeLeftover(kind: MachineKind, leftover: Leftover, signal: AbortSignal): Promise<void> {
  const still = (await leftovers(kind, kind.installation)).items.find((one) => one.kind === leftover.kind && one.name === leftover.name)
  if (still === undefined) return
  if (still.kind === 'processes') {
    await sweep(kind.mark, still.name, signal)
    if (typeof still.owner === 'object') await removeEmptyParents(kind.place, still.owner)
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
