/** The parts of the Agent Client Protocol (version 1) that we read. Agents differ: what does not fit is passed over. */
import { z } from 'zod'

export const ACP_VERSION = 1
export const AUTH_REQUIRED = -32_000
export const UNKNOWN_METHOD = -32_601

const ERROR_LIMIT = 2000

export const Message = z.looseObject({
  id: z.union([z.string(), z.number(), z.null()]).optional(),
  method: z.string().optional(),
  params: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.looseObject({ code: z.number(), message: z.string(), data: z.unknown().optional() }).optional(),
})
export type Message = z.infer<typeof Message>

const Text = z.looseObject({ type: z.string(), text: z.string().optional() })
const Details = z.union([z.string(), z.looseObject({ details: z.string() }).transform(({ details }) => details), z.looseObject({ message: z.string() }).transform(({ message }) => message)])
/** Some say only "Internal error", and what it was beside it. */
export function wordsOf({ message, data }: NonNullable<Message['error']>): string {
  const details = Details.safeParse(data)
  return details.success && !message.includes(details.data) ? `${message}: ${details.data}`.slice(0, ERROR_LIMIT) : message.slice(0, ERROR_LIMIT)
}
const ToolContent = z.looseObject({
  type: z.string(), content: Text.optional().catch(undefined),
  path: z.string().optional(), oldText: z.string().nullable().optional(), newText: z.string().nullable().optional(),
})
export const ToolCall = z.looseObject({
  toolCallId: z.string(),
  title: z.string().nullable().optional(), name: z.string().optional().catch(undefined), kind: z.string().nullable().optional(), status: z.string().nullable().optional(),
  rawInput: z.record(z.string(), z.unknown()).nullable().optional().catch(undefined), rawOutput: z.unknown().optional(),
  content: z.array(ToolContent).nullable().optional().catch(undefined),
  locations: z.array(z.looseObject({ path: z.string() })).nullable().optional().catch(undefined),
})
export type ToolCall = z.infer<typeof ToolCall>
export const Update = z.looseObject({
  sessionUpdate: z.string(),
  content: z.unknown().optional(),
  messageId: z.string().nullable().optional().catch(undefined),
  entries: z.array(z.looseObject({ content: z.string(), status: z.enum(['pending', 'in_progress', 'completed']).catch('pending') })).optional().catch(undefined),
  used: z.number().optional().catch(undefined), size: z.number().optional().catch(undefined), cost: z.looseObject({ amount: z.number(), currency: z.string() }).nullable().optional().catch(undefined),
})
export const SessionUpdate = z.looseObject({ sessionId: z.string().optional(), update: Update })
export const Chunk = Text
export const Option = z.looseObject({ optionId: z.string(), name: z.string().optional(), kind: z.string().optional() })
export type Option = z.infer<typeof Option>
export const Permission = z.looseObject({ toolCall: ToolCall, options: z.array(Option) })
export const Initialized = z.looseObject({
  agentInfo: z.looseObject({ version: z.string().optional() }).nullable().optional().catch(undefined),
  agentCapabilities: z.looseObject({ loadSession: z.boolean().optional(), sessionCapabilities: z.record(z.string(), z.unknown()).nullable().optional().catch(undefined) }).optional().catch(undefined),
  authMethods: z.array(z.looseObject({ id: z.string(), name: z.string().optional(), description: z.string().nullable().optional() })).nullable().optional().catch(undefined),
})
export const SessionOpened = z.looseObject({ sessionId: z.string().optional() })
const Usage = z.looseObject({ inputTokens: z.number().optional(), outputTokens: z.number().optional(), cachedReadTokens: z.number().nullable().optional(), cachedWriteTokens: z.number().nullable().optional() })
export const PromptEnded = z.looseObject({ stopReason: z.string() })
const Counted = z.looseObject({ input_tokens: z.number(), output_tokens: z.number() })
const Reported = z.looseObject({
  usage: Usage.nullable().optional().catch(undefined),
  _meta: z.looseObject({ quota: z.looseObject({ token_count: Counted, model_usage: z.array(z.looseObject({ model: z.string() })).optional() }).optional().catch(undefined) }).nullable().optional().catch(undefined),
})
/** What was used, wherever the agent says it: the protocol's place is new, and not everybody knows it. */
export function usageOf(value: unknown): { inputTokens: number; outputTokens: number; model: string | null } | null {
  const parsed = Reported.safeParse(value)
  if (!parsed.success) return null
  const { usage, _meta } = parsed.data
  if (usage !== undefined && usage !== null) return { inputTokens: (usage.inputTokens ?? 0) + (usage.cachedReadTokens ?? 0) + (usage.cachedWriteTokens ?? 0), outputTokens: usage.outputTokens ?? 0, model: null }
  const quota = _meta?.quota
  return quota === undefined ? null : { inputTokens: quota.token_count.input_tokens, outputTokens: quota.token_count.output_tokens, model: quota.model_usage?.[0]?.model ?? null }
}
export const PromptSent = z.looseObject({ sessionId: z.string(), prompt: z.array(Text) })
export const Selected = z.looseObject({ outcome: z.looseObject({ outcome: z.string(), optionId: z.string().optional() }) })
