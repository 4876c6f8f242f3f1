/** The cost of a machine as part of the change that says how it stands: both are written at once, or neither is. */
import { chargedAs, nextCharge, type Charge } from '../cost/charge.ts'
import type { Machine, Quote } from '../ports/provider.ts'
import type { WorkspaceRecord } from './records.ts'

export interface ChargeDeps {
  /** What a machine of this workspace costs by its provider's list. Throws, or null: nobody can say now. Absent: nothing is written down. */
  quote?(record: WorkspaceRecord, signal: AbortSignal): Promise<Quote | null>
  log(line: string): void
}

/** Nothing where it costs what it did. */
export async function chargeChange(deps: ChargeDeps, { record, machine, now }: { record: WorkspaceRecord; machine: Pick<Machine, 'observed' | 'createdAt' | 'quote'>; now: number }, signal: AbortSignal): Promise<{ charge?: Charge | null }> {
  if (deps.quote === undefined) return {}
  const known = record.machine?.charge ?? null
  const state = chargedAs(machine.observed)
  // A list that changes meanwhile counts from the next start on: what was quoted holds.
  const holds = state === 'none' || (known?.state === state && known.price !== null)
  const quote = machine.quote ?? (holds ? null : await deps.quote(record, signal).catch((error: unknown) => {
    deps.log(`${record.workspace.id}: its price is not known: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }))
  const charge = nextCharge({ known, machine, quote, ensuringSince: record.machine?.ensuringSince ?? null, now })
  return charge === known ? {} : { charge }
}
