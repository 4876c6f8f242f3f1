/** Who may answer a question, and what an answer may say. The store makes the first one win. */
import { BerthError, type Approval, type Decision } from '@berth/wire'
import { levelIn, reaches } from '../access/may.ts'
import type { Standing } from '../access/may.ts'
import type { Identity } from '../ports/access-store.ts'
import type { WorkspaceRow } from '../workspace/records.ts'

/** Who may act in the workspace; the right to answer comes from its owner (design §10.8). `standing`: of this person in it. */
export function mayDecide(identity: Pick<Identity, 'userId' | 'orgId'>, workspace: Pick<WorkspaceRow, 'deletedAt'>, standing: Standing | null): boolean {
  return workspace.deletedAt === null && standing?.orgId === identity.orgId && reaches(levelIn(identity.userId, standing), 'act')
}

/** Throws what is wrong with this answer to this question. Losing the race is the store's word, not this one's. */
export function checkDecision(approval: Pick<Approval, 'kind' | 'state'>, decision: Decision): void {
  if (approval.state === 'superseded') {
    throw new BerthError('conflict', 'the agent asked again; this question is no longer the one it waits for', { hint: 'see `berth approvals`' })
  }
  if (decision.behavior === 'deny' && decision.updatedInput !== undefined) {
    throw new BerthError('bad_request', 'a denial cannot change the input', { hint: 'allow with a changed input, or deny with a message' })
  }
  if (decision.scope === 'session' && approval.kind !== 'permission') {
    throw new BerthError('bad_request', 'only a permission can be given for the whole session', { hint: 'answer this one once' })
  }
  if (decision.scope === 'session' && decision.behavior === 'deny') {
    throw new BerthError('bad_request', 'a denial counts once', { hint: 'deny with a message that tells the agent why' })
  }
}
