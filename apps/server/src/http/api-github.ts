/** The part of the contract about GitHub. */
import type { KeptGitHubApp } from '@berth/core'
import type { OrgId } from '@berth/wire'
import { githubApi } from '@berth/wire/github'
import type { GitHubApp } from '@berth/wire/github'
import { implement } from '@orpc/server'
import { HOOK_PATH } from '../github/index.ts'
import type { GitHub } from '../github/index.ts'
import { createPulls } from '../pulls/index.ts'
import { connectionOf, listInstallations, listRepositories } from '../github/reading.ts'
import { addApp, beginSetup, removeApp, shown } from '../github/setup.ts'
import type { SetupDeps } from '../github/setup.ts'
import { tellChecks } from '../pulls/tell-checks.ts'
import type { ToldDeps } from '../pulls/tell-checks.ts'
import type { ServiceDeps } from '../services/deps.ts'
import { sendMessage } from '../services/messages.ts'
import { tellMachines } from '../services/git-access.ts'
import { requireRecord } from '../services/view.ts'
import { requireCan } from '../services/workspaces.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export interface GitHubApiDeps extends ServiceDeps {
  readonly github: GitHub
  /** By its public name. Undefined: it has none, and GitHub's webhooks do not reach it. */
  readonly publicUrl: string | undefined
}

export function setupDeps(deps: GitHubApiDeps): SetupDeps {
  return { store: deps.store, api: deps.github.api, clock: deps.clock, pageUrl: deps.pageUrl, hookUrl: hookUrlOf(deps), connected: () => tellMachines(deps) }
}

export function githubRouter(deps: GitHubApiDeps) {
  const os = implement(githubApi).$context<ApiContext>().use(signedIn)
  const { api, tokens } = deps.github
  const reading = { store: deps.store, api, clock: deps.clock }
  const pulls = createPulls({ api, tokens, daemons: deps.daemons, store: deps.store, clock: deps.clock })
  return {
    listGitHubApps: os.listGitHubApps.handler(async ({ context }) => Promise.all((await deps.store.github.list(context.caller.orgId)).map((app) => withHook(deps, context.caller.orgId, app)))),
    beginGitHubSetup: os.beginGitHubSetup.handler(({ input, context }) => beginSetup(setupDeps(deps), context.caller, input)),
    addGitHubApp: os.addGitHubApp.handler(({ input, context }) => addApp(setupDeps(deps), context.caller, input)),
    removeGitHubApp: os.removeGitHubApp.handler(({ input, context }) => removeApp(setupDeps(deps), context.caller, input.origin)),
    listGitHubConnections: os.listGitHubConnections.handler(async ({ context: { caller } }) => Promise.all((await deps.store.github.list(caller.orgId)).map(async (app) => ({ app: await withHook(deps, caller.orgId, app), ...await connectionOf(reading, caller.orgId, app.origin) })))),
    listGitHubInstallations: os.listGitHubInstallations.handler(({ context }) => listInstallations(reading, context.caller.orgId)),
    listGitHubRepositories: os.listGitHubRepositories.handler(({ input, context }) => listRepositories(reading, context.caller.orgId, input.search)),
    createPull: os.createPull.handler(async ({ input: { id, ...wanted }, context }) => {
      const record = await requireRecord(deps, id)
      // Its machine pushes.
      requireCan(deps, record, 'attach')
      return pulls.create(context.caller, record, wanted)
    }),
    pullStatus: os.pullStatus.handler(async ({ input }) => ({ ...(await pulls.status(await requireRecord(deps, input.id))).status, tell: (await deps.store.github.watch(input.id))?.tell ?? false })),
    tellChecks: os.tellChecks.handler(async ({ input, context }) => tellChecks({ pulls, say: sayer(deps) }, context.caller, await requireRecord(deps, input.id))),
    watchPull: os.watchPull.handler(async ({ input: { id, tell }, context }) => {
      await requireRecord(deps, id)
      await deps.store.github.setWatch(id, { tell, by: context.caller.userName })
      return { tell }
    }),
    listPulls: os.listPulls.handler(async ({ input }) => pulls.list(await requireRecord(deps, input.id))),
  }
}

/** What the server says to an agent in a person's name. */
export const sayer = (deps: ServiceDeps): ToldDeps['say'] => ({ id, text, by, promptId }) => sendMessage(deps, { id, text, promptId }, { userName: by })

const hookUrlOf = ({ publicUrl }: Pick<GitHubApiDeps, 'publicUrl'>): string | null => (publicUrl === undefined ? null : `${publicUrl.replace(/\/$/, '')}${HOOK_PATH}`)

async function withHook(deps: GitHubApiDeps, orgId: OrgId, app: KeptGitHubApp): Promise<GitHubApp> {
  const { store, github } = deps
  const { origin, appId } = app
  const secret = (await store.github.key(orgId, origin))?.key.webhookSecret ?? null
  const hook = secret === null ? null : { url: hookUrlOf(deps), ...(await store.github.hook({ orgId, origin, appId })), current: github.catchUp.current({ orgId, origin }) }
  return { ...shown(app), hook }
}
