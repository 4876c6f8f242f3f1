/**
 * What a machine costs while it stands as it stands. Pure. Where something is not known for sure the longer time and the
 * higher price count: a ledger that says too little is the one that hurts.
 */
import type { Machine, Observed, Quote } from '../ports/provider.ts'
import { monthAt } from './months.ts'

/** The piece of time that is being paid for now. It ends where the next one begins. */
export interface Charge {
  readonly state: 'running' | 'stopped'
  /** Null: its price was not known when it began. */
  readonly price: Price | null
  readonly since: number
}
export interface Price { readonly currency: string; readonly microsPerHour: number; /** Each begun piece of this length counts whole; 0: what passes. */ readonly incrementMs: number; /** At most, in a calendar month. Absent: there is no such limit. */ readonly monthMicros?: number | undefined }

const HOUR = 3_600_000

export function chargedAs(observed: Observed): Charge['state'] | 'none' {
  switch (observed.state) {
    case 'absent': return 'none'
    case 'stopped': return observed.charged === true ? 'running' : 'stopped'
    case 'failed': return 'stopped'
    // Not there any more only when it is seen to be absent.
    case 'creating': case 'starting': case 'running': case 'stopping': case 'deleting': case 'unknown': return 'running'
  }
}

export function priceOf(quote: Quote, state: Charge['state']): Price {
  const { currency, incrementMs = 0 } = quote
  const [microsPerHour, monthMicros] = state === 'running' ? [quote.runningMicrosPerHour, quote.runningMonthMicros] : [quote.stoppedMicrosPerHour, quote.stoppedMonthMicros]
  return { currency, microsPerHour, incrementMs, ...(monthMicros === undefined ? {} : { monthMicros }) }
}

export interface ChargeInput {
  readonly known: Charge | null
  readonly machine: Pick<Machine, 'observed' | 'createdAt'>
  /** Null: nobody could say. */
  readonly quote: Quote | null
  /** Since when one was asked for; null: none was. */
  readonly ensuringSince: number | null
  readonly now: number
}

/** The charge from now on; the known one itself where nothing changed. */
export function nextCharge({ known, machine, quote, ensuringSince, now }: ChargeInput): Charge | null {
  const state = chargedAs(machine.observed)
  if (state === 'none') return null
  const price = quote === null ? null : priceOf(quote, state)
  if (known?.state === state) {
    if (price === null || samePrice(known.price, price)) return known
    // A price that becomes known counts from the beginning; another one from now on.
    return { state, price, since: known.price === null ? known.since : now }
  }
  return { state, price, since: beginOf({ known, state, machine, ensuringSince, now }) }
}

/** It is seen later than it was bought, much later when the server was away in between. */
function beginOf({ known, state, machine, ensuringSince, now }: Omit<ChargeInput, 'quote'> & { state: Charge['state'] }): number {
  const { observed, createdAt } = machine
  const within = (at: number | null): number | null => (at !== null && at > 0 && at <= now && at >= (known?.since ?? 0) ? at : null)
  if (known === null) return within(createdAt) ?? within(ensuringSince) ?? now
  if (state === 'stopped') return now
  return within(ensuringSince) ?? within(observed.state === 'running' ? observed.startedAt : null) ?? now
}

const samePrice = (one: Price | null, other: Price): boolean => one !== null && one.currency === other.currency && one.microsPerHour === other.microsPerHour && one.incrementMs === other.incrementMs && one.monthMicros === other.monthMicros

/** What it came to by `at`, in whole micro-units. What passed between two moments is the difference: nothing is lost or counted twice at a month's end. */
export function billedMicros({ since, price }: Pick<Charge, 'since' | 'price'>, at: number): number {
  if (price === null || at <= since) return 0
  const { monthMicros } = price
  if (monthMicros === undefined) return byTheHour({ since, price }, at)
  let sum = 0
  for (let from = since; from < at;) {
    const to = Math.min(monthAt(from).to, at)
    sum += Math.min(byTheHour({ since, price }, to) - byTheHour({ since, price }, from), monthMicros)
    from = to
  }
  return sum
}

function byTheHour({ since, price: { incrementMs, microsPerHour } }: { since: number; price: Price }, at: number): number {
  const lasted = at - since
  const counted = incrementMs > 0 ? Math.ceil(lasted / incrementMs) * incrementMs : lasted
  return Math.ceil(counted * microsPerHour / HOUR)
}
