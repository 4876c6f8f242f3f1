/** What the server does every so often, whether anybody asks or not. */
import { deadlines, reap } from '@berth/core'
import type { Clock, Store } from '@berth/core'
import type { OrgId } from '@berth/wire'
import { startPeriodic } from '../loops/periodic.ts'
import type { CostLimits } from '../services/cost-limits.ts'
import type { ProviderRegistry } from '../services/deps.ts'
import { keepPools } from '../services/pools.ts'
import type { GitHub } from '../github/index.ts'
import type { StateSaving } from '../saved/saving.ts'
import { startRepositoryLooks } from '../sign-in/repository-looks.ts'

export interface RoundDeps {
  readonly store: Store
  readonly clock: Clock
  readonly homeOrg: OrgId
  readonly providers: Pick<ProviderRegistry, 'all' | 'get'>
  readonly github: GitHub
  readonly origins: { round(): Promise<void> }
  readonly costLimits: Pick<CostLimits, 'round' | 'admit'>
  /** Look at workspaces now. */
  poke(): void
  readonly saving: Pick<StateSaving, 'collect'>
  readonly closers: { add(name: string, close: () => Promise<void> | void): void }
  readonly log: (line: string) => void
}

const FIRST_REAP_MS = 60_000
const FIRST_PRUNE_MS = 5 * 60_000
const FIRST_ORIGINS_MS = 15_000
/** Above it a workspace loses its oldest events; a busy agent writes some ten thousand a day. */
const EVENTS_PER_WORKSPACE = 1_000_000

export function startRounds({ store, clock, homeOrg, providers, github, origins, costLimits, saving, closers, poke, log }: RoundDeps): void {
  const every = (name: string, round: { everyMs: number; firstAfterMs: number; run(signal: AbortSignal): Promise<unknown> }): void => {
    const started = startPeriodic({ name, ...round, log })
    closers.add(name, () => started.stop())
  }
  every('reaper', { everyMs: deadlines.reaperInterval, firstAfterMs: FIRST_REAP_MS, run: (signal) => reap({ store: store.installation, providers: providers.all(), clock, log }, signal) })
  every('limits of cost', { everyMs: deadlines.costRound, firstAfterMs: deadlines.costRound, run: () => costLimits.round() })
  every('saved workspaces', { everyMs: deadlines.savedRound, firstAfterMs: FIRST_PRUNE_MS, run: () => saving.collect() })
  const limits = { keepMs: deadlines.journalKeep, viewerMs: deadlines.viewerForgotten, eventsPerWorkspace: EVENTS_PER_WORKSPACE }
  every('pruning', {
    everyMs: deadlines.pruneInterval, firstAfterMs: FIRST_PRUNE_MS,
    async run() {
      const { events } = await store.retention.prune(limits, clock.now())
      if (events > 0) log(`pruning: ${events} old events are gone`)
    },
  })
  every('pools', { everyMs: deadlines.poolRound, firstAfterMs: deadlines.poolRound, run: () => keepPools({ store, clock, providers, costLimits, poke, log }) })
  every('origins', { everyMs: deadlines.originRound, firstAfterMs: FIRST_ORIGINS_MS, run: () => origins.round() })
  const rights = startRepositoryLooks({ store, clock, github, log, homeOrg })
  closers.add('the look at rights', () => rights.stop())
}
