/**
 * One append wakes every follower of a workspace, and most stand at the same place: those that ask in one turn of the
 * loop are answered by one read. It begins after all of them asked, so whoever wrote before asking finds what it wrote.
 */
import { setImmediate } from 'node:timers/promises'
import type { EventStore } from '@berth/core'

export function shareReads(read: EventStore['read']): EventStore['read'] {
  const next = new Map<string, ReturnType<EventStore['read']>>()
  return async (workspaceId, after, limit) => {
    const key = `${workspaceId} ${after} ${limit}`
    const shared = next.get(key) ?? setImmediate().then(() => {
      next.delete(key)
      return read(workspaceId, after, limit)
    })
    next.set(key, shared)
    return [...(await shared)]
  }
}
