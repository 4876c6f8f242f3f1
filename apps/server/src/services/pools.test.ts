/** A pool whose provider does not say what a machine costs. */
import { expect, test } from 'bun:test'
import { deadlines, ProviderFault, type FaultCategory, type Pool } from '@berth/core'
import { keepPools, type PoolDeps } from './pools.ts'

const NOW = 1_800_000_000_000
const pool = { id: 'pool_000000000001', provider: 'hetzner', resources: {}, count: 2, budgetMicros: 1_000_000, problem: null, retryAt: 7 } as unknown as Pool // the rest of it decides nothing here

/** When it is tried again, after a price that could not be had for this reason. */
async function retryAfter(category: FaultCategory): Promise<number> {
  const noted: number[] = []
  const deps: Pick<PoolDeps, 'clock' | 'log'> & { [K in 'store' | 'providers' | 'costLimits' | 'poke']: unknown } = {
    clock: { now: () => NOW }, log: () => {}, poke: () => {},
    costLimits: { admit: () => Promise.reject(new Error('nothing is made')) },
    providers: { get: () => ({ size: { memoryBytes: 1, cpus: 1 }, quote: () => Promise.reject(new ProviderFault(category, 'no price')) }) },
    store: { installation: { installation: async () => ({ reaperHeld: null }) }, pools: { list: async () => [pool], members: async () => [], monthMicros: async () => 0, note: async (_: string, { retryAt }: { retryAt: number }) => void noted.push(retryAt) } },
  }
  await keepPools(deps as unknown as PoolDeps) // what of it a look asks is above
  expect(noted).toHaveLength(1)
  return noted[0] ?? Number.NaN
}

test('one bad answer of the vendor does not let a pool rest; what will not pass by itself does', async () => {
  expect([await retryAfter('transient'), await retryAfter('rate'), await retryAfter('auth')]).toEqual([7, 7, NOW + deadlines.poolRetry])
})
