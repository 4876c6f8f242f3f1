import type { Approval, ApprovalId, Decision } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { verdictOf } from '../ui/tool-words.ts'
import { buzz, say } from '../shell/toast.tsx'
import { approvals, client, putApproval, refused } from './session.ts'

export type Answer = Decision['behavior']

/** Answered here: what comes back about them is no news. */
const mine = new Set<ApprovalId>()

/** Somebody else answered what is open here: said once, because the card is about to go. */
export function sayAnswered(approval: Approval): void {
  const { decidedBy, decision } = approval
  if (decidedBy === null || decision === null || mine.has(approval.approvalId) || !approvals.peek().some(({ approvalId }) => approvalId === approval.approvalId)) return
  say(`${verdictOf(approval.kind, decision.behavior)} by ${decidedBy.who} on ${decidedBy.via}`)
}

/** False: it was not taken, and the question is still open. The first answer wins; whoever is later learns who was first. */
export async function decide(id: ApprovalId, decision: Decision): Promise<boolean> {
  mine.add(id)
  try {
    putApproval(await client.decideApproval({ id, decision, via: 'web' }))
    buzz()
    return true
  } catch (error) {
    if (!(error instanceof BerthError) || error.code !== 'approval_decided') {
      refused(error)
      return false
    }
    say(error.message)
    await client.getApproval({ id }).then((approval: Approval) => putApproval(approval), () => undefined)
    return true
  }
}
