/** Whether a call to a model may go on within what may be used. Pure. */

/** Text of a model has seldom less than this for one token; what is guessed is guessed rather too high. */
const BYTES_PER_TOKEN = 3
export const estimatedTokens = (bytes: number): number => Math.ceil(bytes / BYTES_PER_TOKEN)

export interface Account { readonly limitMicros: number; readonly spentMicros: number; /** Of calls under way: what was put aside, or what they have used by now where that is more. */ readonly underWayMicros: number }
/** `wait`: what is under way may use it up; asked again later it may pass. */
export type Admission = 'go' | 'wait' | 'stop'

/** One call alone may begin while anything is left: it is stopped when it has used that. Others beside it must fit. */
export function admit({ limitMicros, spentMicros, underWayMicros }: Account, worstMicros: number): Admission {
  if (spentMicros >= limitMicros) return 'stop'
  if (underWayMicros === 0 || spentMicros + underWayMicros + worstMicros <= limitMicros) return 'go'
  return 'wait'
}

/**
 * What tokens of a model without a price count for a limit in dollars: a limit that is passed by asking for a model
 * that nobody put on the list would be none. In millionths of a dollar a token. It is not part of any cost.
 */
const ASSUMED_MICROS = 10
export const assumedMicros = (tokens: number): number => tokens * ASSUMED_MICROS

const MONTH_LENGTH = '2026-01'.length
const DAY_LENGTH = '2026-01-31'.length
export const dayOf = (now: number): string => new Date(now).toISOString().slice(0, DAY_LENGTH)
export const monthOf = (now: number): string => new Date(now).toISOString().slice(0, MONTH_LENGTH)
