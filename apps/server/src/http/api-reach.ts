/** The part of the contract about ssh. Its bytes, and those of ports, go beside the contract (`control.ts`). */
import { BerthError } from '@berth/wire'
import { reachApi } from '@berth/wire/reach'
import { implement } from '@orpc/server'
import type { ServiceDeps } from '../services/deps.ts'
import { sshAccess } from '../services/reach.ts'
import type { ApiContext } from './api.ts'

export function reachRouter(deps: ServiceDeps) {
  const os = implement(reachApi).$context<ApiContext>()
  const signedIn = os.use(({ context, next }) => {
    if (!context.caller) throw new BerthError('unauthorized', 'no valid credential')
    return next({ context: { caller: context.caller } })
  })
  return { sshAccess: signedIn.sshAccess.handler(({ input }) => sshAccess(deps, input.id)) }
}
