/** The part of the contract about model keys and what was used of them. */
import { modelAccessApi, MODEL_VENDORS } from '@berth/wire/model-access'
import { implement } from '@orpc/server'
import type { ServiceDeps } from '../services/deps.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function modelAccessRouter({ store, clock }: Pick<ServiceDeps, 'store' | 'clock'>) {
  const os = implement(modelAccessApi).$context<ApiContext>().use(signedIn)
  return {
    listModelKeys: os.listModelKeys.handler(({ context }) => store.modelKeys.list(context.caller.orgId)),
    putModelKey: os.putModelKey.handler(({ input: { vendor, key, baseUrl, limitMicros }, context }) =>
      store.modelKeys.put({ orgId: context.caller.orgId, vendor, key, limitMicros, baseUrl: (baseUrl ?? MODEL_VENDORS[vendor].baseUrl).replace(/\/+$/, '') }, clock.now())),
    removeModelKey: os.removeModelKey.handler(async ({ input, context }) => ({ removed: await store.modelKeys.remove(context.caller.orgId, input.vendor) })),
    listModelUsage: os.listModelUsage.handler(({ input, context }) => store.modelUsage.list(context.caller.orgId, input.workspace)),
  }
}
