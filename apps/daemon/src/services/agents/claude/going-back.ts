/**
 * The conversation as it stood: a copy of its file up to there becomes a conversation of its own, and the program goes on
 * with that. What came later stays in the file it was in, so going back can be undone the same way.
 */
import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { AsAgent } from '../../../contracts.ts'
import { copyConversation } from './copy-conversation.ts'
import type { Conversation } from './conversation.ts'
import type { TranscriptTail } from './tail.ts'

const Place = z.object({ uuid: z.uuid(), path: z.string().min(1).max(4096), offset: z.number().int().min(0) })

export interface GoingBack {
  /** Null: nothing was said yet. */
  at(): string | null
  /** Null: the very beginning. The program has to be started anew afterwards. False: it is not there any more. */
  to(place: string | null): Promise<boolean>
}

export function createGoingBack({ asAgent, conversation, tail, withinMs }: { asAgent: AsAgent; conversation: Conversation; tail: TranscriptTail; withinMs?: number }): GoingBack {
  return {
    at: () => (tail.place === null ? null : JSON.stringify({ uuid: conversation.uuid, ...tail.place } satisfies z.infer<typeof Place>)),
    async to(word) {
      const uuid = randomUUID()
      if (word === null) {
        // A file that is not there: the program begins with nothing.
        if (tail.path !== null) tail.follow(join(dirname(tail.path), `${uuid}.jsonl`))
        conversation.moved(uuid)
        return true
      }
      const parsed = Place.safeParse(JSON.parse(word))
      if (!parsed.success) return false
      const { uuid: old, path, offset } = parsed.data
      const copy = join(dirname(path), `${uuid}.jsonl`)
      if (!(await copyConversation({ from: { uuid: old, path, offset }, to: { uuid, path: copy } }, { asAgent, ...(withinMs === undefined ? {} : { withinMs }) }))) return false
      // All of it was told when it happened.
      tail.followFromEnd(copy)
      conversation.moved(uuid)
      return true
    },
  }
}
