/** The parts of Codex's app server that we read. The rest, and what a newer one adds, is passed over. */
import { z } from 'zod'

export const Message = z.looseObject({ id: z.union([z.string(), z.number()]).optional(), method: z.string().optional(), params: z.unknown().optional(), result: z.unknown().optional(), error: z.looseObject({ message: z.string() }).optional() })
const Change = z.looseObject({ path: z.string(), kind: z.looseObject({ type: z.string() }), diff: z.string() })
export type Change = z.infer<typeof Change>
const Input = z.looseObject({ type: z.string(), text: z.string().optional() })
export const Item = z.looseObject({
  type: z.string(), id: z.string(),
  clientId: z.string().nullable().optional(), text: z.string().optional(),
  content: z.array(z.union([Input, z.string()])).optional().catch(undefined), summary: z.array(z.string()).optional().catch(undefined),
  command: z.string().optional(), commandActions: z.array(z.looseObject({ command: z.string() })).optional().catch(undefined), aggregatedOutput: z.string().nullable().optional(),
  changes: z.array(Change).optional().catch(undefined), status: z.string().optional().catch(undefined),
  result: z.looseObject({ content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })).optional() }).nullable().optional().catch(undefined),
  error: z.looseObject({ message: z.string() }).nullable().optional().catch(undefined),
  server: z.string().optional(), tool: z.string().optional().catch(undefined), arguments: z.unknown().optional(), query: z.string().optional().catch(undefined),
})
export type Item = z.infer<typeof Item>
export const ItemNote = z.looseObject({ threadId: z.string(), turnId: z.string(), item: Item })
export const DeltaNote = z.looseObject({ threadId: z.string(), itemId: z.string(), delta: z.string() })
export const Turn = z.looseObject({ id: z.string(), status: z.string(), error: z.looseObject({ message: z.string() }).nullable().optional(), items: z.array(z.unknown()).catch([]) })
export type Turn = z.infer<typeof Turn>
export const TurnNote = z.looseObject({ threadId: z.string(), turn: Turn })
const Counted = z.looseObject({ inputTokens: z.number(), outputTokens: z.number(), totalTokens: z.number() })
export const UsageNote = z.looseObject({ threadId: z.string(), turnId: z.string(), tokenUsage: z.looseObject({ total: Counted, last: Counted, modelContextWindow: z.number().nullable().optional() }) })
export const PlanNote = z.looseObject({ threadId: z.string(), turnId: z.string(), plan: z.array(z.looseObject({ step: z.string(), status: z.string() })) })
export const ResolvedNote = z.looseObject({ threadId: z.string(), requestId: z.union([z.string(), z.number()]) })
export const Approval = z.looseObject({ threadId: z.string(), itemId: z.string(), approvalId: z.string().nullable().optional(), command: z.string().nullable().optional(), cwd: z.string().nullable().optional(), commandActions: z.array(z.looseObject({ command: z.string() })).nullable().optional().catch(undefined) })
export const Elicitation = z.looseObject({
  threadId: z.string(), serverName: z.string(), message: z.string().optional().catch(undefined), url: z.string().optional().catch(undefined),
  requestedSchema: z.looseObject({ properties: z.record(z.string(), z.unknown()).optional() }).optional().catch(undefined),
})
export const Question = z.looseObject({
  threadId: z.string(), itemId: z.string(),
  questions: z.array(z.looseObject({ id: z.string(), header: z.string(), question: z.string(), options: z.array(z.looseObject({ label: z.string(), description: z.string().optional() })).nullable().optional() })),
})
export type Question = z.infer<typeof Question>
export const Thread = z.looseObject({ id: z.string(), turns: z.array(Turn).catch([]) })
export const ThreadOpened = z.looseObject({ thread: Thread, model: z.string().nullable().optional() })
export type ThreadOpened = z.infer<typeof ThreadOpened>
export const Account = z.looseObject({ account: z.unknown(), requiresOpenaiAuth: z.boolean() })
export const Initialized = z.looseObject({ userAgent: z.string() })
