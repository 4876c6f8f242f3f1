/** Faults of ours in what a server knows of its warm pools, put in on purpose. `seed`: a life that found it once, to begin with. */
import type { Mutation } from './vendor.ts'

export const POOL_MUTANTS: Readonly<Record<string, Mutation & { readonly seed: number }>> = {
  'what a member costs is not counted': { seed: 3, pools: (pools) => ({ ...pools, monthMicros: async () => 0 }) },
  'only those that are ready count: each look makes others': { seed: 3, pools: (pools) => ({ ...pools, members: async () => (await pools.members()).filter(({ workspace }) => workspace.readyAt !== null), add: (id, row, _, now) => pools.add(id, row, Number.MAX_SAFE_INTEGER, now) }) },
  'members of a pool that is gone are forgotten': {
    seed: 3,
    pools: (pools) => ({ ...pools, async members() {
      const there = new Set<string>((await pools.list()).map(({ id }) => id))
      return (await pools.members()).filter(({ workspace }) => there.has(workspace.pool?.id ?? ''))
    } }),
  },
}
