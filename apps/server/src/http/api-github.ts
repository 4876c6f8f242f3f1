/** The part of the contract about GitHub. */
import { githubApi } from '@berth/wire/github'
import { implement } from '@orpc/server'
import type { GitHub } from '../github/index.ts'
import { createPull, listPulls, pullStatus } from '../github/pulls.ts'
import { listInstallations, listRepositories } from '../github/reading.ts'
import { addApp, beginSetup, removeApp, shown } from '../github/setup.ts'
import type { SetupDeps } from '../github/setup.ts'
import type { ServiceDeps } from '../services/deps.ts'
import { tellMachines } from '../services/git-access.ts'
import { requireRecord } from '../services/view.ts'
import { requireCan } from '../services/workspaces.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export interface GitHubApiDeps extends ServiceDeps { readonly github: GitHub }

export function setupDeps(deps: GitHubApiDeps): SetupDeps {
  return { store: deps.store, api: deps.github.api, clock: deps.clock, pageUrl: deps.pageUrl, connected: () => tellMachines(deps) }
}

export function githubRouter(deps: GitHubApiDeps) {
  const os = implement(githubApi).$context<ApiContext>().use(signedIn)
  const { api, tokens } = deps.github
  const reading = { store: deps.store, api, clock: deps.clock }
  const pulls = { api, tokens, daemons: deps.daemons, store: deps.store, clock: deps.clock }
  return {
    listGitHubApps: os.listGitHubApps.handler(async ({ context }) => (await deps.store.github.list(context.caller.orgId)).map(shown)),
    beginGitHubSetup: os.beginGitHubSetup.handler(({ input, context }) => beginSetup(setupDeps(deps), context.caller, input)),
    addGitHubApp: os.addGitHubApp.handler(({ input, context }) => addApp(setupDeps(deps), context.caller, input)),
    removeGitHubApp: os.removeGitHubApp.handler(({ input, context }) => removeApp(setupDeps(deps), context.caller, input.origin)),
    listGitHubInstallations: os.listGitHubInstallations.handler(({ context }) => listInstallations(reading, context.caller.orgId)),
    listGitHubRepositories: os.listGitHubRepositories.handler(({ input, context }) => listRepositories(reading, context.caller.orgId, input.search)),
    createPull: os.createPull.handler(async ({ input: { id, ...wanted }, context }) => {
      const record = await requireRecord(deps, id)
      // Its machine pushes.
      requireCan(deps, record, 'attach')
      return createPull(pulls, context.caller, record, wanted)
    }),
    pullStatus: os.pullStatus.handler(async ({ input }) => pullStatus(pulls, await requireRecord(deps, input.id))),
    listPulls: os.listPulls.handler(async ({ input }) => listPulls(pulls, await requireRecord(deps, input.id))),
  }
}
