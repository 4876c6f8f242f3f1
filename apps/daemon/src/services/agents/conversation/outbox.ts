/** A person's words on their way to the agent: in order, each at most once. */
import type { PromptId, SessionId } from '@berth/wire'
import type { DaemonResult } from '@berth/wire/daemon'
import type { Journal } from '../../../contracts.ts'
import { pasteable } from '../prompt-text.ts'

const QUEUE_LIMIT = 200
const TEXT_LIMIT = 512 * 1024
const SHOWN_LIMIT = 16_384
/** How long the answer to a prompt waits for the agent's word that it has it. */
const TAKEN_WITHIN_MS = 5000

type PromptResult = DaemonResult<'session.prompt'>
interface Prompt { readonly promptId: PromptId; readonly text: string }
export interface Outbox {
  submit(prompt: Prompt): Promise<PromptResult>
  took(promptId: PromptId, text: string): void
  refused(promptId: PromptId, detail: string): void
  /** Says what waits, if it is the moment. */
  kick(): void
  /** The program died: what was told and not confirmed is unclear. */
  lost(): void
}

export function createOutbox(deps: { journal: Journal; sessionId: SessionId; free: () => boolean; tell: (prompt: Prompt) => void; /** What was told to an earlier run is unclear. */ run: () => string; /** Told again with the same id it is told once. */ tellsOnce: boolean; /** It may be told more before it took what it was told. */ steers: boolean }): Outbox {
  const { journal, sessionId } = deps
  const queue: Prompt[] = []
  const told = new Map<PromptId, { text: string; done: ((result: PromptResult) => void)[] }>()
  const mark = ({ promptId, text }: Prompt, status: 'queued' | 'sent' | 'accepted' | 'ambiguous' | 'refused', detail: string | null = null): void => {
    journal.transaction(() => {
      if (status !== 'queued') journal.set(`prompt.${promptId}`, status === 'sent' ? `sent ${deps.run()}` : status)
      journal.append({ type: 'prompt', promptId, sessionId, text: text.slice(0, SHOWN_LIMIT), status, detail }, { key: `prompt.${promptId}.${status}` })
    })
  }
  const free = (): boolean => deps.free() && (deps.steers || told.size === 0)
  const settle = (promptId: PromptId, result: PromptResult): void => {
    for (const done of told.get(promptId)?.done ?? []) done(result)
    told.delete(promptId)
  }
  const tell = (prompt: Prompt): Promise<PromptResult> => {
    const result = Promise.withResolvers<PromptResult>()
    told.set(prompt.promptId, { text: prompt.text, done: [...(told.get(prompt.promptId)?.done ?? []), result.resolve] })
    // Written before it is told: a machine that dies from here on leaves it unclear, never said twice.
    mark(prompt, 'sent')
    deps.tell({ ...prompt, text: pasteable(prompt.text) })
    const late: Promise<PromptResult> = Bun.sleep(TAKEN_WITHIN_MS).then(() => ({ status: 'held', detail: 'it was told; the agent has not confirmed it yet' }))
    return Promise.race([result.promise, late])
  }
  /** What became of it, if it was given to us before and is not to be told again. */
  const earlier = (prompt: Prompt): PromptResult | null => {
    const known = journal.get(`prompt.${prompt.promptId}`)
    if (known === null) return null
    if (known === 'accepted' || known === 'refused') return { status: known, detail: null }
    if (known === 'sent' || known.startsWith('sent ')) {
      if (told.has(prompt.promptId) || (deps.tellsOnce && known === `sent ${deps.run()}`)) return null
      mark(prompt, 'ambiguous', 'it was told as the agent or the daemon ended; look at the conversation before you send it again')
    }
    return { status: 'ambiguous', detail: 'it was told once and will not be told again' }
  }
  return {
    async submit(prompt) {
      const known = earlier(prompt)
      if (known !== null) return known
      if (told.has(prompt.promptId) || queue.some(({ promptId }) => promptId === prompt.promptId)) return { status: 'held', detail: 'it waits for its moment' }
      if (pasteable(prompt.text) === '' || prompt.text.length > TEXT_LIMIT) {
        mark({ ...prompt, text: prompt.text.slice(0, 200) }, 'refused', 'nothing to send, or too long')
        return { status: 'refused', detail: 'nothing to send, or too long' }
      }
      if (queue.length >= QUEUE_LIMIT) return { status: 'refused', detail: 'too many messages wait already' }
      if (queue.length === 0 && free()) return tell(prompt)
      queue.push(prompt)
      mark(prompt, 'queued')
      return { status: 'held', detail: 'the agent is not ready for a message; it is delivered when it is' }
    },
    took(promptId, text) {
      mark({ promptId, text: told.get(promptId)?.text ?? text }, 'accepted')
      settle(promptId, { status: 'accepted', detail: null })
    },
    refused(promptId, detail) {
      mark({ promptId, text: told.get(promptId)?.text ?? '' }, 'refused', detail)
      settle(promptId, { status: 'refused', detail })
    },
    kick() {
      while (queue.length > 0 && free()) {
        const next = queue.shift()
        if (next !== undefined) void tell(next)
      }
    },
    lost() {
      for (const [promptId, { text }] of told) {
        mark({ promptId, text }, 'ambiguous', 'it was told as the agent ended; look at the conversation before you send it again')
        settle(promptId, { status: 'ambiguous', detail: 'the agent ended' })
      }
    },
  }
}
