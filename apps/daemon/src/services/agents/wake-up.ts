/** The words that bring a decision to an agent whose question died with an earlier run. */
import { PromptId, type Decision } from '@berth/wire'
import type { ApprovalRecord } from './approval-book.ts'

/** The id follows from the approval, so a wake-up is given once even when the decision arrives twice. */
export function wakeUp(record: ApprovalRecord, decision: Decision): { promptId: PromptId; text: string } {
  const answer = decision.behavior === 'allow' ? 'allowed. Make the same request again and continue.' : 'denied. Do not make it again; continue without it.'
  const said = decision.message === undefined ? '' : ` They said: ${decision.message}`
  return {
    promptId: PromptId.parse(record.approvalId.replace(/^apr_/, 'prm_')),
    text: `The request that was pending when this session was interrupted (${record.title}) has been answered by a person: ${answer}${said}`,
  }
}
