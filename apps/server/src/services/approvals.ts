/** Answers to agents' questions. The first one wins in the store; telling the agent is repeated until it has it. */
import { checkDecision, mayDecide } from '@berth/core'
import type { Identity } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { Approval, ApprovalId, DecidedBy, Decision } from '@berth/wire'
import type { ServiceDeps } from './deps.ts'
import { requireRecord } from './view.ts'
import { requireCan, wakeWorkspace } from './workspaces.ts'
import { messageOf } from '../thrown.ts'

const DELIVER_WITHIN_MS = 10_000

export async function getApproval(deps: ServiceDeps, id: ApprovalId): Promise<Approval> {
  const approval = await deps.store.approvals.get(id)
  if (!approval) throw new BerthError('not_found', `there is no approval ${id}`, { hint: 'see `berth approvals`' })
  return approval
}

export async function decideApproval(deps: ServiceDeps, answer: { id: ApprovalId; decision: Decision; via: DecidedBy['via'] }, identity: Identity): Promise<Approval> {
  const asked = await getApproval(deps, answer.id)
  const record = await requireRecord(deps, asked.workspaceId)
  requireCan(deps, record, 'decide')
  if (!mayDecide(identity, record.workspace, await deps.store.access.standing(identity.userId, asked.workspaceId))) throw new BerthError('forbidden', 'access denied: you may not answer for this workspace', { hint: 'its owner gives more with `berth people grant`' })
  checkDecision(asked, answer.decision)
  const ours = asked.expiresAt !== undefined
  if (ours && answer.decision.updatedInput !== undefined) throw new BerthError('bad_request', 'what the server asks is allowed or denied as it is', { hint: 'deny it with a message that says what to do instead' })
  const now = deps.clock.now()
  const { won, approval } = await deps.store.approvals.decide(answer.id, answer.decision, { who: identity.userName, via: answer.via, at: now }, now)
  if (!won) {
    const by = approval.decidedBy
    throw new BerthError('approval_decided', by ? `${by.who} answered first, by ${by.via}` : 'somebody else answered first', { hint: 'see `berth approvals --all`', details: { approval } })
  }
  // Whoever waits for it waits at the server, and sees it in the store.
  if (!ours) {
    await wakeWorkspace(deps, record, 'a question was answered')
    await deliver(deps, asked, answer)
  }
  return getApproval(deps, answer.id)
}

/** An answer to a question whose asker died goes with the assignment, which says so. */
async function deliver(deps: ServiceDeps, asked: Approval, answer: { decision: Decision; via: string }): Promise<void> {
  const { workspaceId, approvalId, contentHash } = asked
  try {
    if (asked.state === 'orphaned' || !deps.daemons.connected(workspaceId)) return await deps.daemons.reassign(workspaceId)
    await deps.daemons.call(workspaceId, 'approval.decide', { approvalId, contentHash, decision: answer.decision, via: answer.via }, { withinMs: DELIVER_WITHIN_MS })
  } catch (error) {
    deps.log(`${workspaceId}: the answer waits for the daemon: ${messageOf(error)}`)
  }
}
