/** What sessions need kept. A change and the event that announces it are one transaction. */
import type { AgentKind, AgentState, ApprovalMode, SessionId, SessionMode, WorkspaceId } from '@berth/wire'

export interface SessionRow {
  readonly id: SessionId
  readonly workspaceId: WorkspaceId
  /** Null: called by its agent. */
  readonly title: string | null
  readonly agent: AgentKind
  readonly mode: SessionMode
  readonly command: string | null
  readonly approvalMode: ApprovalMode
  readonly main: boolean
  readonly forkedFrom: SessionId | null
  readonly state: AgentState
  readonly detail: string | null
  /** Its error is only that nobody is signed in. */
  readonly wantsLogin: boolean
  readonly createdAt: number
  readonly endedAt: number | null
}
export type NewSession = Pick<SessionRow, 'id' | 'workspaceId' | 'title' | 'agent' | 'mode' | 'command' | 'approvalMode' | 'forkedFrom'>

export interface SessionStore {
  /** Those that were not ended, the main one first, for each of these workspaces that there is. */
  list(ids: readonly WorkspaceId[]): Promise<ReadonlyMap<WorkspaceId, readonly SessionRow[]>>
  /** Repeated with the same id it changes nothing. Throws `too_many` above the limit. */
  add(session: NewSession, by: string, now: number): Promise<void>
  /** Null: there is none of that id any more. */
  handOver(place: { readonly workspaceId: WorkspaceId; readonly id: SessionId }, to: Pick<SessionRow, 'agent' | 'mode'>, change: { readonly by: string; readonly now: number }): Promise<SessionRow | null>
  /** False: it was ended already, or is the main one. */
  end(place: { readonly workspaceId: WorkspaceId; readonly id: SessionId }, by: string, now: number): Promise<boolean>
}
