/** The lines of Claude Code's `stream-json` that we read; the rest is passed over. */
import { z } from 'zod'

const Delta = z.looseObject({ type: z.string(), text: z.string().optional(), thinking: z.string().optional() })
export const StreamEvent = z.looseObject({
  type: z.string(), index: z.number().optional(), message: z.looseObject({ id: z.string(), model: z.string().optional(), usage: z.record(z.string(), z.unknown()).optional() }).optional().catch(undefined), delta: Delta.optional().catch(undefined),
  usage: z.record(z.string(), z.unknown()).optional().catch(undefined),
})
export type StreamEvent = z.infer<typeof StreamEvent>
export const Line = z.looseObject({
  type: z.string(), subtype: z.string().optional(), uuid: z.string().optional(), parent_tool_use_id: z.string().nullable().optional(), isReplay: z.boolean().optional(),
  event: z.unknown().optional(), message: z.unknown().optional(), tool_use_result: z.unknown().optional(),
  session_id: z.string().optional(), is_error: z.boolean().optional(), result: z.string().optional(),
  request_id: z.string().optional(), request: z.unknown().optional(), response: z.unknown().optional(), error: z.string().optional(),
})
export type Line = z.infer<typeof Line>
export const Said = z.looseObject({ id: z.string(), content: z.array(z.looseObject({ type: z.string(), text: z.string().optional(), thinking: z.string().optional() })) })
export const Told = z.looseObject({ content: z.union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))]) })
export const Asked = z.looseObject({
  subtype: z.literal('can_use_tool'), tool_name: z.string(), input: z.record(z.string(), z.unknown()), tool_use_id: z.string().optional(),
  permission_suggestions: z.array(z.record(z.string(), z.unknown())).nullable().optional().catch(undefined),
})
export type Asked = z.infer<typeof Asked>
export const Answered = z.looseObject({ subtype: z.string(), request_id: z.string(), response: z.looseObject({ behavior: z.string().optional() }).optional().catch(undefined), error: z.string().optional() })
