/**
 * A provider whose machines are rows in memory. Strict: it checks what it is given, keeps every call, finds machines
 * only by their owner key like a real vendor, and can be told to refuse before or after it acted, to be slow, to lose
 * things, and to show things that are not ours. What it lacks is only what runs inside.
 */
import { ProviderFault, type CallContext, type FaultCategory, type Inventory, type Leftover, type Machine, type MachineBoot, type MachineSpec, type Observed, type Owner, type Provider, type Clock } from '@berth/core'

export type FakeOperation = 'ensure' | 'observe' | 'list' | 'stop' | 'destroy' | 'leftovers' | 'removeLeftover' | 'logs' | 'check'
export interface FakeCall { readonly operation: FakeOperation; readonly owner: Owner | null }
/** `after`: the change happened and the answer was lost. */
export interface FaultScript { readonly operation: FakeOperation; readonly when: 'before' | 'after'; readonly category: FaultCategory; readonly times?: number; readonly message?: string; readonly retryAfterMs?: number }

interface FakeMachine {
  readonly id: number
  owner: Owner | 'foreign' | 'ambiguous'
  observed: Observed
  readonly createdAt: number
  boot: MachineBoot
  bootsWritten: number
  pollsLeft: number
}
interface FakeDisk { readonly owner: Owner | 'foreign' | 'ambiguous'; readonly name: string; readonly createdAt: number; readonly files: Map<string, string> }

export interface FakeProvider extends Provider {
  readonly calls: readonly FakeCall[]
  fault(script: FaultScript): void
  clearFaults(): void
  /** How many times a slow call has to be polled before it is done. */
  slow(polls: number): void
  /** Somebody removed the machine behind our back. `withDisk`: its volumes too. */
  vanish(owner: Owner, options?: { withDisk?: boolean }): void
  /** The machine ended or is in a state by itself. */
  becomes(owner: Owner, observed: Observed): void
  addForeign(name: string): void
  addAmbiguous(name: string): void
  /** The next inventories miss something; null: complete again. */
  incomplete(missing: string | null): void
  machines(): readonly { readonly id: number; readonly owner: Owner | 'foreign' | 'ambiguous'; readonly observed: Observed; readonly boot: MachineBoot; readonly bootsWritten: number }[]
  disks(): readonly { readonly name: string; readonly owner: Owner | 'foreign' | 'ambiguous' }[]
  disk(owner: Owner): Map<string, string> | null
  /** For tests of tests: every ensure buys another machine. */
  forgetOwners(): void
}

const keyOf = (owner: Owner) => `${owner.installation}/${owner.workspaceId}/${owner.generation}`
const sameOwner = (owner: Owner | 'foreign' | 'ambiguous', key: string) => typeof owner === 'object' && keyOf(owner) === key

function checkCall(owner: Owner, spec: MachineSpec, { poll }: CallContext): void {
  if (spec.memoryBytes <= 0 || spec.cpus <= 0 || spec.pids <= 0) throw new ProviderFault('invalid', 'a machine needs memory, cpus and pids')
  if (spec.boot.bootToken === '') throw new ProviderFault('invalid', 'a machine needs a boot token')
  if (poll !== undefined && poll['for'] !== keyOf(owner)) throw new ProviderFault('invalid', 'this poll belongs to another call')
}

