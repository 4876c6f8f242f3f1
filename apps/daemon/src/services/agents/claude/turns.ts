/** Turns and tool calls of one session, from the transcript and the hooks. */
import type { EventBody, SessionId } from '@berth/wire'
import { z } from 'zod'
import type { Journal } from '../../../contracts.ts'
import { canonical } from '../content-hash.ts'
import type { Fact } from './transcript.ts'

const Turn = z.object({ turnId: z.string(), startedAt: z.number() })
/** Calls whose result is not known yet; a hostile agent cannot make us remember more. */
const CALLS_LIMIT = 1000
type ToolBody = Extract<EventBody, { type: 'tool' }>
interface Call { readonly tool: string; readonly input: string; asked: boolean; name: string; title: string; /** It runs since then; null: its turn has not come. */ startedAt: number | null; /** Told as pending. */ pending: boolean }

export interface Turns {
  onFact(fact: Fact): void
  /** A tool call is about to start (its hook says so, before any question). */
  toolStarts(call: { toolUseId: string; tool: string; input: unknown }): void
  /** It was asked about and goes on: what it took begins here, not with the question. */
  toolGoesOn(toolUseId: string): void
  /** The call a question belongs to: questions do not say, but the call was announced just before. */
  callOf(question: { tool: string; input: unknown }): string | null
  outstanding(): number
  current(): string | null
  end(outcome: 'done' | 'interrupted' | 'error', options?: { message?: string | null; background?: number }): void
  lastAgentText(): string
  /** The newest refusal of the model's endpoint in this turn. */
  apiError(): string | null
}

export function createTurns(deps: { journal: Journal; sessionId: SessionId; now: () => number }): Turns {
  const { journal, sessionId } = deps
  const name = `turn.${sessionId}`
  const stored = journal.get(name)
  let turn = stored === null ? null : Turn.parse(JSON.parse(stored))
  const calls = new Map<string, Call>()
  let lastAgentText = ''
  let apiError: string | null = null
  /** A command of which the model may hear; if it answers, that is the turn. */
  let commanded: { uuid: string; at: number | null } | null = null
  /** Said while a turn was under way. The agent may take it up at once; if it did not, it is the next turn. */
  let next: { uuid: string; at: number | null } | null = null

  const end: Turns['end'] = (outcome, options = {}) => {
    calls.clear()
    const ended = turn
    if (ended === null) return
    turn = null
    journal.transaction(() => {
      const durationMs = Math.max(0, deps.now() - ended.startedAt)
      journal.append({ type: 'turn.ended', sessionId, turnId: ended.turnId, outcome, message: options.message?.slice(0, 4000) ?? null, background: options.background ?? 0, durationMs }, { key: `ended.${ended.turnId}` })
      journal.set(name, null)
    })
    const waiting = next
    next = null
    if (waiting !== null && outcome !== 'interrupted') begin(waiting.uuid, waiting.at)
  }
  const begin = (turnId: string, at: number | null): void => {
    commanded = null
    if (turn !== null) return
    apiError = null
    lastAgentText = ''
    turn = { turnId, startedAt: Math.min(at ?? Infinity, deps.now()) }
    journal.set(name, JSON.stringify(turn))
    journal.append({ type: 'turn.started', sessionId, turnId }, { key: `started.${turnId}` })
  }
  const event = ({ body, key, at = null }: Extract<Fact, { kind: 'event' }>): void => {
    if (body.type === 'tool' || (body.type === 'message' && body.role === 'agent')) {
      next = null
      if (commanded !== null) begin(commanded.uuid, commanded.at)
    }
    if (body.type !== 'tool') { journal.append(body, { key }); return }
    if (body.status === 'running') called(body, key)
    else resulted(body, { key, at })
  }
  const called = (body: ToolBody, key: string): void => {
    const call = calls.get(body.toolCallId)
    // Of several at once each has its turn; one alone runs, or is asked about.
    const pending = (call?.startedAt ?? null) === null && calls.size > (call === undefined ? 0 : 1)
    if (call !== undefined) Object.assign(call, { name: body.name, title: body.title, pending })
    else if (calls.size < CALLS_LIMIT) calls.set(body.toolCallId, { tool: body.name, input: '', asked: false, name: body.name, title: body.title, startedAt: null, pending })
    journal.append(pending ? { ...body, status: 'pending' } : body, { key })
  }
  const resulted = (body: ToolBody, { key, at }: { key: string; at: number | null }): void => {
    const call = calls.get(body.toolCallId)
    const startedAt = call?.startedAt ?? null
    const took = startedAt === null || at === null || body.status === 'denied' ? null : Math.max(0, at - startedAt)
    // A result does not repeat what was called; an upsert must not wipe it out.
    journal.append({ ...body, name: call?.name ?? body.name, title: call?.title ?? body.title, durationMs: body.durationMs ?? took }, { key })
  }

  return {
    onFact(fact) {
      switch (fact.kind) {
        case 'prompt':
          if (turn !== null && turn.turnId !== fact.uuid) next = { uuid: fact.uuid, at: fact.at }
          begin(fact.uuid, fact.at)
          return
        case 'command': commanded = { uuid: fact.uuid, at: fact.at }; return
        case 'event': event(fact); return
        case 'agent-text': lastAgentText = fact.text; return
        case 'tool-ended': calls.delete(fact.toolUseId); return
        case 'api-error': apiError = fact.text; return
        case 'interrupted': end('interrupted')
      }
    },
    toolStarts({ toolUseId, tool, input }) {
      const known = calls.get(toolUseId)
      const { name: called, title } = known ?? { name: tool, title: tool }
      if (known !== undefined || calls.size < CALLS_LIMIT) calls.set(toolUseId, { tool, input: canonical(input), asked: false, name: called, title, startedAt: deps.now(), pending: false })
      if (known?.pending === true) journal.append({ type: 'tool', sessionId, toolCallId: toolUseId, name: called, title, status: 'running', input: null, output: null, diffs: [], durationMs: null }, { key: `runs.${toolUseId}` })
    },
    toolGoesOn(toolUseId) {
      const call = calls.get(toolUseId)
      if (call !== undefined) call.startedAt = deps.now()
    },
    callOf({ tool, input }) {
      const text = canonical(input)
      const found = [...calls].findLast(([, call]) => call.tool === tool && call.input === text && !call.asked)
      if (found === undefined) return null
      found[1].asked = true
      return found[0]
    },
    outstanding: () => calls.size,
    current: () => turn?.turnId ?? null,
    end,
    lastAgentText: () => lastAgentText,
    apiError: () => apiError,
  }
}
