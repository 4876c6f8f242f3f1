/** The part of the contract about git hosts and the record of their use. */
import { gitAccessApi } from '@berth/wire/git-access'
import { implement } from '@orpc/server'
import { addGitHost, changeGitPolicy, getGitPolicy, listAudit, removeGitHost } from '../services/git-access.ts'
import type { GitAccessDeps } from '../services/git-access.ts'
import { addDeployKey, listDeployKeys, removeDeployKey } from '../services/deploy-keys.ts'
import type { DeployKeyDeps } from '../services/deploy-keys.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function gitAccessRouter(deps: GitAccessDeps & DeployKeyDeps) {
  const os = implement(gitAccessApi).$context<ApiContext>().use(signedIn)
  return {
    listGitHosts: os.listGitHosts.handler(({ context }) => deps.store.gitHosts.list(context.caller.orgId)),
    addGitHost: os.addGitHost.handler(({ input, context }) => addGitHost(deps, context.caller, input)),
    removeGitHost: os.removeGitHost.handler(({ input, context }) => removeGitHost(deps, context.caller, input.hostId)),
    listDeployKeys: os.listDeployKeys.handler(({ context }) => listDeployKeys(deps, context.caller.orgId)),
    addDeployKey: os.addDeployKey.handler(({ input, context }) => addDeployKey(deps, context.caller, input.url)),
    removeDeployKey: os.removeDeployKey.handler(({ input, context }) => removeDeployKey(deps, context.caller, input.keyId)),
    getGitPolicy: os.getGitPolicy.handler(({ input, context }) => getGitPolicy(deps, context.caller, input.id)),
    changeGitPolicy: os.changeGitPolicy.handler(({ input, context }) => changeGitPolicy(deps, context.caller, input)),
    listAudit: os.listAudit.handler(({ input, context }) => listAudit(deps, context.caller, input)),
  }
}
