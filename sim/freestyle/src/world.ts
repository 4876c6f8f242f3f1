/** The state of one account, and what a test may make happen in it. Nothing here speaks HTTP. */
import { createLedger, createTransitions, type Ledger, type Transitions } from '@berth/sim-vendor'
import type { ChangeVm, ExecEnded, NewSnapshot, NewVm, ResizeVm } from './described.ts'
import { Refusal, type Backend, type Command, type Fault, type Limits, type Resources, type Snapshot, type Vm } from './model.ts'
import { computeHourly, costOf, diskHourly, type Charged } from './tariff.ts'

export interface WorldOptions {
  /** Where machines really run. Absent: nowhere. */
  readonly backend?: Backend
  /** ms since the epoch; the host's clock by default. */
  readonly now?: () => number
  /** How long a start or a pause takes. */
  readonly transitionMs?: number
  /** The longest that the plan keeps an unused machine. */
  readonly planKeepsSeconds?: number
}
interface State { readonly backend: Backend | undefined; readonly planKeepsSeconds: number | null; readonly vms: Map<string, Vm>; readonly snapshots: Map<string, Snapshot>; readonly ledger: Ledger<Charged>; readonly transitions: Transitions; hasRoom: (resources: Resources) => boolean; now(): number; nextId(): string }

const GIB = 1024
/** The vendor's own; the third is what is taken where none is named. */
export const SNAPSHOTS: Readonly<Record<string, Resources>> = {
  'freestyle/busybox': { cpu: 1, memory: 128, storage: GIB },
  'freestyle/ubuntu-sm': { cpu: 2, memory: 4 * GIB, storage: 16 * GIB },
  'freestyle/ubuntu': { cpu: 4, memory: 8 * GIB, storage: 32 * GIB },
  'freestyle/ubuntu-lg': { cpu: 8, memory: 16 * GIB, storage: 64 * GIB },
  'freestyle/ubuntu-xl': { cpu: 16, memory: 32 * GIB, storage: 128 * GIB },
  'freestyle/ubuntu-2xl': { cpu: 32, memory: 64 * GIB, storage: 128 * GIB },
}
const DEFAULT_SNAPSHOT = 'freestyle/ubuntu'
const NEVER = -1
const SECOND = 1000

export function createWorld({ backend, now: clock = Date.now, transitionMs = 0, planKeepsSeconds }: WorldOptions) {
  let last = 0
  let offsetMs = 0
  const now = (): number => clock() + offsetMs
  const state: State = { backend, planKeepsSeconds: planKeepsSeconds ?? null, vms: new Map(), snapshots: new Map(), ledger: createLedger(now, costOf), transitions: createTransitions({ now, durationMs: transitionMs }), hasRoom: () => true, now, nextId: () => (last += 1).toString(36).padStart(10, '0') }
  const acts = vmActs(state)
  backend?.onDown((id) => {
    const vm = state.vms.get(id)
    if (vm?.state === 'running' || vm?.state === 'starting') acts.poweredOff(vm)
  })
  return {
    vms: state.vms, snapshots: state.snapshots, ledger: state.ledger, now,
    /** What the host of machines could not do: a fault of the test's ground. */
    failed: state.transitions.failed,
    asked: [] as string[], faults: [] as Fault[], keys: new Set<string>(),
    /** Calls that a client lets go on in the background are answered later. */
    inBackground: false,
    advance(ms: number) { offsetMs += ms },
    /** Transitions never end, or do again. */
    stick: (is: boolean) => state.transitions.stick(is),
    limitCapacity(to: State['hasRoom']) { state.hasRoom = to },
    settle() {
      state.transitions.settle()
      expire(state, acts)
    },
    ...acts, ...snapshotActs(state),
  }
}
export type World = ReturnType<typeof createWorld>
type Acts = ReturnType<typeof vmActs>

