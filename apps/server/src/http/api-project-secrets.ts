/** The part of the contract about secrets of projects. */
import { projectKey } from '@berth/core'
import { projectSecretsApi } from '@berth/wire/project-secrets'
import { implement } from '@orpc/server'
import { setProjectSecret } from '../services/project-secrets.ts'
import type { ProjectSecretDeps } from '../services/project-secrets.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function projectSecretsRouter(deps: ProjectSecretDeps) {
  const os = implement(projectSecretsApi).$context<ApiContext>().use(signedIn)
  return {
    listProjectSecrets: os.listProjectSecrets.handler(({ context }) => deps.store.projectSecrets.list(context.caller.orgId)),
    setProjectSecret: os.setProjectSecret.handler(({ input, context }) => setProjectSecret(deps, context.caller, input)),
    removeProjectSecret: os.removeProjectSecret.handler(async ({ input, context }) => ({ removed: await deps.store.projectSecrets.remove(context.caller.orgId, projectKey(input.project), input.name) })),
  }
}
