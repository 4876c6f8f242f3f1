/**
 * Which conversation of the program this session is in. The first follows from our id; `/clear` begins another one, and
 * so may a person at the terminal with `/resume`. A later start goes on with the last.
 */
import type { SessionId } from '@berth/wire'
import type { Journal } from '../../../contracts.ts'
import { sessionUuidOf } from './launch.ts'

export interface Conversation { readonly uuid: string; moved(uuid: string): void }

/** It becomes a file's name and an argument, and it comes from the agent. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function createConversation({ journal, sessionId }: { journal: Journal; sessionId: SessionId }): Conversation {
  const name = `conversation.${sessionId}`
  const stored = journal.get(name)
  let uuid = stored !== null && UUID.test(stored) ? stored : sessionUuidOf(sessionId)
  return {
    get uuid() { return uuid },
    moved(to) {
      if (to === uuid || !UUID.test(to)) return
      uuid = to
      journal.set(name, to)
    },
  }
}
