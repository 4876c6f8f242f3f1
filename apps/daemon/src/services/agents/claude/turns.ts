/** Turns and tool calls of one session, from the transcript and the hooks. */
import type { SessionId } from '@berth/wire'
import { z } from 'zod'
import type { Journal } from '../../../contracts.ts'
import { canonical } from '../content-hash.ts'
import type { Fact } from './transcript.ts'

const Turn = z.object({ turnId: z.string(), startedAt: z.number() })
/** Calls whose result is not known yet; a hostile agent cannot make us remember more. */
const CALLS_LIMIT = 1000
interface Call { readonly tool: string; readonly input: string; asked: boolean; name: string; title: string }

export interface Turns {
  onFact(fact: Fact): void
  /** A tool call is about to start (its hook says so, before any question). */
  toolStarts(call: { toolUseId: string; tool: string; input: unknown }): void
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
  }
  const begin = (turnId: string): void => {
    if (turn !== null) return
    apiError = null
    turn = { turnId, startedAt: deps.now() }
    journal.set(name, JSON.stringify(turn))
    journal.append({ type: 'turn.started', sessionId, turnId }, { key: `started.${turnId}` })
  }
  const event = (fact: Extract<Fact, { kind: 'event' }>): void => {
    const { body } = fact
    if (body.type !== 'tool') { journal.append(body, { key: fact.key }); return }
    const call = calls.get(body.toolCallId)
    if (body.status === 'running' && call !== undefined) { call.name = body.name; call.title = body.title }
    if (body.status === 'running' && call === undefined && calls.size < CALLS_LIMIT) calls.set(body.toolCallId, { tool: body.name, input: '', asked: false, name: body.name, title: body.title })
    // A result does not repeat what was called; an upsert must not wipe it out.
    journal.append(body.status === 'running' ? body : { ...body, name: call?.name ?? body.name, title: call?.title ?? body.title }, { key: fact.key })
  }

  return {
    onFact(fact) {
      switch (fact.kind) {
        case 'prompt': begin(fact.uuid); return
        case 'event': event(fact); return
        case 'agent-text': lastAgentText = fact.text; return
        case 'tool-ended': calls.delete(fact.toolUseId); return
        case 'api-error': apiError = fact.text; return
        case 'interrupted': end('interrupted')
      }
    },
    toolStarts({ toolUseId, tool, input }) {
      const known = calls.get(toolUseId)
      if (calls.size < CALLS_LIMIT) calls.set(toolUseId, { tool, input: canonical(input), asked: false, name: known?.name ?? tool, title: known?.title ?? tool })
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
