/** What the vendor takes for disks, addresses and images (`GET /pricing`); sizes of servers tell their own prices. Net, in integer micro-units of the currency. */
import type { Api } from './client.ts'

export interface Prices {
  readonly currency: string
  readonly volumeGbMonthMicros: number
  readonly imageGbMonthMicros: number
  /** Of an IPv4 address, by location; `others`: where the vendor names none. */
  readonly ipv4HourMicros: ByLocation
  /** At most, in a calendar month. */
  readonly ipv4MonthMicros: ByLocation
  /** The vendor said so itself, not long ago. */
  readonly asked: boolean
}
type ByLocation = { readonly others: number; readonly [location: string]: number }
export interface PriceList {
  /** What is known without asking. */
  known(): Prices
  /** Asks where the last answer is old. Never rejects: what was known last will do. */
  ask(signal: AbortSignal): Promise<Prices>
}

/** As the vendor said in May 2026: for as long as it could not be asked. */
export const PUBLISHED: Prices = { currency: 'EUR', volumeGbMonthMicros: 57_200, imageGbMonthMicros: 14_300, ipv4HourMicros: { others: 800 }, ipv4MonthMicros: { others: 500_000 }, asked: false }
/** The vendor changes its prices a few times a year. */
const GOOD_MS = 3_600_000
/** After an answer that did not come. */
const AGAIN_MS = 60_000
const NANOS = 1e9

interface Price { readonly net: string }
interface Answer {
  readonly pricing: {
    readonly currency: string
    readonly image: { readonly price_per_gb_month: Price }
    readonly volume: { readonly price_per_gb_month: Price }
    readonly primary_ips: readonly { readonly type: string; readonly prices: readonly { readonly location: string; readonly price_hourly: Price; readonly price_monthly: Price }[] }[]
  }
}

export function createPriceList({ api, now }: { readonly api: Api; readonly now: () => number }): PriceList {
  let prices = PUBLISHED
  let askAfter = Number.NEGATIVE_INFINITY
  return {
    known: () => prices,
    async ask(signal) {
      if (now() < askAfter) return prices
      askAfter = now() + AGAIN_MS
      try {
        prices = pricesIn(await api.call<Answer>('/pricing', { what: 'asking for prices' }, signal)) ?? prices
        askAfter = now() + GOOD_MS
      } catch {
        // A price is no reason to fail.
      }
      return prices
    },
  }
}

/** Null: there is a price in it that is none. */
function pricesIn({ pricing: { currency, image, volume, primary_ips: addresses } }: Answer): Prices | null {
  const ipv4 = addresses.find(({ type }) => type === 'ipv4')?.prices ?? []
  // The dearest, where a place is not named: too little is what hurts.
  const byLocation = (priceOf: (each: (typeof ipv4)[number]) => Price, published: ByLocation): ByLocation => {
    const named = Object.fromEntries(ipv4.map((each) => [each.location, microsOf(priceOf(each).net)]))
    return { ...named, others: Math.max(published.others, ...Object.values(named)) }
  }
  const prices: Prices = {
    currency, volumeGbMonthMicros: microsOf(volume.price_per_gb_month.net), imageGbMonthMicros: microsOf(image.price_per_gb_month.net),
    ipv4HourMicros: byLocation(({ price_hourly: hourly }) => hourly, PUBLISHED.ipv4HourMicros), ipv4MonthMicros: byLocation(({ price_monthly: monthly }) => monthly, PUBLISHED.ipv4MonthMicros), asked: true,
  }
  return [prices.volumeGbMonthMicros, prices.imageGbMonthMicros, ...Object.values(prices.ipv4HourMicros), ...Object.values(prices.ipv4MonthMicros)].every(Number.isFinite) ? prices : null
}

/** Rounded up, but not for the last digit of a binary fraction. */
const microsOf = (net: string): number => Math.ceil(Math.round(Number(net) * NANOS) / 1000)