/** `work`: what really happens; it has ended before its time counts as over. */
const later = (state: State, after: () => void, work?: (backend: Backend) => Promise<void>): void => state.transitions.go(state.backend && work && (() => work(state.backend as Backend)), after)
const isCharged = ({ state }: Vm): boolean => state !== 'paused' && state !== 'stopped'
export const ranSeconds = (vm: Vm, now: number): number => (vm.ranMs + (isCharged(vm) ? now - vm.since : 0)) / SECOND

function vmActs(state: State) {
  const { vms, ledger, now } = state
  const enter = (vm: Vm, to: Vm['state']): void => {
    const was = isCharged(vm)
    if (was) vm.ranMs += now() - vm.since
    Object.assign(vm, { state: to, since: now(), updatedAt: now() })
    if (was && !isCharged(vm)) ledger.close('compute', vm.id)
    if (!was && isCharged(vm)) ledger.open({ kind: 'compute', id: vm.id, slug: vm.slug ?? '', hourly: computeHourly(vm.resources) })
  }
  const boot = (vm: Vm, work: (backend: Backend) => Promise<void>): void => later(state, () => { if (vm.state === 'starting') enter(vm, 'running') }, work)
  const takeSlug = (slug: string, reassign: boolean): void => {
    const holder = [...vms.values()].find((each) => each.slug === slug)
    if (holder === undefined) return
    if (!reassign) throw new Refusal(409, 'CONFLICT', `the slug ${slug} is already in use`)
    holder.slug = null
  }
  const acts = {
    find(idOrSlug: string): Vm {
      const vm = vms.get(idOrSlug) ?? [...vms.values()].find(({ slug }) => slug === idOrSlug)
      if (vm === undefined) throw new Refusal(404, 'NOT_FOUND', 'VM not found')
      return vm
    },
    create({ snapshotId, slug = null, reassignSlug = false, displayName = null, automaticRestart = true, metadata = {}, firewall, ...limits }: NewVm): Vm {
      const { snapshot, resources } = beginning(state, snapshotId ?? DEFAULT_SNAPSHOT)
      if (!state.hasRoom(resources)) throw new Refusal(503, 'NO_CAPACITY', 'no machine has room for this VM')
      if (slug !== null) takeSlug(slug, reassignSlug)
      const vm: Vm = { id: `vm-${state.nextId()}`, snapshot, slug, displayName, resources, metadata, automaticRestart, rules: firewall.rules, limits: limitsOf(state, limits, null), keptByPlan: keptByPlan(state, limits, false), state: 'starting', createdAt: now(), updatedAt: now(), since: now(), ranMs: 0, commands: [] }
      vms.set(vm.id, vm)
      ledger.open({ kind: 'disk', id: vm.id, slug: slug ?? '', hourly: diskHourly(resources) })
      ledger.open({ kind: 'compute', id: vm.id, slug: slug ?? '', hourly: computeHourly(resources) })
      boot(vm, (backend) => backend.create(vm))
      return vm
    },
    update(vm: Vm, { slug, reassignSlug = false, displayName, automaticRestart, metadata, ...limits }: ChangeVm): void {
      if (slug !== undefined && slug !== '' && slug !== vm.slug) takeSlug(slug, reassignSlug)
      const merged = Object.fromEntries(Object.entries({ ...vm.metadata, ...metadata }).filter(([, value]) => value !== ''))
      if (Object.keys(merged).length > 64) throw new Refusal(400, 'INVALID_REQUEST', 'at most 64 metadata entries')
      Object.assign(vm, { metadata: merged, limits: limitsOf(state, limits, vm.limits), keptByPlan: keptByPlan(state, limits, vm.keptByPlan), updatedAt: now(), ...(slug === undefined ? {} : { slug: slug || null }), ...(displayName === undefined ? {} : { displayName: displayName || null }), ...(automaticRestart === undefined ? {} : { automaticRestart }) })
    },
    start(vm: Vm): void {
      if (vm.state === 'running' || vm.state === 'starting') return
      if (vm.state === 'pausing') throw new Refusal(409, 'CONFLICT', 'the VM is pausing')
      const { maxRunTotalSeconds: budget } = vm.limits
      if (budget !== null && ranSeconds(vm, now()) >= budget) throw new Refusal(409, 'CONFLICT', 'the VM has spent its runtime budget')
      if (!state.hasRoom(vm.resources)) throw new Refusal(503, 'NO_CAPACITY', 'no machine has room for this VM')
      const wasPaused = vm.state === 'paused'
      if (!wasPaused) vm.commands = []
      enter(vm, 'starting')
      boot(vm, (backend) => (wasPaused ? backend.resume(vm) : backend.boot(vm)))
    },
    pause(vm: Vm): void {
      if (vm.state === 'paused' || vm.state === 'pausing') return
      if (vm.state !== 'running') throw new Refusal(409, 'CONFLICT', `a VM that is ${vm.state} cannot be paused`)
      enter(vm, 'pausing')
      later(state, () => { if (vm.state === 'pausing') enter(vm, 'paused') }, (backend) => backend.pause(vm))
    },
    resize(vm: Vm, { cpu = vm.resources.cpu, memory = vm.resources.memory, storage = vm.resources.storage }: ResizeVm): void {
      if (cpu < vm.resources.cpu || memory < vm.resources.memory || storage < vm.resources.storage) throw new Refusal(400, 'INVALID_REQUEST', 'a VM can only grow')
      if (storage > vm.resources.storage && vm.state !== 'running') throw new Refusal(409, 'CONFLICT', 'a disk grows only while its VM runs')
      vm.resources = { cpu, memory, storage }
      for (const kind of ['compute', 'disk'] as const) {
        if (!ledger.running().some((each) => each.kind === kind && each.id === vm.id)) continue
        ledger.close(kind, vm.id)
        ledger.open({ kind, id: vm.id, slug: vm.slug ?? '', hourly: (kind === 'compute' ? computeHourly : diskHourly)(vm.resources) })
      }
    },
    remove(vm: Vm): void {
      vms.delete(vm.id)
      ledger.close('compute', vm.id)
      ledger.close('disk', vm.id)
      later(state, () => {}, (backend) => backend.remove(vm))
    },
    /** From inside. */
    poweredOff(vm: Vm): void {
      enter(vm, 'stopped')
      if (vm.limits.autoDeleteSeconds === 0) acts.remove(vm)
    },
    /** Whoever asks something of the guest wakes it. */
    async exec(vm: Vm, command: Command): Promise<ExecEnded> {
      acts.start(vm)
      state.transitions.settle()
      if (vm.state !== 'running') throw new Refusal(503, 'AGENT_UNAVAILABLE', 'the guest agent is not there yet')
      vm.commands.push(command.command)
      if (state.backend !== undefined) return state.backend.exec(vm, command)
      if (/\bpoweroff\b/.test(command.command)) acts.poweredOff(vm)
      return { stdout: '', stderr: '', statusCode: 0 }
    },
  }
  return acts
}