export function createFakeProvider(deps: { clock: Clock; name?: string }): FakeProvider {
  const { clock, name = 'fake' } = deps
  const calls: FakeCall[] = []
  let scripts: { script: FaultScript; left: number }[] = []
  let machines: FakeMachine[] = []
  let disks: FakeDisk[] = []
  let nextId = 1
  let slowPolls = 0
  let missing: string | null = null
  let forgetful = false

  const refuse = (operation: FakeOperation, when: 'before' | 'after') => {
    const entry = scripts.find(({ script, left }) => left > 0 && script.operation === operation && script.when === when)
    if (entry === undefined) return
    entry.left -= 1
    const { category, message = `${operation} was refused`, retryAfterMs } = entry.script
    throw new ProviderFault(category, message, { committed: when === 'after' ? 'unknown' : 'no', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
  }
  /** Before: nothing happened. Work is atomic. After: it happened and the caller does not know. */
  const call = async <T>(operation: FakeOperation, at: { owner: Owner | null; signal: AbortSignal }, work: () => T): Promise<T> => {
    calls.push({ operation, owner: at.owner })
    at.signal.throwIfAborted()
    await Promise.resolve()
    at.signal.throwIfAborted()
    refuse(operation, 'before')
    const result = work()
    refuse(operation, 'after')
    await Promise.resolve()
    return result
  }
  const find = (owner: Owner): FakeMachine | undefined => machines.findLast((machine) => sameOwner(machine.owner, keyOf(owner)))
  const nameOf = (owner: Owner) => `berth-${owner.installation}-${owner.workspaceId}-${owner.generation}`
  const seen = (machine: FakeMachine): Machine => ({ ref: { id: machine.id }, owner: machine.owner, observed: machine.observed, createdAt: machine.createdAt, isolation: 'container' })
  const absent = (owner: Owner): Machine => ({ ref: {}, owner, observed: { state: 'absent' }, createdAt: 0, isolation: null })
  const inventory = <T>(items: T[]): Inventory<T> => (missing === null ? { items, complete: true, missing: [] } : { items: items.slice(1), complete: false, missing: [missing] })
  const ours = (installation: string) => (thing: { owner: Owner | 'foreign' | 'ambiguous' }) => typeof thing.owner !== 'object' || thing.owner.installation === installation

  const ensureNow = (owner: Owner, spec: MachineSpec, context: CallContext) => {
    checkCall(owner, spec, context)
    let machine = forgetful ? undefined : find(owner)
    if (machine === undefined) {
      machine = { id: nextId++, owner, observed: { state: 'creating' }, createdAt: clock.now(), boot: spec.boot, bootsWritten: 1, pollsLeft: slowPolls }
      machines.push(machine)
      if (!disks.some((disk) => sameOwner(disk.owner, keyOf(owner)))) disks.push({ owner, name: nameOf(owner), createdAt: clock.now(), files: new Map() })
    } else if (machine.observed.state === 'stopped' || machine.observed.state === 'failed') {
      machine.observed = { state: 'starting' }
      machine.pollsLeft = slowPolls
    }
    if (machine.observed.state === 'running') return { done: true as const, value: seen(machine) }
    if (machine.observed.state !== 'creating' && machine.observed.state !== 'starting') throw new ProviderFault('conflict', `the machine is ${machine.observed.state}`)
    // A machine that is not up yet gets the newest boot file: the token before may have been replaced.
    if (machine.boot !== spec.boot) Object.assign(machine, { boot: spec.boot, bootsWritten: machine.bootsWritten + 1 })
    if (machine.pollsLeft > 0) {
      machine.pollsLeft -= 1
      return { done: false as const, poll: { for: keyOf(owner) }, afterMs: 5, detail: `${machine.pollsLeft} more` }
    }
    machine.observed = { state: 'running', startedAt: clock.now() }
    context.log?.(`machine ${machine.id} runs`)
    return { done: true as const, value: seen(machine) }
  }

  return {
    name, calls,
    fault: (script) => void scripts.push({ script, left: script.times ?? 1 }),
    clearFaults: () => { scripts = [] },
    slow: (polls) => { slowPolls = polls },
    vanish(owner, { withDisk = false } = {}) {
      machines = machines.filter((machine) => !sameOwner(machine.owner, keyOf(owner)))
      if (withDisk) disks = disks.filter((disk) => !sameOwner(disk.owner, keyOf(owner)))
    },
    becomes(owner, observed) {
      const machine = find(owner)
      if (machine !== undefined) machine.observed = observed
    },
    addForeign: (label) => void disks.push({ owner: 'foreign', name: label, createdAt: clock.now(), files: new Map() }),
    addAmbiguous(label) {
      machines.push({ id: nextId++, owner: 'ambiguous', observed: { state: 'running', startedAt: clock.now() }, createdAt: clock.now(), boot: { bootToken: label, link: { unixSocket: null, loopbackUrl: null, publicUrl: null }, toolbox: { hostDir: '', hash: '' } } as MachineBoot, bootsWritten: 0, pollsLeft: 0 })
    },
    incomplete: (what) => { missing = what },
    machines: () => machines,
    disks: () => disks.map(({ name: label, owner }) => ({ name: label, owner })),
    disk: (owner) => disks.find((disk) => sameOwner(disk.owner, keyOf(owner)))?.files ?? null,
    forgetOwners: () => { forgetful = true },

    check: (signal) => call('check', { owner: null, signal }, () => ({ ok: true, isolation: 'container' as const, detail: 'in memory', hint: null })),
    quote: () => ({ currency: 'EUR', runningMicrosPerHour: 0, stoppedMicrosPerHour: 0, note: 'a fake costs nothing' }),
    ensure: (owner, spec, context) => call('ensure', { owner, signal: context.signal }, () => ensureNow(owner, spec, context)),
    observe: (owner, signal) => call('observe', { owner, signal }, () => { const machine = find(owner); return machine === undefined ? absent(owner) : seen(machine) }),
    list: (installation, signal) => call('list', { owner: null, signal }, () => inventory(machines.filter(ours(installation)).map(seen))),
    stop: (owner, { signal }) => call('stop', { owner, signal }, () => {
      for (const machine of machines) {
        if (sameOwner(machine.owner, keyOf(owner)) && machine.observed.state !== 'stopped') machine.observed = { state: 'stopped', exitCode: 0, detail: null }
      }
      return { done: true as const, value: find(owner)?.observed ?? { state: 'absent' as const } }
    }),
    destroy: (owner, { signal }) => call('destroy', { owner, signal }, () => {
      machines = machines.filter((machine) => !sameOwner(machine.owner, keyOf(owner)))
      disks = disks.filter((disk) => !sameOwner(disk.owner, keyOf(owner)))
      return { done: true as const, value: null }
    }),
    leftovers: (installation, signal) => call('leftovers', { owner: null, signal }, () => inventory(disks
      .filter(ours(installation))
      .filter((disk) => typeof disk.owner !== 'object' || !machines.some((machine) => sameOwner(machine.owner, keyOf(disk.owner as Owner))))
      .map((disk): Leftover => ({ kind: 'volume', name: disk.name, owner: disk.owner, createdAt: disk.createdAt })))),
    removeLeftover: (leftover, signal) => call('removeLeftover', { owner: null, signal }, () => {
      const disk = disks.find((other) => other.name === leftover.name)
      if (disk === undefined) return
      if (typeof disk.owner !== 'object') throw new ProviderFault('conflict', `${leftover.name} is not ours`)
      if (machines.some((machine) => sameOwner(machine.owner, keyOf(disk.owner as Owner)))) throw new ProviderFault('conflict', `${leftover.name} is in use`)
      disks = disks.filter((other) => other !== disk)
    }),
    logs: (owner, tailBytes, signal) => call('logs', { owner, signal }, () => (find(owner) === undefined ? '' : `machine ${find(owner)?.id} runs\n`.slice(-tailBytes))),
  }
}
