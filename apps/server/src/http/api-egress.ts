/** The part of the contract about the ways out of a workspace. */
import { egressApi } from '@berth/wire/egress'
import { implement } from '@orpc/server'
import { getEgress, putInjection, removeInjection, setEgress, type EgressServiceDeps } from '../services/egress.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function egressRouter(deps: EgressServiceDeps) {
  const os = implement(egressApi).$context<ApiContext>().use(signedIn)
  return {
    getEgress: os.getEgress.handler(({ input }) => getEgress(deps, input.id)),
    setEgress: os.setEgress.handler(({ input, context }) => setEgress(deps, context.caller, input)),
    listInjections: os.listInjections.handler(({ context }) => deps.store.egress.injections(context.caller.orgId)),
    putInjection: os.putInjection.handler(({ input, context }) => putInjection(deps, context.caller, input)),
    removeInjection: os.removeInjection.handler(({ input, context }) => removeInjection(deps, context.caller, input.name)),
  }
}
