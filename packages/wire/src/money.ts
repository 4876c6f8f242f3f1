/** Amounts as people read them. No run-time dependencies, so that a page loads it for a few bytes. */
const SIGNS: Readonly<Record<string, string>> = { EUR: '€', USD: '$', GBP: '£' }
const SMALL = 10_000

/** Millionths of the currency's unit; what is small is said to the ten-thousandth. */
export function money(micros: number, currency = 'USD', small = SMALL): string {
  const amount = (micros / 1e6).toFixed(micros > 0 && micros < small ? 4 : 2)
  return SIGNS[currency] === undefined ? `${amount} ${currency}` : SIGNS[currency] + amount
}

/** As vendors reckon a month that has no end of its own. */
export const HOURS_A_MONTH = 730

/** What an hour's price is in a month; `atMost`: what its vendor asks for a whole one, however many hours it has. */
export const inAMonth = (microsPerHour: number, atMost = Number.POSITIVE_INFINITY): number => Math.min(microsPerHour * HOURS_A_MONTH, atMost)

export function perHour({ microsPerHour, currency }: { readonly microsPerHour: number | null; readonly currency: string }): string {
  return microsPerHour === null ? 'price unknown' : `${money(microsPerHour, currency, 10 * SMALL)}/h`
}
