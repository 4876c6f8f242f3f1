/** Faults of ours as they would be with Fly, put in on purpose. `seed`: a life that found it once, to begin with. */
import type { Mutation } from './vendor.ts'

export const FLY_MUTANTS: Readonly<Record<string, Mutation & { readonly seed: number }>> = {
  'the end without a server is not set': { seed: 1, endAfterHours: 1_000_000 },
}
