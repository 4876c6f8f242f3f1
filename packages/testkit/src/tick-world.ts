/**
 * A server's reconciler, its store, its provider and its daemons, in memory and one step at a time. A tick can be
 * killed at any of its calls to the world (nothing after that call happens, its claim stays until the lease ends), or
 * held in front of a write while others go on, like a process that was suspended.
 */
import { deadlines, reconcile, type MachineSpec, type Provider, type ReconcileDeps } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import { createFakeDaemons, type FakeDaemons } from './fake-daemons.ts'
import { createFakeProvider, type FakeProvider } from './fake-provider.ts'
import { createMemoryStore, type MemoryStore } from './memory-store.ts'
import { createTestClock, type TestClock } from './test-clock.ts'

export const TEST_INSTALLATION = '0123456789abcdef0123456789abcdef'

class Killed extends Error {}

export interface TickWorld<P extends Provider = FakeProvider> {
  readonly clock: TestClock
  readonly store: MemoryStore
  readonly provider: P
  readonly daemons: FakeDaemons
  readonly log: string[]
  readonly deps: ReconcileDeps
  /** Runs everything that is due now. `killAt`: dies at its n-th call. */
  tick(options?: { killAt?: number }): Promise<void>
  /** Starts a due tick and holds it before its n-th write. Null: nothing is due. */
  holdBefore(write: number): Promise<{ release(): Promise<void> } | null>
  /** Ticks and moves the clock to what is due next, until `done` or `limit` ticks. `between` runs before each. */
  run(options: { limit: number; between?: () => void; done?: () => boolean }): Promise<number>
}

export function createTickWorld(): TickWorld {
  const clock = createTestClock()
  return createTickWorldOn(createFakeProvider({ clock }), clock)
}

/** On another provider, which tells the time by the same clock. */
export function createTickWorldOn<P extends Provider>(provider: P, clock: TestClock): TickWorld<P> {
  const store = createMemoryStore(TEST_INSTALLATION)
  const daemons = createFakeDaemons()
  daemons.answer('stop.prepare', () => ({ commit: 'c'.repeat(40) }))
  const log: string[] = []
  const upSince = clock.now() - 24 * 3_600_000
  let boots = 0
  const specFor = async (): Promise<MachineSpec> => ({
    image: null, memoryBytes: 1024 ** 3, cpus: 1, pids: 512,
    boot: { bootToken: `boot-${boots += 1}`, link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example' }, toolbox: { hostDir: '/t', hash: 'h' } } as MachineSpec['boot'],
  })
  const deps: ReconcileDeps = { store, providers: () => provider, daemons, clock, installation: TEST_INSTALLATION, specFor, upSince: () => upSince, log: (line) => void log.push(line) }

  const claim = () => store.claimDue({ owner: 'test', limit: 1, leaseMs: deadlines.tickLease }, clock.now())
  const world: TickWorld<P> = {
    clock, store, provider, daemons, log, deps,
    async tick({ killAt } = {}) {
      for (const one of await claim()) {
        const gate = killAt === undefined ? async () => {} : killer(killAt)
        await reconcile(through(deps, gate), one, new AbortController().signal).catch((error: unknown) => { if (!(error instanceof Killed)) throw error })
      }
    },
    async holdBefore(write) {
      const [one] = await claim()
      if (one === undefined) return null
      let writes = 0
      let release = () => {}
      let reached = () => {}
      const held = new Promise<void>((resolve) => { release = resolve })
      const arrived = new Promise<void>((resolve) => { reached = resolve })
      const gate = async (name: string) => {
        if ((name === 'saveTick' || name === 'finishTick') && (writes += 1) === write) {
          reached()
          await held
        }
      }
      const ended = reconcile(through(deps, gate), one, new AbortController().signal)
      await Promise.race([arrived, ended])
      return { release: async () => { release(); await ended } }
    },
    async run({ limit, between, done }) {
      for (let ticks = 0; ticks < limit; ticks += 1) {
        between?.()
        if (done?.() === true) return ticks
        const due = await store.nextDue()
        if (due === null) return ticks
        clock.advance(Math.max(0, due - clock.now()))
        await world.tick()
      }
      return limit
    },
  }
  return world
}

/** Dies before its n-th call or right after it; a dead process does nothing any more. */
function killer(killAt: number): (name: string) => Promise<void> {
  let calls = 0
  return async () => {
    calls += 1
    if (calls >= killAt) throw new Killed('killed')
  }
}

/** What answers at once, within the process: nothing can come between. */
const AT_ONCE: ReadonlySet<string | symbol> = new Set(['connected', 'dismiss', 'quote'])

/** Every call to the world passes the gate before and after. */
function through(deps: ReconcileDeps, gate: (name: string) => Promise<void>): ReconcileDeps {
  const gated = <T extends object>(target: T): T => new Proxy(target, {
    get(of, name) {
      const member: unknown = Reflect.get(of, name)
      if (typeof member === 'object' && member !== null) return gated(member)
      if (typeof member !== 'function' || AT_ONCE.has(name)) return member
      return async (...args: unknown[]) => {
        await gate(String(name))
        const result: unknown = await (member as (...args: unknown[]) => unknown)(...args)
        await gate(`${String(name)} answered`)
        return result
      }
    },
  })
  return { ...deps, store: gated(deps.store), providers: (name) => gated(deps.providers(name)), daemons: gated(deps.daemons), specFor: gated({ specFor: deps.specFor }).specFor }
}

/** Links the daemon of every running machine and unlinks the others, as real daemons would in time. */
export function daemonsFollowMachines(world: TickWorld, ids: readonly WorkspaceId[]): void {
  for (const id of ids) {
    const { workspace, machine } = world.store.record(id)
    const runs = machine !== null && world.provider.machines().some(({ owner, observed }) => typeof owner === 'object' && owner.workspaceId === id && owner.generation === machine.generation && observed.state === 'running')
    const now = world.clock.now()
    if (runs && machine !== null) {
      world.daemons.connect(id)
      world.store.patch(id, { machine: { linkedAt: machine.linkedAt ?? now, lastSeenAt: now }, workspace: { readyAt: workspace.readyAt ?? now } })
    } else {
      world.daemons.disconnect(id)
      world.store.patch(id, { machine: { linkedAt: null } })
    }
  }
}
