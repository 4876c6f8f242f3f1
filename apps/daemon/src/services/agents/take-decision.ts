/** A person's decision that arrives at the daemon: what it means by where its question stands. */
import type { Decision } from '@berth/wire'
import type { DaemonResult } from '@berth/wire/daemon'
import { PREAPPROVAL_MS, type ApprovalBook, type ApprovalRecord } from './approval-book.ts'

/** How long the answer waits for the agent's word that it has the decision. */
const DELIVERY_MS = 3000

export interface GivenDecision { readonly approvalId: string; readonly contentHash: string; readonly decision: Decision; readonly via: string; /** Since it was given. */ readonly ageMs: number }

/**
 * Written down first, then brought to the agent. May be called twice with the same decision; of several the first counts.
 * `bring` resolves when the agent has it; null: nobody waits for it now, and it is brought when somebody asks again.
 */
export async function takeDecision(given: GivenDecision, { book, now, wake, bring }: {
  book: ApprovalBook; now: () => number
  wake: (record: ApprovalRecord, decision: Decision) => void
  bring: (record: ApprovalRecord, decision: Decision) => Promise<void> | null
}): Promise<DaemonResult<'approval.decide'>> {
  const { approvalId, decision, via } = given
  const record = book.get(approvalId)
  if (record === null || record.contentHash !== given.contentHash) return { status: 'unknown' }
  if (record.state === 'applied' || record.state === 'superseded') return { status: 'already' }
  if (record.state === 'orphaned') {
    if (record.decision === null) {
      book.preapprove(approvalId, { decision, via, until: now() + Math.max(0, PREAPPROVAL_MS - given.ageMs) })
      wake(record, decision)
    }
    return { status: 'kept' }
  }
  if (record.state === 'open') book.decide(approvalId, decision, via)
  const decided = book.get(approvalId)
  const brought = decided === null || decided.decision === null ? null : bring(decided, decided.decision)
  if (brought === null) return { status: 'kept' }
  await Promise.race([brought, Bun.sleep(DELIVERY_MS)])
  return { status: book.get(approvalId)?.state === 'applied' ? 'applied' : 'kept' }
}
