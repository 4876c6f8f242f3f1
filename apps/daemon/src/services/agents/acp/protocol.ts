/** The Agent Client Protocol, version 1, from the client's side: JSON-RPC 2.0, one message a line. */
import type { PromptId } from '@berth/wire'
import type { Outcome } from '../conversation/contracts.ts'
import { parseLine } from '../json-lines.ts'
import type { Protocol, ProtocolDeps } from '../relay/voice.ts'
import { Message, Permission, PromptEnded, PromptSent, Selected, UNKNOWN_METHOD, wordsOf, type Option } from './messages.ts'
import { createAcpOpening, type AcpOptions } from './opening.ts'
import { createAcpStream } from './stream.ts'
import { askedInput, optionFor } from './tools.ts'

const PROMPT = 'prompt.'

export function createAcpProtocol(deps: ProtocolDeps, options: AcpOptions): Protocol {
  const { ear } = deps
  const opening = createAcpOpening(deps, options)
  const stream = createAcpStream(deps)
  const asked = new Map<string, { options: Option[]; toolCallId: string }>()
  let turn: string | null = null

  const reply = (id: unknown, body: { result: unknown } | { error: unknown }): void => { deps.tell(`reply.${String(id)}`, { jsonrpc: '2.0', id, ...body }) }
  const promptAnswered = (turnId: string, message: Message): void => {
    const ended = PromptEnded.safeParse(message.result)
    stream.endTurn(turnId, message.result)
    turn = null
    for (const id of asked.keys()) ear.withdrawn(id)
    asked.clear()
    if (message.error !== undefined) ear.turnEnded(turnId, 'error', wordsOf(message.error))
    else ear.turnEnded(turnId, outcomeOf(ended.success ? ended.data.stopReason : 'end_turn'))
  }
  const asks = (id: string, params: unknown): void => {
    const parsed = Permission.safeParse(params)
    const about = parsed.success ? stream.tool(parsed.data.toolCall) : null
    if (!parsed.success || about === null) { reply(numbered(id), { result: { outcome: { outcome: 'cancelled' } } }); return }
    const { call: { toolCallId, kind }, known } = about
    const input = askedInput(about.call, known)
    stream.keep(toolCallId, { ...known, input })
    ear.tool({ toolCallId, input })
    asked.set(id, { options: parsed.data.options, toolCallId })
    ear.asks({ requestId: id, tool: known.name, input, toolCallId, cwd: options.workDir, kind: kind === 'switch_mode' ? 'plan' : 'permission' })
  }
  const answerGiven = (id: string, result: unknown): void => {
    const ask = asked.get(id)
    const selected = Selected.safeParse(result)
    if (ask === undefined || !selected.success) return
    asked.delete(id)
    const { optionId = '' } = selected.data.outcome
    const meant = ask.options.find((option) => option.optionId === optionId)?.kind ?? optionId
    const allowed = meant.startsWith('allow') || meant.startsWith('proceed')
    ear.answered(id, allowed ? 'allow' : 'deny', 'us')
    // Some agents say nothing more of a call that was turned down.
    ear.tool({ toolCallId: ask.toolCallId, status: allowed ? 'running' : 'denied' })
  }
  const told = (message: Message): void => {
    const id = String(message.id)
    if (message.method === undefined) { if (message.result !== undefined) answerGiven(id, message.result); return }
    opening.told(message.method)
    if (message.method !== 'session/prompt') return
    const sent = PromptSent.safeParse(message.params)
    const text = sent.success ? sent.data.prompt.map((part) => part.text ?? '').join('\n') : ''
    turn = id.slice(PROMPT.length)
    ear.turnStarted(turn)
    ear.userSaid(`${turn}.user`, text)
    // The id was one of ours when it was told.
    ear.took(turn as PromptId, text)
  }
  const said = (message: Message, n: number): void => {
    const { id, method } = message
    if (method === undefined) {
      if (!opening.answered(String(id), message) && String(id).startsWith(PROMPT)) promptAnswered(String(id).slice(PROMPT.length), message)
    } else if (id === undefined || id === null) {
      if (method !== 'session/update') return
      opening.updated()
      // What is said between turns is history, or belongs to nobody.
      if (!opening.replaying && turn !== null) stream.updated(message.params, n)
    } else if (method === 'session/request_permission') asks(String(id), message.params)
    else reply(id, { error: { code: UNKNOWN_METHOD, message: `this client has no ${method.slice(0, 100)}` } })
  }

  return {
    begin: () => { opening.begin() },
    heard({ by, line, n }) {
      const message = parseLine(Message, line)
      if (message === null) return
      if (by === 'us') told(message)
      else said(message, n)
    },
    prompt({ promptId, text }) {
      const id = `${PROMPT}${promptId}`
      deps.tell(id, { jsonrpc: '2.0', id, method: 'session/prompt', params: { sessionId: opening.ready?.sessionId, prompt: [{ type: 'text', text }] } })
    },
    interrupt() {
      if (turn === null) return
      for (const id of asked.keys()) reply(numbered(id), { result: { outcome: { outcome: 'cancelled' } } })
      deps.tell(`cancel.${turn}`, { jsonrpc: '2.0', method: 'session/cancel', params: { sessionId: opening.ready?.sessionId } })
    },
    answer({ requestId }, decision) {
      const ask = asked.get(requestId)
      if (ask === undefined) return
      const option = optionFor(ask.options, decision)
      reply(numbered(requestId), { result: { outcome: option === null ? { outcome: 'cancelled' } : { outcome: 'selected', optionId: option.optionId } } })
    },
    summary: () => (turn === null && opening.ready !== null && asked.size === 0 ? JSON.stringify({ ready: opening.ready, spent: stream.summary() }) : null),
    restore(summary) {
      // It is what `summary` made.
      const kept = JSON.parse(summary) as { ready: NonNullable<typeof opening.ready>; spent: unknown }
      opening.restore(kept.ready)
      stream.restore(kept.spent)
    },
  }
}

/** An id goes back as it came: agents number theirs. */
const numbered = (id: string): string | number => (/^\d+$/.test(id) ? Number(id) : id)
function outcomeOf(stopReason: string): Outcome {
  if (stopReason === 'cancelled') return 'interrupted'
  return stopReason === 'refusal' || stopReason === 'max_tokens' || stopReason === 'max_turn_requests' ? 'error' : 'done'
}
