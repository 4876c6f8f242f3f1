/**
 * What the vendor would charge: a server from its creation to its deletion, running or not, each begun hour whole, at
 * most its monthly price in a month; volumes by size, addresses by the hour.
 */
const HOUR = 3_600_000
const MONTH_HOURS = 730

export interface Charge { readonly kind: 'server' | 'volume' | 'ipv4'; readonly id: number; readonly name: string; readonly hourly: number; readonly monthly: number; readonly from: number; to: number | null }

export function createLedger(now: () => number) {
  const charges: Charge[] = []
  const costOf = ({ hourly, monthly, from, to }: Charge): number => {
    const hours = Math.max(1, Math.ceil(((to ?? now()) - from) / HOUR))
    const months = Math.floor(hours / MONTH_HOURS)
    return months * monthly + Math.min(monthly, (hours - months * MONTH_HOURS) * hourly)
  }
  return {
    open(charge: Omit<Charge, 'from' | 'to'>) { charges.push({ ...charge, from: now(), to: null }) },
    close(kind: Charge['kind'], id: number) {
      const found = charges.find((each) => each.kind === kind && each.id === id && each.to === null)
      if (found !== undefined) found.to = now()
    },
    /** What costs money at this moment. */
    running: (): readonly Charge[] => charges.filter(({ to }) => to === null),
    all: (): readonly Charge[] => charges,
    /** EUR, net, up to now. */
    total: (): number => charges.reduce((sum, charge) => sum + costOf(charge), 0),
  }
}
export type Ledger = ReturnType<typeof createLedger>
