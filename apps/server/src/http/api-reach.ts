/** The part of the contract about ssh. Its bytes, and those of ports, go beside the contract (`control.ts`). */
import { reachApi } from '@berth/wire/reach'
import { implement } from '@orpc/server'
import type { ServiceDeps } from '../services/deps.ts'
import { sshAccess } from '../services/reach.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function reachRouter(deps: ServiceDeps) {
  const os = implement(reachApi).$context<ApiContext>().use(signedIn)
  return { sshAccess: os.sshAccess.handler(({ input }) => sshAccess(deps, input.id)) }
}
