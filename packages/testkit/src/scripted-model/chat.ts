/** OpenAI Chat Completions. */
import { cut, list, object, schemaNames, sseData, string, textOf, type Json } from './json.ts'
import type { Exchange, Reply, Turn } from './scenario.ts'

export function parseChat(body: Json): Exchange {
  const messages = list(body['messages']).map(object)
  return {
    model: string(body['model']),
    stream: body['stream'] === true,
    system: messages.filter((message) => message['role'] === 'system' || message['role'] === 'developer').map((message) => textOf(message['content'])).join('\n'),
    turns: messages.flatMap(turnOf),
    tools: list(body['tools']).map((tool) => object(object(tool)['function'])).map((tool) => ({ name: string(tool['name']), ...schemaNames(tool['parameters']), freeform: false })),
    wantsJson: object(body['response_format'])['type'] !== undefined && object(body['response_format'])['type'] !== 'text',
  }
}
function turnOf(message: Json): Turn[] {
  const role = message['role']
  if (role === 'tool') return [{ role, text: textOf(message['content']) }]
  if (role !== 'user' && role !== 'assistant') return []
  const calls = list(message['tool_calls']).map((call) => `<${string(object(object(call)['function'])['name'])}>`)
  return [{ role, text: [textOf(message['content']), ...calls].join('\n') }]
}

const usageOf = ({ tokensRead }: Reply) => ({ prompt_tokens: tokensRead, completion_tokens: 50, total_tokens: tokensRead + 50 })
const toolCalls = (reply: Reply) => reply.blocks.flatMap((block) => (block.kind === 'tool' ? [block] : []))
const finish = (reply: Reply): string => (toolCalls(reply).length > 0 ? 'tool_calls' : 'stop')

export function wholeChat(reply: Reply): unknown {
  const calls = toolCalls(reply).map((call) => ({ id: call.id, type: 'function', function: { name: call.name, arguments: JSON.stringify(call.input) } }))
  const content = reply.blocks.flatMap((block) => (block.kind === 'text' ? [block.text] : [])).join('\n')
  const message = { role: 'assistant', content, ...(calls.length > 0 ? { tool_calls: calls } : {}) }
  return { id: reply.id, object: 'chat.completion', created: 0, model: reply.model, choices: [{ index: 0, message, finish_reason: finish(reply) }], usage: usageOf(reply) }
}

export async function* streamChat(reply: Reply): AsyncGenerator<string> {
  const chunk = (delta: unknown, finish_reason: string | null = null): string =>
    sseData({ id: reply.id, object: 'chat.completion.chunk', created: 0, model: reply.model, choices: [{ index: 0, delta, finish_reason }] })
  yield chunk({ role: 'assistant', content: '' })
  let index = 0
  for (const block of reply.blocks) {
    if (block.kind === 'text') {
      for (const content of cut(block.text, block.pieces)) {
        if (block.chunkMs > 0) await Bun.sleep(block.chunkMs)
        yield chunk({ content })
      }
    } else if (block.kind === 'tool') {
      if (block.delayMs > 0) await Bun.sleep(block.delayMs)
      yield chunk({ tool_calls: [{ index, id: block.id, type: 'function', function: { name: block.name, arguments: '' } }] })
      yield chunk({ tool_calls: [{ index, function: { arguments: JSON.stringify(block.input) } }] })
      index += 1
    } else yield chunk({ reasoning_content: block.text })
  }
  yield chunk({}, finish(reply))
  yield sseData({ id: reply.id, object: 'chat.completion.chunk', created: 0, model: reply.model, choices: [], usage: usageOf(reply) })
  yield sseData('[DONE]')
}
