/**
 * What the vendor would charge, in EUR and net: a server from its creation to its deletion, running or not, each begun hour whole, at
 * most its monthly price in a calendar month; volumes and snapshots by size, addresses by the hour.
 */
const HOUR = 3_600_000

export interface Charged { readonly kind: 'server' | 'volume' | 'ipv4' | 'snapshot'; readonly id: number; readonly name: string; readonly hourly: number; readonly monthly: number }

export function costOf({ hourly, monthly }: Charged, ms: number, from: number): number {
  const end = from + Math.max(1, Math.ceil(ms / HOUR)) * HOUR
  let sum = 0
  for (let at = from; at < end;) {
    const day = new Date(at)
    const to = Math.min(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1), end)
    sum += Math.min(monthly, (to - at) / HOUR * hourly)
    at = to
  }
  return sum
}
