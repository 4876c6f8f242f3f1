/** Whether one more machine may run, and whether those that run may go on. Pure. */
import type { CostLimit } from '@berth/wire/cost'
import { money } from '@berth/wire/money'

/** What counts against a limit: of one person or of the organisation. */
export interface CostStanding {
  readonly limit: CostLimit
  /** Workspaces that are wished to run, without the one that is asked about. */
  readonly running: number
  /** What they cost an hour together. */
  readonly microsPerHour: number
  /** In this month, until now. */
  readonly monthMicros: number
}
export interface Overrun { readonly limit: CostLimit; readonly why: string; readonly what: 'running' | 'hourly' | 'month' }

const whose = ({ scope }: CostLimit): string => (scope === 'user' ? 'your' : "the organisation's")

/** The first limit that one more machine of this price would pass; null: it may run. What is free is only counted. */
export function refuseStart(standings: readonly CostStanding[], microsPerHour: number): Overrun | null {
  for (const { limit, ...standing } of standings) {
    const { running, hourlyMicros, currency } = limit
    if (running !== null && standing.running + 1 > running) return { limit, what: 'running', why: `${whose(limit)} limit is ${running} running ${running === 1 ? 'workspace' : 'workspaces'}, and ${standing.running === 1 ? 'one runs' : `${standing.running} run`}` }
    if (microsPerHour === 0) continue
    if (hourlyMicros !== null && standing.microsPerHour + microsPerHour > hourlyMicros) {
      return { limit, what: 'hourly', why: `${whose(limit)} limit is ${money(hourlyMicros, currency)} an hour; ${money(standing.microsPerHour, currency)} runs, and this would add ${money(microsPerHour, currency)}` }
    }
    if (isSpent(limit, standing.monthMicros)) return { limit, what: 'month', why: spentWords(limit, standing.monthMicros) }
  }
  return null
}

export const isSpent = ({ hardMicros }: CostLimit, monthMicros: number): boolean => hardMicros !== null && monthMicros >= hardMicros

export const spentWords = (limit: CostLimit, monthMicros: number): string =>
  `${whose(limit)} limit of this month is reached: ${money(monthMicros, limit.currency)} of ${money(limit.hardMicros ?? 0, limit.currency)}`