/** What a machine is made from: the vendor's, or the account's own. */
function beginning({ snapshots, now }: State, idOrSlug: string): { snapshot: string; resources: Resources } {
  const own = [...snapshots.values()].find(({ id, slug }) => id === idOrSlug || slug === idOrSlug)
  const resources = own?.resources ?? SNAPSHOTS[idOrSlug]
  if (resources === undefined) throw new Refusal(404, 'NOT_FOUND', `snapshot ${idOrSlug} not found`)
  if (own !== undefined) own.lastUsedAt = now()
  return { snapshot: own?.id ?? idOrSlug, resources }
}

function snapshotActs({ snapshots, vms, ledger, transitions, backend, now, nextId }: State) {
  return {
    async snapshot(vm: Vm, { slug: named, displayName: shown, autoDeleteSeconds, ttlSeconds }: NewSnapshot): Promise<Snapshot> {
      const [slug, displayName] = [named ?? null, shown ?? null]
      if (vm.state !== 'running' && vm.state !== 'paused') throw new Refusal(409, 'CONFLICT', `a VM that is ${vm.state} cannot be captured`)
      if ([autoDeleteSeconds, ttlSeconds].some((limit) => limit !== undefined && limit !== NEVER)) throw new Refusal(400, 'INVALID_REQUEST', 'snapshots with an end are not played')
      if (slug !== null && [...snapshots.values()].some((each) => each.slug === slug)) throw new Refusal(409, 'CONFLICT', `the slug ${slug} is already in use`)
      const made: Snapshot = { id: `sh-${nextId()}`, sourceVm: vm.id, resources: vm.resources, slug, displayName, createdAt: now(), lastUsedAt: null }
      // It can be used as soon as this is answered.
      await backend?.snapshot(vm, made)
      snapshots.set(made.id, made)
      ledger.open({ kind: 'snapshot', id: made.id, slug: slug ?? '', hourly: diskHourly(made.resources) })
      return made
    },
    findSnapshot(idOrSlug: string): Snapshot {
      const found = snapshots.get(idOrSlug) ?? [...snapshots.values()].find(({ slug }) => slug === idOrSlug)
      if (found === undefined) throw new Refusal(404, 'NOT_FOUND', 'snapshot not found')
      return found
    },
    removeSnapshot(snapshot: Snapshot): void {
      snapshots.delete(snapshot.id)
      ledger.close('snapshot', snapshot.id)
      // A machine that was made of it does not need it any more.
      if ([...vms.values()].every((vm) => vm.snapshot !== snapshot.id)) transitions.go(backend && (() => backend.removeSnapshot(snapshot)), () => {})
    },
  }
}

