/** Pools: workspaces of a repository that are made ahead, so that `up` finds its machine and its code there. */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { PoolId } from './ids.ts'
import { Resources } from './workspace.ts'

export const Pool = z.object({
  id: PoolId, url: z.string(), branch: z.string().nullable(), provider: z.string(), resources: Resources,
  /** Of these so many are kept ready. */
  count: z.number().int(), ready: z.number().int(), preparing: z.number().int(),
  /** Of a month, for members that nobody has taken. */
  budgetMicros: z.number().int(), monthMicros: z.number().int(), currency: z.string(),
  /** Why there are fewer than there should be. */
  problem: z.string().nullable(),
})
export type Pool = z.infer<typeof Pool>

const tag = { tags: ['pools'] }
/** Spread into `api`. */
export const poolsApi = {
  listPools: oc.route({ method: 'GET', path: '/pools', summary: 'Pools of prepared workspaces', ...tag }).output(z.array(Pool)),
  setPool: oc.route({ method: 'PUT', path: '/pools', summary: 'Keep so many workspaces of a repository ready; the same repository, branch, provider and size is the same pool', ...tag })
    .input(z.object({
      url: z.string().min(1).max(2048), branch: z.string().min(1).max(255).optional(), provider: z.string().max(64).optional(), resources: Resources.default({}),
      count: z.number().int().min(1).max(50), budgetMicros: z.number().int().min(0), currency: z.string().regex(/^[A-Z]{3}$/, 'a currency such as EUR').default('EUR'),
    })).output(Pool),
  removePool: oc.route({ method: 'DELETE', path: '/pools/{id}', summary: 'End a pool and its members that nobody has taken', ...tag }).input(z.object({ id: PoolId })).output(z.object({ removed: z.boolean() })),
}
