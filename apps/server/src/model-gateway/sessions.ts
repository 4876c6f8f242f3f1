/** Whose call it is. A workspace says a session of its own; what is not one of its own counts for the main one. */
import type { SessionStore } from '@berth/core'
import type { SessionId, WorkspaceId } from '@berth/wire'

/** Those that were seen; above so many all are looked up again. */
const KEPT = 10_000

export function createSessionsOf(store: Pick<SessionStore, 'list'>): (workspace: { readonly id: WorkspaceId; readonly sessionId: SessionId }, said: SessionId | null) => Promise<SessionId> {
  const known = new Set<string>()
  return async ({ id, sessionId: main }, said) => {
    if (said === null || said === main || known.has(`${id} ${said}`)) return said ?? main
    const own = (await store.list([id])).get(id) ?? []
    if (!own.some((session) => session.id === said)) return main
    if (known.size >= KEPT) known.clear()
    known.add(`${id} ${said}`)
    return said
  }
}
