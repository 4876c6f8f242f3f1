/** Months of the ledger, in UTC: `2026-11`. */
export interface Month { readonly month: string; readonly from: number; readonly to: number }

export function monthAt(now: number): Month {
  const at = new Date(now)
  return monthOfYear(at.getUTCFullYear(), at.getUTCMonth())
}

/** Null: not a month. */
export function monthNamed(text: string): Month | null {
  const [, year, month] = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(text) ?? []
  return year === undefined ? null : monthOfYear(Number(year), Number(month) - 1)
}

/** From the first to the last of them, at most so many; the newest are kept. */
export function monthsBetween(first: Month, last: Month, limit: number): Month[] {
  const months: Month[] = []
  for (let next = last; next.from >= first.from && months.length < limit; next = monthAt(next.from - 1)) months.unshift(next)
  return months
}

function monthOfYear(year: number, month: number): Month {
  const from = Date.UTC(year, month)
  return { month: new Date(from).toISOString().slice(0, 7), from, to: Date.UTC(year, month + 1) }
}
