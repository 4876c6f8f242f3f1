/**
 * What the vendor would charge, in EUR and net: a server from its creation to its deletion, running or not, each begun hour whole, at
 * most its monthly price in a month; volumes and snapshots by size, addresses by the hour.
 */
const HOUR = 3_600_000
const MONTH_HOURS = 730

export interface Charged { readonly kind: 'server' | 'volume' | 'ipv4' | 'snapshot'; readonly id: number; readonly name: string; readonly hourly: number; readonly monthly: number }

export function costOf({ hourly, monthly }: Charged, ms: number): number {
  const hours = Math.max(1, Math.ceil(ms / HOUR))
  const months = Math.floor(hours / MONTH_HOURS)
  return months * monthly + Math.min(monthly, (hours - months * MONTH_HOURS) * hourly)
}
