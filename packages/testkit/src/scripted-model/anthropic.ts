/** Anthropic Messages. */
import { cut, list, object, schemaNames, sseData, string, textOf, type Json } from './json.ts'
import type { Exchange, Reply, ReplyBlock, Turn } from './scenario.ts'

export function parseMessages(body: Json): Exchange {
  return {
    model: string(body['model']),
    stream: body['stream'] === true,
    system: textOf(body['system']),
    turns: list(body['messages']).flatMap(turnsOf),
    tools: list(body['tools']).map((tool) => ({ name: string(object(tool)['name']), ...schemaNames(object(tool)['input_schema']), freeform: false })),
    wantsJson: false,
  }
}

/** One message may hold tool results and the person's words: they are different turns. */
function turnsOf(message: unknown): Turn[] {
  const { role, content } = object(message)
  // System messages in the middle of a conversation are the agent's own.
  if (role !== 'user' && role !== 'assistant') return []
  if (typeof content === 'string') return [{ role, text: content }]
  if (role === 'assistant') return [{ role, text: list(content).map((part) => (object(part)['type'] === 'tool_use' ? `<${string(object(part)['name'])}>` : textOf(part))).join('\n') }]
  const results = list(content).filter((part) => object(part)['type'] === 'tool_result')
  const texts = list(content).filter((part) => object(part)['type'] === 'text')
  return [
    ...(results.length > 0 ? [{ role: 'tool' as const, text: textOf(results) }] : []),
    ...(texts.length > 0 ? [{ role: 'user' as const, text: textOf(texts) }] : []),
  ]
}

const stopReason = (reply: Reply): string => (reply.blocks.some((block) => block.kind === 'tool') ? 'tool_use' : 'end_turn')
const usageOf = ({ tokensRead }: Reply) => ({ input_tokens: tokensRead, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 })

export function wholeMessage(reply: Reply): unknown {
  const content = reply.blocks.map((block) => {
    switch (block.kind) {
      case 'text': return { type: 'text', text: block.text }
      case 'thinking': return { type: 'thinking', thinking: block.text, signature: 'c2NyaXB0ZWQ=' }
      case 'tool': return { type: 'tool_use', id: block.id, name: block.name, input: block.input }
    }
  })
  return { id: reply.id, type: 'message', role: 'assistant', model: reply.model, content, stop_reason: stopReason(reply), stop_sequence: null, usage: { ...usageOf(reply), output_tokens: 50 } }
}

export async function* streamMessage(reply: Reply): AsyncGenerator<string> {
  const frame = (data: { type: string } & Record<string, unknown>): string => sseData(data, data.type)
  const message = { id: reply.id, type: 'message', role: 'assistant', model: reply.model, content: [], stop_reason: null, stop_sequence: null, usage: { ...usageOf(reply), output_tokens: 1 } }
  yield frame({ type: 'message_start', message })
  for (const [index, block] of reply.blocks.entries()) {
    yield frame({ type: 'content_block_start', index, content_block: emptyBlock(block) })
    for (const { delta, waitMs } of deltas(block)) {
      if (waitMs > 0) await Bun.sleep(waitMs)
      yield frame({ type: 'content_block_delta', index, delta })
    }
    yield frame({ type: 'content_block_stop', index })
  }
  yield frame({ type: 'message_delta', delta: { stop_reason: stopReason(reply), stop_sequence: null }, usage: { output_tokens: 50 } })
  yield frame({ type: 'message_stop' })
}

function emptyBlock(block: ReplyBlock): unknown {
  switch (block.kind) {
    case 'text': return { type: 'text', text: '' }
    case 'thinking': return { type: 'thinking', thinking: '', signature: '' }
    case 'tool': return { type: 'tool_use', id: block.id, name: block.name, input: {} }
  }
}
function deltas(block: ReplyBlock): { delta: unknown; waitMs: number }[] {
  switch (block.kind) {
    case 'text': return cut(block.text, block.pieces).map((text) => ({ delta: { type: 'text_delta', text }, waitMs: block.chunkMs }))
    case 'thinking': return [{ delta: { type: 'thinking_delta', thinking: block.text }, waitMs: 0 }, { delta: { type: 'signature_delta', signature: 'c2NyaXB0ZWQ=' }, waitMs: 0 }]
    case 'tool': return cut(JSON.stringify(block.input), 2).map((json, at) => ({ delta: { type: 'input_json_delta', partial_json: json }, waitMs: at === 0 ? block.delayMs : 0 }))
  }
}
const ERROR_TYPES: Readonly<Record<number, string>> = { 400: 'invalid_request_error', 401: 'authentication_error', 403: 'permission_error', 429: 'rate_limit_error', 529: 'overloaded_error' }
export const messagesError = (status: number, message: string): unknown => ({ type: 'error', error: { type: ERROR_TYPES[status] ?? 'api_error', message } })
