/** Pools of prepared workspaces: kept as they are wished, within their budget, and taken by who asks for one like them. */
import { deadlines, decidePool, isPassing, type Identity, type NewWorkspace, type Pool as PoolRow, type PoolDecision, type WorkspaceRecord } from '@berth/core'
import { BerthError, randomIds } from '@berth/wire'
import type { PoolId, WorkspaceId } from '@berth/wire'
import type { Pool, poolsApi } from '@berth/wire/pools'
import type { z } from 'zod'
import { checkProvider, checkSource } from './create-workspace.ts'
import { quoteOf } from './costs.ts'
import type { ServiceDeps } from './deps.ts'
import { sized } from './take-prepared.ts'
import { messageOf } from '../thrown.ts'

type Input<K extends keyof typeof poolsApi> = z.infer<NonNullable<(typeof poolsApi)[K]['~orpc']['inputSchema']>>
export type PoolDeps = Pick<ServiceDeps, 'clock' | 'log'> & {
  readonly store: Pick<ServiceDeps['store'], 'pools'> & { readonly installation: Pick<ServiceDeps['store']['installation'], 'installation'> }
  readonly providers: Pick<ServiceDeps['providers'], 'get'>
  readonly costLimits: Pick<ServiceDeps['costLimits'], 'admit'>
  poke(id: WorkspaceId): void
}

export async function listPools({ store, clock }: Pick<ServiceDeps, 'store' | 'clock'>, { orgId }: Identity): Promise<Pool[]> {
  const [pools, members] = await Promise.all([store.pools.list(orgId), store.pools.members()])
  return Promise.all(pools.map(async (pool) => {
    const { id, url, branch, provider, resources, count, budgetMicros, currency, problem } = pool
    const mine = membersOf(members, id).filter(({ workspace }) => workspace.wish.target === 'running')
    const ready = mine.filter(({ workspace }) => workspace.readyAt !== null).length
    return { id, url, branch, provider, resources, count, ready, preparing: mine.length - ready, budgetMicros, monthMicros: await store.pools.monthMicros(id, clock.now()), currency, problem }
  }))
}

export async function setPool(deps: ServiceDeps, { url, branch, provider, resources, ...wanted }: Input<'setPool'>, by: Identity): Promise<Pool> {
  const { store, clock } = deps
  checkSource({ kind: 'git', url, ...(branch === undefined ? {} : { branch }) })
  const name = provider ?? await deps.providers.defaultName()
  await checkProvider(deps, name, { acceptNoIsolation: false, resources, egress: undefined })
  const { id } = await store.pools.put({ ...wanted, orgId: by.orgId, creatorId: by.userId, url, branch: branch ?? null, provider: name, resources: sized(resources) }, clock.now())
  await keepPools(deps)
  const found = (await listPools(deps, by)).find((pool) => pool.id === id)
  if (found === undefined) throw new BerthError('not_found', 'the pool was removed meanwhile')
  return found
}

export async function removePool(deps: PoolDeps, id: PoolId, { orgId }: Identity): Promise<{ removed: boolean }> {
  const removed = await deps.store.pools.remove(orgId, id)
  await keepPools(deps)
  return { removed }
}

/** One look at all pools. A crash between any two lines costs nothing: the next look finds what there is. */
export async function keepPools(deps: PoolDeps): Promise<void> {
  const { store, clock, log } = deps
  // A copy of another installation buys nothing before a person says that it is the one.
  if ((await store.installation.installation()).reaperHeld !== null) return
  const [pools, members] = await Promise.all([store.pools.list(), store.pools.members()])
  for (const pool of pools) {
    try {
      await keep(deps, pool, membersOf(members, pool.id))
    } catch (error) {
      const problem = messageOf(error)
      log(`pool ${pool.id}: ${problem}`)
      // One bad answer of the vendor is no reason to rest: the next look is the retry.
      await store.pools.note(pool.id, { retryAt: isPassing(error) ? pool.retryAt : clock.now() + deadlines.poolRetry, problem })
    }
  }
  const orphans = members.filter(({ workspace }) => !pools.some(({ id }) => id === workspace.pool?.id))
  await endAll(deps, decidePool({ pool: null, members: orphans, soonMicros: 0, price: { microsPerHour: 0, incrementMs: 0 }, now: clock.now() }))
}

const membersOf = (members: readonly WorkspaceRecord[], id: PoolId): WorkspaceRecord[] => members.filter(({ workspace }) => workspace.pool?.id === id)

async function keep(deps: PoolDeps, pool: PoolRow, members: readonly WorkspaceRecord[]): Promise<void> {
  const { store, clock, providers, costLimits } = deps
  const now = clock.now()
  // Until the look after the next one, which may be late: what would be charged by then is as good as spent.
  const soonMicros = await store.pools.monthMicros(pool.id, now + 2 * deadlines.poolRound)
  const quote = await quoteOf(providers.get(pool.provider), pool.resources)
  const decision = decidePool({ pool, members, soonMicros, price: { microsPerHour: quote.runningMicrosPerHour, incrementMs: quote.incrementMs ?? 0 }, now })
  await endAll(deps, decision)
  const { problem, retryAt = pool.retryAt } = decision
  if (problem !== pool.problem && (problem !== null || now >= pool.retryAt)) await store.pools.note(pool.id, { retryAt, problem })
  // Whoever looks at the same time makes none beside these.
  const atMost = members.filter(({ workspace }) => workspace.wish.target !== 'deleted').length + decision.make
  for (let made = 0; made < decision.make; made += 1) {
    const record = await costLimits.admit({ orgId: pool.orgId, userId: pool.creatorId, id: null, provider: pool.provider, resources: pool.resources }, () => store.pools.add(pool.id, memberOf(pool), atMost, clock.now()))
    if (record === null) return
    deps.poke(record.workspace.id)
  }
}

async function endAll({ store, clock, poke, log }: PoolDeps, { end }: PoolDecision): Promise<void> {
  for (const { member: { workspace: { id } }, why } of end) {
    if (!(await store.pools.end(id, why, clock.now()))) continue
    log(`${id}: a prepared workspace ends: ${why}`)
    poke(id)
  }
}

/** Its code and its machine are there, and nothing of a person. */
function memberOf({ orgId, creatorId, url, branch, provider, resources }: PoolRow): NewWorkspace {
  return {
    id: randomIds.workspace(), orgId, creatorId, name: `pool-${crypto.randomUUID().slice(0, 8)}`, repository: url, branch, source: { kind: 'git', url, ...(branch === null ? {} : { branch }) }, sourceReady: true,
    provider, image: null, project: { revision: 1, outline: null, from: 'source' }, resources, agent: 'claude', command: null, services: [], approvalMode: 'ask', acceptNoIsolation: false, web: false,
    ephemeral: false, sessionId: randomIds.session(), steps: [], exposures: [], autoStopMs: 0, secrets: { env: {}, homeFiles: [] }, prompt: null, idempotencyKey: null,
  }
}
