/**
 * Which things at a provider nobody answers for. Pure, and slow to conclude: own installation only, old enough,
 * seen unclaimed in two complete inventories, a few at a time. What is foreign or ambiguous is never touched.
 */
import { deadlines } from '../deadlines.ts'
import type { Inventory, Leftover, Machine, Owner } from '../ports/provider.ts'
import type { MachineRow } from '../workspace/records.ts'

/** More unclaimed machines than this at once looks like a lost database, not like leaks. */
export const REAP_AT_MOST = 10
export const SIGHTINGS_TO_REAP = 2

export type Suspect =
  | { readonly key: string; readonly kind: 'machine'; readonly owner: Owner }
  | { readonly key: string; readonly kind: 'leftover'; readonly leftover: Leftover }

export interface ReapInput {
  readonly provider: string
  readonly installation: string
  readonly machines: Inventory<Machine>
  readonly leftovers: Inventory<Leftover>
  /** Not ended, read from the store after the inventory was taken, so that what was made meanwhile has its row. */
  readonly rows: readonly MachineRow[]
  readonly now: number
}

export function suspectsOf(input: ReapInput): Suspect[] {
  const { provider, installation, rows, now } = input
  const claimed = new Set(rows.filter((row) => row.provider === provider).map((row) => `${row.workspaceId}/${row.generation}`))
  const own = (owner: Owner | 'foreign' | 'ambiguous'): owner is Owner => typeof owner === 'object' && owner.installation === installation
  const unclaimed = (owner: Owner, createdAt: number) => !claimed.has(`${owner.workspaceId}/${owner.generation}`) && now - createdAt >= deadlines.reaperMinimumAge
  const suspects: Suspect[] = []
  if (input.machines.complete) {
    for (const { owner, createdAt, observed } of input.machines.items) {
      if (own(owner) && observed.state !== 'absent' && unclaimed(owner, createdAt)) {
        suspects.push({ key: `${provider}/machine/${owner.workspaceId}/${owner.generation}`, kind: 'machine', owner })
      }
    }
  }
  if (input.leftovers.complete && input.machines.complete) {
    const machines = new Set(input.machines.items.flatMap(({ owner }) => (typeof owner === 'object' ? [`${owner.workspaceId}/${owner.generation}`] : [])))
    for (const leftover of input.leftovers.items) {
      const { owner, kind, name, createdAt, kept } = leftover
      if (kept === true) continue
      // With a machine it goes when the machine goes.
      if (own(owner) && unclaimed(owner, createdAt) && !machines.has(`${owner.workspaceId}/${owner.generation}`)) {
        suspects.push({ key: `${provider}/${kind}/${name}`, kind: 'leftover', leftover })
      }
    }
  }
  return suspects
}

/** Of the suspects and how often each was sighted: what goes now. */
export function decideReap(suspects: readonly { suspect: Suspect; sightings: number; firstAt: number }[], at: { now: number; held: string | null }): Suspect[] {
  if (at.held !== null) return []
  return suspects
    .filter(({ sightings, firstAt }) => sightings >= SIGHTINGS_TO_REAP && firstAt < at.now)
    .map(({ suspect }) => suspect)
    .slice(0, REAP_AT_MOST)
}
