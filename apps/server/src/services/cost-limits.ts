/** What may be spent: asked before a machine is begun, and looked at again and again while machines run. */
import { isSpent, refuseStart, spentWords, type Clock, type CostStanding, type Identity, type Store, type WorkspaceRecord } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { OrgId, Resources, UserId, WorkspaceId } from '@berth/wire'
import type { CostLimit } from '@berth/wire/cost'
import { money } from '@berth/wire/money'
import { createAlone } from '../alone.ts'
import { messageOf } from '../thrown.ts'
import type { CostInput } from './costs.ts'
import { quoteOf } from './costs.ts'
import type { ProviderRegistry } from './deps.ts'

export interface Starting {
  readonly orgId: OrgId
  readonly userId: UserId
  /** Null: it is yet to be made. */
  readonly id: WorkspaceId | null
  readonly provider: string
  readonly resources: Resources
  /** A person said so for this one. */
  readonly atMostMicrosPerHour?: number | undefined
}
export interface CostLimits {
  /** Does the work unless a limit would be passed by it. Throws `over_budget`. One after the other, so that two do not pass it together. */
  admit<T>(starting: Starting, work: () => Promise<T>): Promise<T>
  /** Tells of soft limits, and stops what costs money above hard ones. */
  round(): Promise<void>
  list(by: Identity): Promise<CostLimit[]>
  set(by: Identity, limit: CostInput<'setCostLimit'>): Promise<CostLimit[]>
}
export interface CostLimitDeps {
  readonly store: Pick<Store, 'costs' | 'costLimits' | 'events' | 'listWorkspaces' | 'setWish'>
  readonly clock: Clock
  readonly providers: Pick<ProviderRegistry, 'get'>
  readonly log: (line: string) => void
  poke(id: WorkspaceId): void
}

export function createCostLimits(deps: CostLimitDeps): CostLimits {
  const { store, clock } = deps
  const alone = createAlone<OrgId>()
  return {
    async admit(starting, work) {
      const limits = (await store.costLimits.list(starting.orgId, clock.now())).filter(({ scope, subject }) => scope === 'organisation' || subject === starting.userId)
      if (limits.length === 0 && starting.atMostMicrosPerHour === undefined) return work()
      return alone(starting.orgId, async () => {
        await refuse(deps, starting, limits)
        return work()
      })
    },
    async round() {
      for (const orgId of await store.costLimits.organisations()) {
        for (const limit of await store.costLimits.list(orgId, clock.now())) await keep(deps, orgId, limit)
      }
    },
    list: ({ orgId }) => store.costLimits.list(orgId, clock.now()),
    async set({ orgId, userId }, { scope, subject, ...limit }) {
      await store.costLimits.put(orgId, { ...limit, scope, subject: scope === 'organisation' ? orgId : subject ?? userId }, clock.now())
      const limits = await store.costLimits.list(orgId, clock.now())
      // What it ends, it ends at once.
      for (const one of limits) await keep(deps, orgId, one)
      return limits
    },
  }
}

async function refuse({ store, providers }: CostLimitDeps, starting: Starting, limits: readonly CostLimit[]): Promise<void> {
  const { orgId, id, provider, resources, atMostMicrosPerHour } = starting
  const { runningMicrosPerHour, currency } = await quoteOf(providers.get(provider), resources).catch((cause: unknown) => {
    throw new BerthError('provider_unavailable', `${provider} does not say what it costs, and there are limits: ${messageOf(cause)}`, { hint: `see \`berth provider check ${provider}\``, cause })
  })
  if (atMostMicrosPerHour !== undefined && runningMicrosPerHour > atMostMicrosPerHour) {
    throw new BerthError('over_budget', `${provider} takes ${money(runningMicrosPerHour, currency)} an hour for it; you said at most ${money(atMostMicrosPerHour, currency)}`, { hint: 'ask for less with --memory and --cpus, choose another --provider, or raise --max-cost-per-hour', details: { limit: 'asked', microsPerHour: runningMicrosPerHour, currency } })
  }
  const standings: CostStanding[] = []
  for (const limit of limits) standings.push({ limit, monthMicros: limit.monthMicros, ...await store.costs.standing(orgId, limit, id) })
  const over = refuseStart(standings, runningMicrosPerHour)
  if (over === null) return
  throw new BerthError('over_budget', over.why, {
    hint: over.what === 'month' ? 'a person can raise it with `berth cost --limit`' : 'stop another one, or raise it with `berth cost`', details: { limit: over.what, scope: over.limit.scope },
  })
}

async function keep(deps: CostLimitDeps, orgId: OrgId, limit: CostLimit): Promise<void> {
  const { store, clock, log } = deps
  const { softMicros, hardMicros, monthMicros, currency, scope, subject } = limit
  const soft = softMicros !== null && monthMicros >= softMicros
  const hard = isSpent(limit, monthMicros)
  if (!soft && !hard) return
  const spending = (await store.listWorkspaces({ deleted: false })).filter((record) => record.workspace.orgId === orgId && (scope === 'organisation' || record.workspace.creatorId === subject) && spends(record))
  if (soft && await store.costLimits.tell(orgId, limit, clock.now())) {
    const text = `${scope === 'user' ? 'Its owner' : 'The organisation'} has spent ${money(monthMicros, currency)} on machines this month; the soft limit is ${money(softMicros, currency)}${hardMicros === null ? '' : `, at ${money(hardMicros, currency)} they are stopped`}.`
    log(`${scope} ${subject}: ${text}`)
    for (const { workspace } of spending) await store.events.append(workspace.id, [{ body: { type: 'workspace.notice', level: 'warning', code: 'soft_limit', message: text, hint: 'see `berth cost`' } }], clock.now())
  }
  if (!hard) return
  for (const { workspace } of spending) {
    if (workspace.wish.target !== 'running') continue
    const reason = spentWords(limit, monthMicros)
    const wish = await store.setWish(workspace.id, { target: 'stopped', by: 'budget', reason, expectVersion: workspace.wish.version }, clock.now())
    if (wish === null) continue
    log(`${workspace.id}: stopped: ${reason}`)
    deps.poke(workspace.id)
  }
}

/** What is free goes on; of what no price is known it is not said that it is free. */
function spends({ machine }: WorkspaceRecord): boolean {
  const charge = machine?.charge ?? null
  return charge !== null && charge.price?.microsPerHour !== 0
}
