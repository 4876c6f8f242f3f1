/** How much of one event of an answer is what the model wrote: text, arguments of tools, and sealed thoughts. */
import type { ModelVendor } from '@berth/wire/model-access'

/** Where each vendor puts what is new. What is said again when a part is done is not among it. */
const NEW: Readonly<Record<ModelVendor, readonly string[]>> = { anthropic: ['delta', 'content_block', 'content'], openai: ['delta', 'choices', 'output'], gemini: ['candidates'] }
/** Words of the protocol. */
const NOT_WRITTEN = new Set(['type', 'id', 'tool_use_id', 'call_id', 'role', 'status', 'object', 'index', 'finish_reason', 'finishReason', 'stop_reason', 'logprobs'])
/** Of a thought that a vendor keeps to itself. */
const SEALED = 'encrypted_content'

export function textIn(vendor: ModelVendor, event: unknown): number {
  if (!isObject(event)) return 0
  const sealed = isObject(event['item']) && typeof event['item'][SEALED] === 'string' ? event['item'][SEALED].length : 0
  return NEW[vendor].reduce((sum, key) => sum + written(event[key]), sealed)
}
function written(value: unknown, depth = 0): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (typeof value !== 'object' || value === null || depth > 12) return 0
  return Object.entries(value).reduce((sum, [key, inner]) => NOT_WRITTEN.has(key) ? sum : sum + written(inner, depth + 1), 0)
}
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
