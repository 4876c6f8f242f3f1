/** Books of what a vendor charges for: from when to when, and what that comes to by its own tariff. */
interface Charged { readonly kind: string; readonly id: string | number }
type Charge<What> = What & { readonly from: number; to: number | null }

/** `costOf`: what stood so many ms, from then on. */
export function createLedger<What extends Charged>(now: () => number, costOf: (what: What, ms: number, from: number) => number) {
  const charges: Charge<What>[] = []
  return {
    open(what: What) { charges.push({ ...what, from: now(), to: null }) },
    close(kind: What['kind'], id: What['id']) {
      for (const each of charges) if (each.kind === kind && each.id === id && each.to === null) each.to = now()
    },
    /** What costs money at this moment. */
    running: (): readonly Charge<What>[] => charges.filter(({ to }) => to === null),
    all: (): readonly Charge<What>[] => charges,
    /** Up to now, in the currency of the tariff. */
    total: (): number => charges.reduce((sum, charge) => sum + costOf(charge, (charge.to ?? now()) - charge.from, charge.from), 0),
  }
}
export type Ledger<What extends Charged> = ReturnType<typeof createLedger<What>>
