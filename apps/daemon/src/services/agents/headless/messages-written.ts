/** The pieces of the message that is being written; its blocks are numbered alike in the pieces and in the whole. */
import type { Ear } from '../conversation/contracts.ts'
import { Said, StreamEvent } from './messages.ts'

interface Current { readonly id: string; readonly model: string | undefined; usage: Record<string, unknown> }
export interface Messages {
  event(value: unknown): void
  said(value: unknown): void
  /** The turn is over: what was begun is all there is. */
  close(): void
}

/** `counted` gets a line as the transcript would have it, with what the message used in the end. */
export function createMessages(ear: Ear, counted: (line: string) => void): Messages {
  let current: Current | null = null
  const blocks = new Map<string, number>()
  const open = new Set<string>()
  const writes = (of: Current, { index, delta }: StreamEvent): void => {
    const text = delta?.text ?? delta?.thinking ?? ''
    if (text === '') return
    const id = `${of.id}.${index ?? 0}`
    open.add(id)
    ear.writes(id, delta?.type === 'thinking_delta' ? 'thought' : 'agent', text)
  }
  return {
    event(value) {
      const parsed = StreamEvent.safeParse(value)
      if (!parsed.success) return
      const { type, message, usage } = parsed.data
      if (type === 'message_start' && message !== undefined) current = { id: message.id, model: message.model, usage: message.usage ?? {} }
      if (current === null) return
      if (type === 'content_block_delta') writes(current, parsed.data)
      if (type === 'message_delta') current.usage = { ...current.usage, ...usage }
      if (type === 'message_stop') counted(JSON.stringify({ type: 'assistant', uuid: current.id, message: { ...current, content: [] } }))
    },
    said(value) {
      const parsed = Said.safeParse(value)
      if (!parsed.success) return
      for (const block of parsed.data.content) {
        const nth = blocks.get(parsed.data.id) ?? 0
        blocks.set(parsed.data.id, nth + 1)
        const id = `${parsed.data.id}.${nth}`
        open.delete(id)
        if (block.type === 'text') ear.wrote(id, 'agent', block.text ?? '')
        if (block.type === 'thinking') ear.wrote(id, 'thought', block.thinking ?? '')
      }
    },
    close() {
      for (const id of open) ear.wrote(id, 'agent')
      open.clear()
      blocks.clear()
      current = null
    },
  }
}
