/** A claim that no server has: workspaces of a copied home keep it until a person releases them. */
import type { Queries } from './address.ts'

export const HELD_COPY = 'a copied home'
/** The year 2286: for ever, and still a time. */
export const HELD_UNTIL = 9_999_999_999_999

export async function releaseCopies(sql: Queries): Promise<void> {
  await sql`update workspaces set lease_owner = null, lease_until = null, fence = fence + 1, next_tick_at = 0 where lease_owner = ${HELD_COPY}`
}
