/** Gemini generateContent and streamGenerateContent. */
import { cut, list, object, schemaNames, sseData, string, textOf, type Json } from './json.ts'
import type { Exchange, Reply, ReplyBlock, Turn } from './scenario.ts'

export function parseGemini(body: Json, request: { model: string; stream: boolean }): Exchange {
  const declarations = list(body['tools']).flatMap((tool) => list(object(tool)['functionDeclarations'])).map(object)
  return {
    ...request,
    system: textOf(object(body['systemInstruction'])['parts']),
    turns: list(body['contents']).flatMap(turnsOf),
    tools: declarations.map((tool) => ({ name: string(tool['name']), ...schemaNames(tool['parametersJsonSchema'] ?? tool['parameters']), freeform: false })),
    wantsJson: object(body['generationConfig'])['responseMimeType'] === 'application/json',
  }
}
function turnsOf(content: unknown): Turn[] {
  const { role, parts: given } = object(content)
  const parts = list(given).map(object)
  if (role === 'model') return [{ role: 'assistant', text: parts.map((part) => (part['functionCall'] === undefined ? string(part['text']) : `<${string(object(part['functionCall'])['name'])}>`)).join('\n') }]
  const results = parts.filter((part) => part['functionResponse'] !== undefined)
  const texts = parts.filter((part) => typeof part['text'] === 'string')
  return [
    ...(results.length > 0 ? [{ role: 'tool' as const, text: results.map((part) => JSON.stringify(part['functionResponse'])).join('\n') }] : []),
    ...(texts.length > 0 ? [{ role: 'user' as const, text: textOf(texts) }] : []),
  ]
}

const usageOf = ({ tokensRead }: Reply) => ({ promptTokenCount: tokensRead, candidatesTokenCount: 50, totalTokenCount: tokensRead + 50 })
function partOf(block: ReplyBlock): unknown {
  switch (block.kind) {
    case 'text': return { text: block.text }
    case 'thinking': return { text: block.text, thought: true }
    case 'tool': return { functionCall: { id: block.id, name: block.name, args: block.input } }
  }
}
export const wholeGemini = (reply: Reply): unknown => ({
  candidates: [{ content: { role: 'model', parts: reply.blocks.map(partOf) }, index: 0, finishReason: 'STOP' }], usageMetadata: usageOf(reply), modelVersion: reply.model,
})
export async function* streamGemini(reply: Reply): AsyncGenerator<string> {
  const frame = (parts: unknown[], last = {}): string => sseData({ candidates: [{ content: { role: 'model', parts }, index: 0, ...last }], usageMetadata: usageOf(reply), modelVersion: reply.model })
  for (const block of reply.blocks) {
    if (block.kind === 'tool' && block.delayMs > 0) await Bun.sleep(block.delayMs)
    if (block.kind !== 'text') { yield frame([partOf(block)]); continue }
    for (const text of cut(block.text, block.pieces)) {
      if (block.chunkMs > 0) await Bun.sleep(block.chunkMs)
      yield frame([{ text }])
    }
  }
  yield frame([{ text: '' }], { finishReason: 'STOP' })
}
export const geminiError = (status: number, message: string): unknown => ({ error: { code: status, message, status: status === 429 ? 'RESOURCE_EXHAUSTED' : 'UNAVAILABLE' } })
