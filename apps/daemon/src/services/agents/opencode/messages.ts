/** The parts of opencode's server that we read. The rest, and what a newer one adds, is passed over. */
import { z } from 'zod'

const Tokens = z.looseObject({ input: z.number(), output: z.number(), reasoning: z.number().optional(), cache: z.looseObject({ read: z.number(), write: z.number() }).optional() })
export const ToolState = z.looseObject({
  status: z.string(), input: z.record(z.string(), z.unknown()).optional().catch(undefined), title: z.string().optional(), output: z.string().optional(), error: z.string().optional(),
  metadata: z.looseObject({ diff: z.string().optional().catch(undefined), output: z.string().optional().catch(undefined), exists: z.boolean().optional().catch(undefined) }).optional().catch(undefined),
})
export const Part = z.looseObject({
  id: z.string(), sessionID: z.string(), messageID: z.string(), type: z.string(),
  text: z.string().optional(), synthetic: z.boolean().optional(), time: z.looseObject({ end: z.number().optional() }).optional().catch(undefined),
  callID: z.string().optional(), tool: z.string().optional(), state: ToolState.optional().catch(undefined),
  tokens: Tokens.optional().catch(undefined), cost: z.number().optional(),
})
export type Part = z.infer<typeof Part>
export const Info = z.looseObject({
  id: z.string(), sessionID: z.string(), role: z.string(), modelID: z.string().optional(), time: z.looseObject({ completed: z.number().optional() }).optional().catch(undefined),
  error: z.looseObject({ name: z.string(), data: z.looseObject({ message: z.string().optional() }).optional().catch(undefined) }).nullable().optional().catch(undefined),
})
export type Info = z.infer<typeof Info>
export const History = z.array(z.looseObject({ info: Info, parts: z.array(z.unknown()) }))
export const Permission = z.looseObject({
  id: z.string(), sessionID: z.string(), permission: z.string(), patterns: z.array(z.string()).catch([]), metadata: z.record(z.string(), z.unknown()).catch({}),
  tool: z.looseObject({ callID: z.string() }).optional().catch(undefined),
})
export const Question = z.looseObject({
  id: z.string(), sessionID: z.string(), tool: z.looseObject({ callID: z.string() }).optional().catch(undefined),
  questions: z.array(z.looseObject({ question: z.string(), header: z.string().optional(), multiple: z.boolean().optional(), options: z.array(z.looseObject({ label: z.string(), description: z.string().optional() })) })),
})
export type Question = z.infer<typeof Question>
export const Replied = z.looseObject({ requestID: z.string(), reply: z.string().optional() })
export const Status = z.looseObject({ type: z.string(), message: z.string().optional() })
export const ServerEvent = z.looseObject({ type: z.string(), properties: z.looseObject({ sessionID: z.string().optional().catch(undefined) }).catch({}) })
export const Delta = z.looseObject({ sessionID: z.string(), partID: z.string(), field: z.string(), delta: z.string() })
export const Todos = z.looseObject({ todos: z.array(z.looseObject({ content: z.string(), status: z.string() })) })
