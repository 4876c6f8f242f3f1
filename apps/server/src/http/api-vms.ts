/** The part of the contract that is asked for machines by few words. */
import { vmsApi } from '@berth/wire/vms'
import { implement } from '@orpc/server'
import type { Gate } from '../access/gate.ts'
import { listRepositories } from '../github/reading.ts'
import { cleanupVm, createVm, deleteVm, listVms } from '../services/vms.ts'
import type { GitHubApiDeps } from './api-github.ts'
import { listWorkspaces } from '../services/workspaces.ts'
import type { ApiContext } from './api.ts'
import { shownTo } from './shown.ts'
import { signedIn } from './signed-in.ts'

export function vmsRouter(deps: GitHubApiDeps & { readonly gate: Gate }) {
  const os = implement(vmsApi).$context<ApiContext>().use(signedIn)
  return {
    createVm: os.createVm.handler(({ input, context }) => createVm(deps, input, context.caller)),
    listVms: os.listVms.handler(async ({ context }) => listVms(deps, shownTo(context.caller, await listWorkspaces(deps, { deleted: false, seen: await deps.gate.seenBy(context.caller) })))),
    deleteVm: os.deleteVm.handler(({ input }) => deleteVm(deps, input.id)),
    cleanupVm: os.cleanupVm.handler(({ input }) => cleanupVm(deps, input.id)),
    listGitHubRepos: os.listGitHubRepos.handler(async ({ context }) => {
      const { repositories } = await listRepositories({ store: deps.store, api: deps.github.api, clock: deps.clock }, context.caller.orgId, '')
      return repositories.map(({ fullName, url, private: isPrivate, defaultBranch }) => ({ fullName, url, private: isPrivate, defaultBranch }))
    }),
  }
}
