/** The part of the contract about model keys and what was used of them. */
import { modelAccessApi } from '@berth/wire/model-access'
import { implement } from '@orpc/server'
import type { ServiceDeps } from '../services/deps.ts'
import { addModelFallback, putModelKey, removeModelKey, setModelBudget } from '../services/model-access.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function modelAccessRouter(deps: Pick<ServiceDeps, 'store' | 'clock'>) {
  const { store, clock } = deps
  const os = implement(modelAccessApi).$context<ApiContext>().use(signedIn)
  return {
    listModelKeys: os.listModelKeys.handler(({ context }) => store.modelKeys.list(context.caller.orgId)),
    putModelKey: os.putModelKey.handler(({ input, context }) => putModelKey(deps, context.caller, input)),
    addModelFallback: os.addModelFallback.handler(({ input, context }) => addModelFallback(deps, context.caller, input)),
    removeModelKey: os.removeModelKey.handler(({ input, context }) => removeModelKey(deps, context.caller, { vendor: input.vendor, name: null })),
    removeModelFallback: os.removeModelFallback.handler(({ input, context }) => removeModelKey(deps, context.caller, input)),
    listModelUsage: os.listModelUsage.handler(({ input, context }) => store.modelUsage.list(context.caller.orgId, input.workspace)),
    listModelUsageDays: os.listModelUsageDays.handler(({ input: { workspace, since }, context }) => store.modelUsage.days(context.caller.orgId, { ...(workspace === undefined ? {} : { workspaceId: workspace }), ...(since === undefined ? {} : { since }) })),
    listModelBudgets: os.listModelBudgets.handler(({ context }) => store.modelBudgets.list(context.caller.orgId, clock.now())),
    setModelBudget: os.setModelBudget.handler(({ input, context }) => setModelBudget(deps, context.caller, input)),
  }
}
