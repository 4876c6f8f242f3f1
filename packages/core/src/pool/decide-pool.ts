/**
 * How many prepared workspaces a pool makes and which it ends. Pure. What its members cost never passes its budget: one is
 * made only where its first piece of time still fits, and all are ended before the next piece begins that does not.
 */
import { deadlines } from '../deadlines.ts'
import type { Pool } from '../ports/pool-store.ts'
import type { WorkspaceRecord } from '../workspace/records.ts'

export interface PoolFacts {
  /** Null: the setting is gone. */
  readonly pool: Pick<Pool, 'count' | 'budgetMicros' | 'retryAt'> | null
  /** Not taken and not deleted. */
  readonly members: readonly WorkspaceRecord[]
  /** What members that are charged for will have come to this month by the next looks; asked for after `members`. */
  readonly soonMicros: number
  /** Of one more. */
  readonly price: { readonly microsPerHour: number; readonly incrementMs: number }
  readonly now: number
}
export interface PoolDecision {
  readonly make: number
  readonly end: readonly { readonly member: WorkspaceRecord; readonly why: string }[]
  /** Why there are fewer than there should be. */
  readonly problem: string | null
  /** Nothing is made before. Absent: as it was. */
  readonly retryAt?: number
}

const HOUR = 3_600_000
const nothing = { make: 0, end: [], problem: null } as const

export function decidePool({ pool, members, soonMicros, price, now }: PoolFacts): PoolDecision {
  const here = members.filter(({ workspace }) => workspace.wish.target !== 'deleted')
  const all = (why: string, of: readonly WorkspaceRecord[] = here) => of.map((member) => ({ member, why }))
  if (pool === null || pool.count === 0) return { ...nothing, end: all('its pool is gone') }
  if (here.length > 0 && soonMicros > pool.budgetMicros) return { ...nothing, end: all('the budget of its pool is spent'), problem: 'the budget of this month is spent' }
  const broken = here.filter(isBroken)
  if (broken.length > 0) return { make: 0, end: all('it could not be prepared', broken), problem: broken[0]?.workspace.failure?.message ?? 'a machine did not stay', retryAt: now + deadlines.poolRetry }
  const tooMany = here.toSorted(leastUsefulFirst).slice(0, Math.max(0, here.length - pool.count))
  if (tooMany.length > 0) return { ...nothing, end: all('its pool is smaller now', tooMany) }
  const old = here.find(({ workspace }) => workspace.readyAt !== null && now - workspace.createdAt > deadlines.poolMemberAge)
  const missing = pool.count - here.length
  // One that is too old still serves until another is there to take its place.
  if (missing === 0) return { ...nothing, end: old === undefined || here.some((one) => one.workspace.readyAt === null) ? [] : all('it is too old', [old]) }
  // What is made and not bought yet is not in what they will have come to.
  const unbought = here.filter(({ machine }) => (machine?.charge ?? null) === null).length
  const affordable = Math.min(missing, Math.max(0, affordableWith(pool.budgetMicros - soonMicros, price) - unbought))
  if (affordable === 0) return { ...nothing, problem: 'what is left of the budget is too little for another one' }
  return now < pool.retryAt ? { ...nothing, problem: null } : { ...nothing, make: affordable }
}

/** How many can begin with what is left: the first piece of time of each is paid whole. */
function affordableWith(leftMicros: number, { microsPerHour, incrementMs }: PoolFacts['price']): number {
  if (microsPerHour === 0) return Number.MAX_SAFE_INTEGER
  return Math.max(0, Math.floor(leftMicros / Math.ceil(microsPerHour * Math.max(incrementMs, deadlines.poolRound * 2) / HOUR)))
}

/** Stopped by a limit, or failed. */
const isBroken = ({ workspace }: WorkspaceRecord): boolean => workspace.failure !== null || workspace.wish.target !== 'running'

function leastUsefulFirst(one: WorkspaceRecord, other: WorkspaceRecord): number {
  const ready = ({ workspace }: WorkspaceRecord): number => (workspace.readyAt === null ? 0 : 1)
  return ready(one) - ready(other) || other.workspace.createdAt - one.workspace.createdAt
}
