/** Which of a workspace's conversations is looked at. Where there is one alone, nothing is chosen. */
import { signal } from '@preact/signals'
import type { Session, SessionId, StoredEvent, Workspace } from '@berth/wire'
import { approvals } from './session.ts'

const chosen = signal<Readonly<Record<string, string>>>({})

export function chooseSession(workspaceId: string, session: string): void {
  chosen.value = { ...chosen.value, [workspaceId]: session }
}

/** Null: there is one, and all that happened is its. */
export function sessionShown(workspace: Workspace | undefined): Session | null {
  const sessions = workspace?.sessions ?? []
  return sessions.length < 2 || !workspace ? null : (sessions.find(({ id }) => id === chosen.value[workspace.id]) ?? sessions[0] ?? null)
}

/** What waits for a person in it. */
export const asksOf = ({ id }: Session): number => approvals.value.filter(({ sessionId }) => sessionId === id).length

/** The workspace as that conversation has it. */
export function asSession(workspace: Workspace, session: Session | null): Workspace {
  return session ? { ...workspace, agentState: session.state, wantsLogin: session.wantsLogin === true, needsYou: asksOf(session), work: session.state === 'busy' ? workspace.work : null } : workspace
}

/** For calls: the main one is meant where none is named. */
export function sessionMeant(workspace: Workspace): { session?: SessionId } {
  const shown = sessionShown(workspace)
  return shown && !shown.main ? { session: shown.id } : {}
}

/** What names no session belongs to the main one; the page is given the main one's without its name. */
export function isOf({ body }: StoredEvent, session: Pick<Session, 'id' | 'main'> | null): boolean {
  // An answer names its question, which is here or is not.
  if (!session || (body.type.startsWith('approval.') && body.type !== 'approval.asked')) return true
  const of = body['sessionId'] ?? (body['ask'] as { sessionId?: unknown } | undefined)?.sessionId ?? null
  return of === null ? session.main : of === session.id
}
