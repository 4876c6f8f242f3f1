/** What the agent writes and calls in a turn, part by part. */
import type { Ear } from '../conversation/contracts.ts'
import { Delta, type Part } from './messages.ts'
import { toolReport } from './tools.ts'

const PARTS_LIMIT = 5000

export interface Call { readonly name: string; readonly input: Record<string, unknown>; readonly status: string; /** So much of its output was shown. */ readonly shown: number }
export interface Doings {
  wrote(part: Part): void
  delta(value: unknown): void
  called(part: Part, denied: boolean): void
  used(part: Part, model: string | null): void
  call(callId: string): Call | undefined
  clear(): void
}

export function createDoings(ear: Ear): Doings {
  const texts = new Map<string, { role: 'agent' | 'thought'; written: number; done: boolean }>()
  const calls = new Map<string, Call>()
  return {
    wrote(part) {
      const role = part.type === 'reasoning' ? 'thought' : 'agent'
      const known = texts.get(part.id) ?? { role, written: 0, done: false }
      if (known.done || (texts.size > PARTS_LIMIT && !texts.has(part.id))) return
      const text = part.text ?? ''
      if (text.length > known.written) ear.writes(part.id, role, text.slice(known.written))
      const done = part.time?.end !== undefined
      texts.set(part.id, { role, written: Math.max(known.written, text.length), done })
      if (done) ear.wrote(part.id, role, text)
    },
    delta(value) {
      const parsed = Delta.safeParse(value)
      const known = parsed.success ? texts.get(parsed.data.partID) : undefined
      if (!parsed.success || known === undefined || known.done || parsed.data.field !== 'text') return
      known.written += parsed.data.delta.length
      ear.writes(parsed.data.partID, known.role, parsed.data.delta)
    },
    called(part, denied) {
      const report = toolReport(part, denied)
      if (report === null) return
      const { toolCallId, name = '', input } = report
      const status = part.state?.status ?? ''
      const shown = calls.get(toolCallId)?.shown ?? 0
      const output = status === 'running' ? (part.state?.metadata?.output ?? '') : ''
      if (output.length > shown) ear.toolWrites(toolCallId, output.slice(shown))
      if (calls.size < PARTS_LIMIT || calls.has(toolCallId)) calls.set(toolCallId, { name, input: input ?? {}, status, shown: Math.max(shown, output.length) })
      ear.tool(report)
    },
    used({ id, tokens, cost }, model) {
      if (tokens === undefined) return
      const { input, output, reasoning = 0, cache = { read: 0, write: 0 } } = tokens
      ear.usage(id, { inputTokens: input + cache.read + cache.write, outputTokens: output + reasoning, model, costMicros: cost === undefined ? null : Math.round(cost * 1e6), contextPercent: null })
    },
    call: (callId) => calls.get(callId),
    clear() {
      texts.clear()
      calls.clear()
    },
  }
}
