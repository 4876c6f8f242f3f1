/** The part of the contract about money, and about what providers are. */
import { costApi } from '@berth/wire/cost'
import { implement } from '@orpc/server'
import { listCosts, quoteWorkspace } from '../services/costs.ts'
import type { ServiceDeps } from '../services/deps.ts'
import { checkProvider, setDefaultProvider } from '../services/provider-check.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function costRouter(deps: Pick<ServiceDeps, 'store' | 'clock' | 'providers' | 'costLimits' | 'home'>) {
  const os = implement(costApi).$context<ApiContext>().use(signedIn)
  return {
    listCosts: os.listCosts.handler(({ input, context }) => listCosts(deps, context.caller, input)),
    quoteWorkspace: os.quoteWorkspace.handler(({ input }) => quoteWorkspace(deps, input)),
    listCostLimits: os.listCostLimits.handler(({ context }) => deps.costLimits.list(context.caller)),
    setCostLimit: os.setCostLimit.handler(({ input, context }) => deps.costLimits.set(context.caller, input)),
    checkProvider: os.checkProvider.handler(({ input }) => checkProvider(deps, input.name, deps.home)),
    setDefaultProvider: os.setDefaultProvider.handler(({ input }) => setDefaultProvider(deps, input.name)),
  }
}
