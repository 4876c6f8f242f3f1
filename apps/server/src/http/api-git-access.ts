/** The part of the contract about git hosts and the record of their use. */
import { gitAccessApi } from '@berth/wire/git-access'
import { implement } from '@orpc/server'
import { addGitHost, changeGitPolicy, getGitPolicy, listAudit, removeGitHost } from '../services/git-access.ts'
import type { GitAccessDeps } from '../services/git-access.ts'
import { listHosted } from '../services/hosted.ts'
import type { HostedDeps } from '../services/hosted.ts'
import type { Gate } from '../access/gate.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function gitAccessRouter(deps: GitAccessDeps & HostedDeps & { readonly gate: Pick<Gate, 'seenBy'> }) {
  const os = implement(gitAccessApi).$context<ApiContext>().use(signedIn)
  return {
    listGitHosts: os.listGitHosts.handler(({ context }) => deps.store.gitHosts.list(context.caller.orgId)),
    addGitHost: os.addGitHost.handler(({ input, context }) => addGitHost(deps, context.caller, input)),
    removeGitHost: os.removeGitHost.handler(({ input, context }) => removeGitHost(deps, context.caller, input.hostId)),
    listHostedRepositories: os.listHostedRepositories.handler(async ({ context }) => listHosted(deps, { seen: await deps.gate.seenBy(context.caller), hidden: context.caller.kind !== 'browser' })),
    getGitPolicy: os.getGitPolicy.handler(({ input, context }) => getGitPolicy(deps, context.caller, input.id)),
    changeGitPolicy: os.changeGitPolicy.handler(({ input, context }) => changeGitPolicy(deps, context.caller, input)),
    listAudit: os.listAudit.handler(({ input, context }) => listAudit(deps, context.caller, input)),
  }
}
