import type { PromptStore } from '@berth/core'
import { EVENT_BODY_LIMIT, type EventBody, type EventId, type PromptId, type SessionId, type WorkspaceId } from '@berth/wire'
import type { Transaction } from './address.ts'
import type { StoreContext } from './context.ts'
import { cleanText } from './json.ts'
import { appendEvents, lockStream } from './streams.ts'

const PENDING_LIMIT = 100
/** Of the event; the prompt itself is kept whole. A character takes at most four bytes, and six when JSON escapes it. */
const SHOWN_CHARACTERS = Math.floor(EVENT_BODY_LIMIT / 8)

type Prompt = { readonly promptId: PromptId; readonly text: string; readonly by: string; readonly sessionId?: SessionId }

/** The caller holds the stream's lock or makes the stream in this transaction. */
export async function insertPrompt(tx: Transaction, { workspaceId, prompt, eventId, now }: { workspaceId: WorkspaceId; prompt: Prompt; eventId: EventId; now: number }): Promise<void> {
  const added = await tx`
    insert into prompts ${tx({ id: prompt.promptId, workspaceId, sessionId: prompt.sessionId ?? null, text: cleanText(prompt.text), by: cleanText(prompt.by), status: 'queued', createdAt: now })}
    on conflict (id) do nothing returning id`
  if (added.length === 0) return
  const [row] = await tx<{ sessionId: string }[]>`select session_id from workspaces where id = ${workspaceId}`
  const text = prompt.text.length <= SHOWN_CHARACTERS ? prompt.text : `${prompt.text.slice(0, SHOWN_CHARACTERS)}…`
  // The main session's id comes from the workspace's row, where it was checked.
  const body = { type: 'prompt', promptId: prompt.promptId, sessionId: prompt.sessionId ?? ((row?.sessionId ?? null) as never), text, status: 'queued', detail: null } satisfies EventBody
  await appendEvents(tx, workspaceId, [{ id: eventId, at: now, source: 'server', body }])
}

export function createPrompts({ sql, ids }: StoreContext): PromptStore {
  return {
    async add(workspaceId, prompt, now) {
      await sql.begin(async (tx) => {
        await lockStream(tx, workspaceId)
        await insertPrompt(tx, { workspaceId, prompt, eventId: ids.event(), now })
      })
    },
    async pending(workspaceId) {
      const rows = await sql<{ promptId: PromptId; text: string; sessionId: SessionId | null }[]>`
        select id as prompt_id, text, session_id from prompts where workspace_id = ${workspaceId} and status in ('queued', 'sent')
        order by created_at, position limit ${PENDING_LIMIT}`
      return rows.map(({ sessionId, ...prompt }) => ({ ...prompt, ...(sessionId === null ? {} : { sessionId }) }))
    },
  }
}
