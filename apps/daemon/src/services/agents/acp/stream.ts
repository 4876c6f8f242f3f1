/** What the agent does in a turn, as its updates tell it: words, calls, plans, and what they used. */
import type { ProtocolDeps } from '../relay/voice.ts'
import { Chunk, SessionUpdate, ToolCall, usageOf } from './messages.ts'
import { knownAfter, reportOf, type Known } from './tools.ts'

const TOOLS_LIMIT = 1000
type Role = 'agent' | 'thought'
type Used = NonNullable<ReturnType<typeof usageOf>>
interface Written { readonly content?: unknown; readonly messageId?: string | null | undefined; readonly _meta?: unknown }

export interface AcpStream {
  updated(params: unknown, n: number): void
  /** What is known of the call after this. */
  tool(value: unknown): { call: ToolCall; known: Known } | null
  keep(toolCallId: string, known: Known): void
  endMessage(): void
  endTurn(turnId: string, result: unknown): void
  summary(): unknown
  restore(summary: unknown): void
}
interface Spent { readonly percent: number | null; readonly costMicros: number | null; readonly before: number }

export function createAcpStream({ ear, run }: ProtocolDeps): AcpStream {
  let writing: { id: string; role: Role } | null = null
  const tools = new Map<string, Known>()
  /** Of this turn, where the agent says it with each answer of its model. */
  let used: Used | null = null
  let spent: Spent = { percent: null, costMicros: null, before: 0 }

  const endMessage = (): void => {
    if (writing !== null) ear.wrote(writing.id, writing.role)
    writing = null
  }
  const begins = (role: Role, own: string | null): boolean => writing === null || writing.role !== role || (own !== null && writing.id !== `${own}.${role}`)
  const chunk = (role: Role, update: Written, n: number): void => {
    used = sum(used, usageOf(update._meta))
    const part = Chunk.safeParse(update.content)
    const text = part.success ? (part.data.text ?? '') : ''
    if (text === '') return
    const own = update.messageId ?? null
    if (begins(role, own)) {
      endMessage()
      writing = { id: own === null ? `${run}.${n}` : `${own}.${role}`, role }
    }
    if (writing !== null) ear.writes(writing.id, role, text)
  }
  const keep = (toolCallId: string, known: Known): void => {
    if (tools.size < TOOLS_LIMIT || tools.has(toolCallId)) tools.set(toolCallId, known)
  }
  const tool: AcpStream['tool'] = (value) => {
    const call = ToolCall.safeParse(value)
    if (!call.success) return null
    endMessage()
    const known = knownAfter(tools.get(call.data.toolCallId), call.data)
    keep(call.data.toolCallId, known)
    ear.tool(reportOf(call.data, known))
    return { call: call.data, known }
  }
  return {
    tool,
    keep,
    endMessage,
    updated(params, n) {
      const parsed = SessionUpdate.safeParse(params)
      if (!parsed.success) return
      const { update } = parsed.data
      switch (update.sessionUpdate) {
        case 'agent_message_chunk': chunk('agent', update, n); return
        case 'agent_thought_chunk': chunk('thought', update, n); return
        case 'tool_call': case 'tool_call_update': tool(update); return
        case 'plan': ear.plan(`${run}.${n}`, (update.entries ?? []).map(({ content, status }) => ({ text: content, status }))); return
        case 'usage_update': spent = after(spent, update); return
        default:
      }
    },
    endTurn(turnId, result) {
      endMessage()
      const usage = usageOf(result) ?? used
      used = null
      tools.clear()
      if (usage === null) return
      ear.usage(turnId, { ...usage, costMicros: spent.costMicros === null ? null : Math.max(0, spent.costMicros - spent.before), contextPercent: spent.percent })
      spent = { ...spent, before: spent.costMicros ?? spent.before }
    },
    summary: () => spent,
    restore(summary) { spent = summary as Spent },
  }
}

const sum = (one: Used | null, other: Used | null): Used | null =>
  other === null ? one : { inputTokens: other.inputTokens + (one?.inputTokens ?? 0), outputTokens: other.outputTokens + (one?.outputTokens ?? 0), model: other.model }
function after(spent: Spent, { used, size, cost }: { used?: number | undefined; size?: number | undefined; cost?: { amount: number; currency: string } | null | undefined }): Spent {
  return {
    ...spent,
    percent: used === undefined || size === undefined || size === 0 ? spent.percent : Math.min(100, Math.round((used / size) * 100)),
    costMicros: cost?.currency === 'USD' ? Math.round(cost.amount * 1e6) : spent.costMicros,
  }
}
