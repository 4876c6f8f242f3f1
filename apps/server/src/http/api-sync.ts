/** The part of the contract about bringing code to a workspace that runs. */
import { syncApi } from '@berth/wire/sync'
import { implement } from '@orpc/server'
import type { ServiceDeps } from '../services/deps.ts'
import { updateFromOrigin } from '../services/origins.ts'
import { pushCode } from '../services/push.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function syncRouter(deps: ServiceDeps) {
  const os = implement(syncApi).$context<ApiContext>().use(signedIn)
  return {
    pushCode: os.pushCode.handler(({ input: { id, ...push } }) => pushCode(deps, id, push)),
    checkOrigin: os.checkOrigin.handler(async ({ input }) => ({ origin: await deps.origins.look(input.id) })),
    updateFromOrigin: os.updateFromOrigin.handler(({ input }) => updateFromOrigin(deps, input.id)),
  }
}
