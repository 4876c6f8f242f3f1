import { isUnanswered } from '@berth/wire/approval-rules'
import type { Boot } from './boot.ts'
import { streamOf } from './state/live.ts'
import { approvals, hearTime, now, workspaces } from './state/session.ts'

export function begin(boot: Boot): void {
  hearTime(boot.now)
  now.value = boot.now
  workspaces.value = boot.workspaces
  approvals.value = boot.approvals.filter(isUnanswered)
  if (boot.stream) streamOf(boot.stream.id).begin(boot.stream.events, boot.stream.after, boot.stream.whole)
}
