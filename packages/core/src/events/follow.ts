/**
 * A follower only ever reads the store; an append merely says "look again". There is no second delivery path, so
 * replay and live cannot disagree, and a slow reader holds no queue in memory.
 */
import type { StoredEvent, WorkspaceId } from '@berth/wire'
import type { EventStore } from '../ports/store.ts'

/** Events of at most 32 KB: a page is at most 8 MB in memory, and mostly far less. */
export const FOLLOW_PAGE = 256

export async function* follow(store: Pick<EventStore, 'read' | 'onAppend'>, from: { workspaceId: WorkspaceId; after: number }, signal: AbortSignal): AsyncGenerator<StoredEvent, void, undefined> {
  let lookAgain = () => {}
  const onAbort = () => lookAgain()
  const unsubscribe = store.onAppend((workspaceId) => { if (workspaceId === from.workspaceId) lookAgain() })
  signal.addEventListener('abort', onAbort)
  try {
    let { after } = from
    while (!signal.aborted) {
      // Armed before the read, so that an append between the read and the wait is not missed.
      const appended = new Promise<void>((resolve) => { lookAgain = resolve })
      const page = await store.read(from.workspaceId, after, FOLLOW_PAGE)
      for (const event of page) {
        if (signal.aborted) return
        yield event
        after = event.seq
      }
      if (page.length < FOLLOW_PAGE && !signal.aborted) await appended
    }
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', onAbort)
  }
}
