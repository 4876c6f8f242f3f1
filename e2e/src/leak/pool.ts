/** A warm pool in a random life: set, changed and removed, looked at by a server that is killed in the middle of it, and taken from. */
import type { NewWorkspace, Pool, PoolStore, Provider, ReconcileDeps } from '@berth/core'
import { createMemoryPools, TEST_INSTALLATION, workspaceRow, type TickWorld } from '@berth/testkit'
import { randomIds, type WorkspaceId } from '@berth/wire'
import { quoteOf } from '../../../apps/server/src/services/costs.ts'
import { keepPools } from '../../../apps/server/src/services/pools.ts'
import type { Mutation, Random } from './vendor.ts'

export interface PoolLife {
  readonly acts: readonly (readonly [string, () => Promise<void>])[]
  /** As the server looks every some seconds. */
  look(): Promise<void>
  remove(): Promise<void>
  /** What is not as it is wished, at rest. */
  problems(): Promise<string[]>
}
class Killed extends Error {}

const COUNTS = [0, 1, 1, 2]
/** From too little for one to enough for all of a life, in millionths. */
const BUDGETS = [1_000, 60_000, 2_000_000, 1_000_000_000]
const CALLS = 8
const { orgId, creatorId } = workspaceRow()

export function createPoolLife(world: TickWorld<Provider>, random: Random, mutated: Mutation['pools'] = (pools) => pools): PoolLife {
  const { store, clock, provider } = world
  // What is charged for is written with the states, as the server's ticks do.
  Object.assign(world.deps, { quote: ({ workspace }, signal) => quoteOf(provider, workspace.resources, signal) } satisfies Pick<ReconcileDeps, 'quote'>)
  let made = 0
  const pools = createMemoryPools(store, () => `ws_00000000p0${String(made += 1).padStart(2, '0')}` as WorkspaceId)
  const seen = mutated(pools)
  const look = (through: PoolStore = seen) => keepPools({
    store: { pools: through, installation: { installation: async () => ({ id: TEST_INSTALLATION, epoch: 1, reaperHeld: null }) } }, clock, log: () => {},
    providers: { get: () => provider }, costLimits: { admit: (_, begin) => begin() }, poke: (id) => void store.wake(id, clock.now()),
  })
  const current = async (): Promise<Pool | undefined> => (await pools.list())[0]
  const remove = async (): Promise<void> => {
    const pool = await current()
    if (pool !== undefined) await pools.remove(orgId, pool.id)
    await look()
  }
  return {
    look, remove,
    acts: [
      ['pool', async () => void await pools.put({ orgId, creatorId, url: 'https://git.example/app', branch: null, provider: provider.name, resources: {}, count: random.pick(COUNTS), budgetMicros: random.pick(BUDGETS), currency: 'EUR' }, clock.now())],
      ['pool is gone', async () => { if (random.int(3) === 0) await remove() }],
      ...Array.from({ length: 3 }, () => ['look at the pool', async () => {
        const dies = random.int(2) === 0 ? 1 + random.int(CALLS) : null
        await look(dies === null ? seen : dyingAt(seen, dies)).catch((error: unknown) => { if (!(error instanceof Killed)) throw error })
      }] as const),
      ...Array.from({ length: 2 }, () => ['take', async () => {
        const pool = await current()
        if (pool !== undefined) await pools.take(pool.id, taker(pool), clock.now())
      }] as const),
    ],
    async problems() {
      // The time since the last look is longer here than a server lets it be.
      await look()
      const pool = await current()
      const members = (await pools.members()).filter(({ workspace }) => workspace.wish.target !== 'deleted')
      if (pool === undefined) return members.map(({ workspace }) => `${workspace.id} is of a pool that is gone`)
      const spent = await pools.monthMicros(pool.id, clock.now())
      return [
        ...(members.length > pool.count ? [`${members.length} are prepared where ${pool.count} are wanted`] : []),
        ...(members.length > 0 && spent > pool.budgetMicros ? [`the pool has spent ${spent} of ${pool.budgetMicros}, and ${members.length} of it run on`] : []),
        ...(members.length < pool.count && pool.problem === null && clock.now() > pool.retryAt ? [`${members.length} are prepared where ${pool.count} are wanted, and nobody says why`] : []),
      ]
    },
  }
}

/** Dies before its n-th call or right after it; a dead process does nothing any more. */
function dyingAt(pools: PoolStore, dies: number): PoolStore {
  let calls = 0
  const gate = (): void => {
    calls += 1
    if (calls >= dies) throw new Killed('killed')
  }
  return new Proxy(pools, {
    get(of, name) {
      const member: unknown = Reflect.get(of, name)
      if (typeof member !== 'function') return member
      return async (...args: unknown[]) => {
        gate()
        const result: unknown = await (member as (...args: unknown[]) => unknown)(...args)
        gate()
        return result
      }
    },
  })
}

/** Whoever asks for a workspace like those of the pool. */
const taker = ({ url, provider, resources }: Pool): NewWorkspace => ({
  id: randomIds.workspace(), orgId, creatorId, name: 'taken', repository: url, branch: null, source: { kind: 'git', url }, sourceReady: true, provider, image: null, resources, agent: 'plain', command: null, services: [],
  approvalMode: 'ask', acceptNoIsolation: false, sessionId: randomIds.session(), steps: [], exposures: [], autoStopMs: 0, secrets: { env: {}, homeFiles: [] }, prompt: null, idempotencyKey: null,
})
