/** The part of the contract about workspaces that are made ahead. */
import { poolsApi } from '@berth/wire/pools'
import { implement } from '@orpc/server'
import type { ServiceDeps } from '../services/deps.ts'
import { listPools, removePool, setPool } from '../services/pools.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function poolsRouter(deps: ServiceDeps) {
  const os = implement(poolsApi).$context<ApiContext>().use(signedIn)
  return {
    listPools: os.listPools.handler(({ context }) => listPools(deps, context.caller)),
    setPool: os.setPool.handler(({ input, context }) => setPool(deps, input, context.caller)),
    removePool: os.removePool.handler(({ input, context }) => removePool(deps, input.id, context.caller)),
  }
}