/** What is not said stays; -1 is never, and the plan may have the last word. */
function limitsOf({ planKeepsSeconds }: State, given: { readonly [K in keyof Limits]?: number | null | undefined }, before: Limits | null): Limits {
  const one = (name: keyof Limits): number | null => (given[name] === undefined ? before?.[name] ?? null : given[name] === NEVER ? null : given[name] ?? null)
  const keeps = one('autoDeleteSeconds')
  if (planKeepsSeconds !== null && keeps !== null && keeps > planKeepsSeconds) throw new Refusal(400, 'INVALID_REQUEST', 'the plan does not keep unused VMs for so long')
  return { idleTimeoutSeconds: one('idleTimeoutSeconds'), autoDeleteSeconds: keeps ?? planKeepsSeconds, ttlSeconds: one('ttlSeconds'), maxRunSeconds: one('maxRunSeconds'), maxRunTotalSeconds: one('maxRunTotalSeconds') }
}

/** How long an unused one is kept is the plan's doing, and nobody's wish. */
function keptByPlan({ planKeepsSeconds }: State, { autoDeleteSeconds }: { readonly autoDeleteSeconds?: number | null | undefined }, before: boolean): boolean {
  if (autoDeleteSeconds === undefined) return before || planKeepsSeconds !== null
  return planKeepsSeconds !== null && (autoDeleteSeconds === null || autoDeleteSeconds === NEVER)
}

/** What the vendor does by itself when a time is over. Idleness of the network is not played. */
function expire({ vms, now }: State, acts: Acts): void {
  for (const vm of vms.values()) {
    const { ttlSeconds, autoDeleteSeconds, maxRunSeconds, maxRunTotalSeconds } = vm.limits
    const isOver = (limit: number | null, ms: number): boolean => limit !== null && ms >= limit * SECOND
    if (isOver(ttlSeconds, now() - vm.createdAt) || (!isCharged(vm) && isOver(autoDeleteSeconds, now() - vm.since))) acts.remove(vm)
    else if (vm.state === 'running' && (isOver(maxRunSeconds, now() - vm.since) || isOver(maxRunTotalSeconds, ranSeconds(vm, now()) * SECOND))) acts.pause(vm)
  }
}
