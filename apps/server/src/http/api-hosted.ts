/** The part of the contract about repositories that the server keeps. */
import { hostedApi } from '@berth/wire/hosted'
import { implement } from '@orpc/server'
import type { Gate } from '../access/gate.ts'
import { createTask, keepTask, listHosted, mintFor, mintForTask, removeTask, revokeTask } from '../services/hosted.ts'
import type { HostedListDeps } from '../services/hosted.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function hostedRouter(deps: HostedListDeps & { readonly gate: Pick<Gate, 'seenBy'> }) {
  const os = implement(hostedApi).$context<ApiContext>().use(signedIn)
  return {
    listHostedRepositories: os.listHostedRepositories.handler(async ({ context }) => listHosted(deps, context.caller, { seen: await deps.gate.seenBy(context.caller), hidden: context.caller.kind !== 'browser' })),
    createHostedRepository: os.createHostedRepository.handler(({ input, context }) => createTask(deps, context.caller, input)),
    keepHostedRepository: os.keepHostedRepository.handler(({ input, context }) => keepTask(deps, context.caller, input.repositoryId)),
    removeHostedRepository: os.removeHostedRepository.handler(({ input, context }) => removeTask(deps, context.caller, { id: input.repositoryId, force: input.force === 'true' })),
    createHostedToken: os.createHostedToken.handler(({ input: { repositoryId: id, ...wanted }, context }) => mintForTask(deps, context.caller, { id, ...wanted })),
    revokeHostedTokens: os.revokeHostedTokens.handler(({ input, context }) => revokeTask(deps, context.caller, input.repositoryId)),
    createRepositoryToken: os.createRepositoryToken.handler(({ input, context }) => mintFor(deps, context.caller, input)),
    revokeRepositoryTokens: os.revokeRepositoryTokens.handler(async ({ input }) => ({ revoked: await deps.store.repositoryTokens.revoke(input.id, deps.clock.now()) })),
  }
}
