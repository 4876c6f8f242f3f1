/** The part of the contract about who commits, and what signs. */
import { commitsApi } from '@berth/wire/commits'
import { implement } from '@orpc/server'
import { commitIdentity, makeSigningKey, removeSigningKey, setCommitIdentity } from '../services/commits.ts'
import type { ServiceDeps } from '../services/deps.ts'
import { tellMachines } from '../services/git-access.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function commitsRouter(deps: ServiceDeps) {
  const os = implement(commitsApi).$context<ApiContext>().use(signedIn)
  /** What runs learns of it. */
  const told = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work
    await tellMachines(deps)
    return result
  }
  return {
    getCommitIdentity: os.getCommitIdentity.handler(({ context }) => commitIdentity(deps, context.caller)),
    setCommitIdentity: os.setCommitIdentity.handler(({ input, context }) => told(setCommitIdentity(deps, context.caller, input))),
    makeSigningKey: os.makeSigningKey.handler(({ context }) => told(makeSigningKey(deps, context.caller))),
    removeSigningKey: os.removeSigningKey.handler(({ context }) => told(removeSigningKey(deps, context.caller))),
  }
}
