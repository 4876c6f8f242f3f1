/** OpenAI Responses. */
import { cut, list, object, schemaNames, sseData, string, textOf, type Json } from './json.ts'
import type { Exchange, OfferedTool, Reply, ReplyBlock, Turn } from './scenario.ts'

export function parseResponses(body: Json): Exchange {
  const input = typeof body['input'] === 'string' ? [{ type: 'message', role: 'user', content: body['input'] }] : list(body['input'])
  // Newer models are offered their tools inside the input, in name spaces.
  const additional = input.filter((item) => object(item)['type'] === 'additional_tools').flatMap((item) => list(object(item)['tools']))
  return {
    model: string(body['model']),
    stream: body['stream'] === true,
    system: string(body['instructions']),
    turns: input.flatMap(turnOf),
    tools: [...list(body['tools']), ...additional].flatMap(toolsOf),
    wantsJson: object(object(body['text'])['format'])['type'] === 'json_schema',
  }
}

function toolsOf(tool: unknown): OfferedTool[] {
  const parsed = object(tool)
  if (parsed['type'] === 'namespace') return list(parsed['tools']).flatMap(toolsOf).map((inside) => ({ ...inside, name: string(parsed['name']).startsWith('mcp__') ? `${string(parsed['name'])}__${inside.name}` : inside.name }))
  return [{ name: string(parsed['name']), ...schemaNames(parsed['parameters']), freeform: parsed['type'] === 'custom' }]
}
function turnOf(item: unknown): Turn[] {
  const { type, role, content, output, name } = object(item)
  const kind = string(type)
  if (kind.endsWith('_call_output')) return [{ role: 'tool', text: textOf(output) }]
  if (kind.endsWith('_call')) return [{ role: 'assistant', text: `<${string(name)}>` }]
  if (kind === 'reasoning') return [{ role: 'assistant', text: '<reasoning>' }]
  if (role === 'user' || role === 'assistant') return [{ role, text: textOf(content) }]
  return []
}

const usageOf = ({ tokensRead }: Reply) => ({ input_tokens: tokensRead, input_tokens_details: { cached_tokens: 0 }, output_tokens: 50, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: tokensRead + 50 })
const itemId = (reply: Reply, index: number, prefix: string): string => `${prefix}_${reply.id}_${index}`

function itemOf(reply: Reply, index: number, block: ReplyBlock): Record<string, unknown> {
  switch (block.kind) {
    case 'text': return { type: 'message', id: itemId(reply, index, 'msg'), role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: block.text, annotations: [] }] }
    case 'thinking': return { type: 'reasoning', id: itemId(reply, index, 'rs'), summary: [{ type: 'summary_text', text: block.text }] }
    case 'tool':
      return typeof block.input === 'string'
        ? { type: 'custom_tool_call', id: itemId(reply, index, 'ctc'), call_id: block.id, name: block.name, input: block.input, status: 'completed' }
        : { type: 'function_call', id: itemId(reply, index, 'fc'), call_id: block.id, ...nameOf(block.name), arguments: JSON.stringify(block.input), status: 'completed' }
  }
}
/** Tools of MCP servers stand in name spaces of their own. */
function nameOf(name: string): { name: string; namespace?: string } {
  const [, namespace, rest] = /^(mcp__.+?)__(.+)$/.exec(name) ?? []
  return namespace === undefined || rest === undefined ? { name } : { name: rest, namespace }
}
const responseOf = (reply: Reply, status: string): Record<string, unknown> => ({
  id: reply.id, object: 'response', created_at: 0, status, model: reply.model,
  output: status === 'completed' ? reply.blocks.map((block, index) => itemOf(reply, index, block)) : [],
  ...(status === 'completed' ? { usage: usageOf(reply) } : {}),
})
export const wholeResponse = (reply: Reply): unknown => responseOf(reply, 'completed')

export async function* streamResponse(reply: Reply): AsyncGenerator<string> {
  let sequence = 0
  const frame = (type: string, data: Record<string, unknown>): string => sseData({ type, sequence_number: sequence++, ...data }, type)
  yield frame('response.created', { response: responseOf(reply, 'in_progress') })
  for (const [output_index, block] of reply.blocks.entries()) {
    const item = itemOf(reply, output_index, block)
    if (block.kind === 'tool' && block.delayMs > 0) await Bun.sleep(block.delayMs)
    yield frame('response.output_item.added', { output_index, item: block.kind === 'text' ? { ...item, status: 'in_progress', content: [] } : item })
    if (block.kind === 'text') {
      const at = { item_id: item['id'], output_index, content_index: 0 }
      yield frame('response.content_part.added', { ...at, part: { type: 'output_text', text: '', annotations: [] } })
      for (const delta of cut(block.text, block.pieces)) {
        if (block.chunkMs > 0) await Bun.sleep(block.chunkMs)
        yield frame('response.output_text.delta', { ...at, delta })
      }
      yield frame('response.output_text.done', { ...at, text: block.text })
      yield frame('response.content_part.done', { ...at, part: { type: 'output_text', text: block.text, annotations: [] } })
    }
    yield frame('response.output_item.done', { output_index, item })
  }
  yield frame('response.completed', { response: responseOf(reply, 'completed') })
}
export const openaiError = (status: number, message: string): unknown => ({ error: { message, type: status === 401 ? 'invalid_request_error' : 'server_error', code: status === 401 ? 'invalid_api_key' : null, param: null } })
