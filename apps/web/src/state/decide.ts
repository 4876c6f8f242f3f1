import type { Approval, ApprovalId, Decision } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { buzz, say } from '../shell/toast.tsx'
import { client, putApproval, refused } from './session.ts'

export type Answer = Decision['behavior']

/** False: it was not taken, and the question is still open. The first answer wins; whoever is later learns who was first. */
export async function decide(id: ApprovalId, decision: Decision): Promise<boolean> {
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
