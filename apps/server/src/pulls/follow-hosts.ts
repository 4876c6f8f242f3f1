/**
 * What git hosts have to say of pushed branches. GitHub tells: origins that moved are looked at, and agents are told of
 * their checks. Hosts that tell nothing (a GitLab, a Bitbucket, by a kept token) are asked for checks in rounds, where
 * somebody wants them told.
 */
import { deadlines } from '@berth/core'
import type { ServiceDeps } from '../services/deps.ts'
import { startPeriodic } from '../loops/periodic.ts'
import type { GitHub } from '../github/index.ts'
import { createPulls } from './index.ts'
import { createCheckTeller, isOf } from './tell-checks.ts'
import type { ToldDeps } from './tell-checks.ts'
import { messageOf } from '../thrown.ts'

/** After the daemons of before had time to come back. */
const FIRST_MS = 20_000

/** Answers what ends it. */
export function followHosts(deps: ServiceDeps & { readonly github: GitHub; readonly say: ToldDeps['say'] }): () => Promise<void> {
  const { github, store, clock, log, daemons } = deps
  const teller = createCheckTeller({ pulls: createPulls({ api: github.api, tokens: github.tokens, daemons, store, clock }), store, clock, log, say: deps.say })
  // Answered at once: GitHub waits ten seconds at most.
  const aside = (work: Promise<unknown>): void => void work.catch((error: unknown) => log(`github: ${messageOf(error)}`))
  const remove = github.hooks.onHint((app, hint) => {
    if (hint.about === 'branch') aside(deps.origins.moved((record) => isOf(record, app, hint.repository), hint.branch))
    if (hint.about === 'checks') aside(teller.heard(app, hint.repository))
  })
  const asking = startPeriodic({ name: 'deliveries of GitHub', everyMs: deadlines.githubDeliveries, firstAfterMs: FIRST_MS, log, run: () => github.catchUp.round() })
  const checks = startPeriodic({ name: 'checks at hosts that tell nothing', everyMs: deadlines.checksRound, firstAfterMs: FIRST_MS, log, run: () => teller.round(github.tells) })
  return async () => {
    remove()
    await Promise.all([asking.stop(), checks.stop()])
  }
}
