/** What opencode asks a person: permissions and questions, also those of the agent's own helpers. */
import type { Ear } from '../conversation/contracts.ts'
import type { Call } from './doings.ts'
import { Permission, Question, Replied } from './messages.ts'
import { inputOf, nameOf, questionsOf } from './tools.ts'

export interface OpencodeAsks {
  permission(value: unknown): void
  question(value: unknown): void
  replied(value: unknown, refused: boolean): void
  /** What waits now; what waited before and does not any more was answered while nobody listened. */
  catchUp(permissions: unknown, questions: unknown): void
  questionOf(requestId: string): Question | null
  isDenied(callId: string): boolean
}

export function createOpencodeAsks(ear: Ear, workDir: string, call: (callId: string) => Call | undefined): OpencodeAsks {
  const asked = new Map<string, { callId: string | null; question: Question | null }>()
  const denied = new Set<string>()
  const permission = (value: unknown): void => {
    const parsed = Permission.safeParse(value)
    if (!parsed.success || asked.has(parsed.data.id)) return
    const { id, permission: about, patterns, metadata, tool } = parsed.data
    const known = call(tool?.callID ?? '')
    asked.set(id, { callId: tool?.callID ?? null, question: null })
    const input = { ...known?.input, ...inputOf(metadata) }
    ear.asks({ requestId: id, tool: known?.name ?? nameOf(about), input: Object.keys(input).length === 0 ? { patterns } : input, toolCallId: tool?.callID ?? null, cwd: workDir })
  }
  const question = (value: unknown): void => {
    const parsed = Question.safeParse(value)
    if (!parsed.success || asked.has(parsed.data.id)) return
    const callId = parsed.data.tool?.callID ?? null
    asked.set(parsed.data.id, { callId, question: parsed.data })
    ear.asks({ requestId: parsed.data.id, tool: 'AskUserQuestion', input: questionsOf(parsed.data), toolCallId: callId, cwd: workDir, kind: 'question' })
  }
  return {
    permission,
    question,
    replied(value, refused) {
      const parsed = Replied.safeParse(value)
      if (!parsed.success) return
      const { requestID, reply } = parsed.data
      const deny = refused || reply === 'reject'
      const callId = asked.get(requestID)?.callId ?? null
      if (deny && callId !== null) denied.add(callId)
      asked.delete(requestID)
      ear.answered(requestID, deny ? 'deny' : 'allow', 'terminal')
    },
    catchUp(permissions, questions) {
      const [pending, open]: readonly unknown[][] = [Array.isArray(permissions) ? permissions : [], Array.isArray(questions) ? questions : []]
      for (const one of pending ?? []) permission(one)
      for (const one of open ?? []) question(one)
      const waiting = new Set([...(pending ?? []), ...(open ?? [])].map(idOf))
      for (const { requestId, toolCallId } of ear.openAsks()) {
        if (!waiting.has(requestId)) ear.answered(requestId, call(toolCallId ?? '')?.status === 'error' ? 'deny' : 'allow', 'terminal')
      }
    },
    questionOf: (requestId) => asked.get(requestId)?.question ?? null,
    isDenied: (callId) => denied.has(callId),
  }
}
const idOf = (value: unknown): unknown => (typeof value === 'object' && value !== null && 'id' in value ? value.id : null)
