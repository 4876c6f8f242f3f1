/** A whole workspace row with any fields replaced. */
import { deadlines, type WorkspaceRow } from '@berth/core'
import type { OrgId, SessionId, UserId, WorkspaceId } from '@berth/wire'

const AT = 1_799_900_000_000

export function workspaceRow(over: Partial<WorkspaceRow> = {}): WorkspaceRow {
  return {
    id: 'ws_0000000000aa' as WorkspaceId, orgId: 'org_000000000000' as OrgId, creatorId: 'usr_000000000000' as UserId,
    name: 'demo', repository: 'demo', branch: null, source: { kind: 'empty' }, sourceReady: true, provider: 'fake', image: null, resources: {},
    agent: 'plain', command: null, services: [], approvalMode: 'ask', acceptNoIsolation: false, sessionId: 'ses_000000000000' as SessionId, exposures: [],
    autoStopMs: deadlines.autoStop, keepAliveUntil: null, wish: { target: 'running', by: 'user', version: 1, reason: null, at: AT }, generation: 0,
    failure: null, steps: [], statusMessage: null, agentState: 'none', activity: null, idleVerdicts: 0, lastActiveAt: AT, startedAt: null, readyAt: null,
    reported: null, saved: null, createdAt: AT, updatedAt: AT, deletedAt: null, ...over,
  }
}
