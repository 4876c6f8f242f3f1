/**
 * What GitHub says of those who came by it: asked again and again, and at once when it tells that somebody's rights
 * changed. A hint is a reason to ask, never an answer.
 */
import type { OrgId } from '@berth/wire'
import { createAlone } from '../alone.ts'
import type { GitHub } from '../github/index.ts'
import type { HookedApp } from '../github/hooks/index.ts'
import { startPeriodic } from '../loops/periodic.ts'
import { lookAgain, lookAgainAt } from './github-people.ts'
import type { GitHubPeopleDeps } from './github-people.ts'
import { messageOf } from '../thrown.ts'

/** Well below the ten minutes that the design allows. */
const EVERY_MS = 5 * 60_000
const FIRST_AFTER_MS = 30_000
type RepositoryLooksDeps = GitHubPeopleDeps & { readonly github: Pick<GitHub, 'hooks'>; readonly homeOrg: OrgId }

export function startRepositoryLooks(given: RepositoryLooksDeps): { stop(): Promise<void> } {
  const deps = { ...given, alone: createAlone<string>() }
  const ending = new AbortController()
  const told = createQueue(deps, ending.signal)
  const remove = deps.github.hooks.onHint((app, hint) => {
    if (app.orgId !== deps.homeOrg) return
    if (hint.about === 'people') told.add(app, hint)
    // An installation that is gone says nothing of anybody any more.
    if (hint.about === 'access') told.add(app, { repository: null, login: null })
  })
  const asking = startPeriodic({ name: 'rights at GitHub', everyMs: EVERY_MS, firstAfterMs: FIRST_AFTER_MS, log: deps.log, run: (signal) => lookAgain(deps, deps.homeOrg, signal) })
  return {
    async stop() {
      remove()
      ending.abort()
      await Promise.all([asking.stop(), told.settled()])
    },
  }
}

interface About { readonly repository: string | null; readonly login: string | null }
/** More than this is one look at all. */
const WAITING_LIMIT = 50
const ALL: About = { repository: null, login: null }

/** The same thing waits once. */
function createQueue(deps: RepositoryLooksDeps, signal: AbortSignal) {
  const waiting = new Map<string, { origin: string; about: About }>()
  let running: Promise<void> | null = null
  async function work(): Promise<void> {
    for (let [next] = waiting; next !== undefined && !signal.aborted; [next] = waiting) {
      const [key, { origin, about }] = next
      waiting.delete(key)
      await lookAgainAt(deps, { orgId: deps.homeOrg, origin }, about, signal).catch((error: unknown) => deps.log(`rights at ${origin}: ${messageOf(error)}`))
    }
  }
  return {
    add({ origin }: Pick<HookedApp, 'origin'>, about: About) {
      const full = waiting.size >= WAITING_LIMIT
      // What waits for another GitHub is not seen by a look at this one.
      if (full) for (const [key, each] of waiting) if (each.origin === origin) waiting.delete(key)
      const wanted = full ? ALL : about
      waiting.set(`${origin} ${wanted.repository ?? ''} ${wanted.login ?? ''}`.toLowerCase(), { origin, about: wanted })
      running ??= work().finally(() => { running = null })
    },
    settled: async () => { await running },
  }
}
