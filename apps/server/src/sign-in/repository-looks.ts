/** What GitHub says of those who came by it is asked again and again; a webhook may ask at once. */
import type { OrgId } from '@berth/wire'
import { startPeriodic } from '../loops/periodic.ts'
import { lookAgain } from './github-people.ts'
import type { GitHubPeopleDeps } from './github-people.ts'

/** Well below the ten minutes that the design allows. */
const EVERY_MS = 5 * 60_000
const FIRST_AFTER_MS = 30_000

export function startRepositoryLooks(deps: GitHubPeopleDeps & { readonly homeOrg: OrgId }): { stop(): Promise<void> } {
  return startPeriodic({ name: 'rights at GitHub', everyMs: EVERY_MS, firstAfterMs: FIRST_AFTER_MS, log: deps.log, run: (signal) => lookAgain(deps, deps.homeOrg, signal) })
}
