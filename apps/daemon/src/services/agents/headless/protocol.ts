/** Claude Code without a screen: its `stream-json` lines with the control protocol for what it asks. */
import type { PromptId, SessionId } from '@berth/wire'
import { permissionAnswer } from '../claude/permission-answer.ts'
import { factsOf, type Fact } from '../claude/transcript.ts'
import { parseLine } from '../json-lines.ts'
import type { Protocol, ProtocolDeps } from '../relay/voice.ts'
import { createMessages } from './messages-written.ts'
import { Answered, Asked, Line, Told } from './messages.ts'

export interface HeadlessOptions { readonly sessionId: SessionId; readonly workDir: string; readonly resumed: () => boolean; readonly version: string; /** It is in another conversation now: `/clear` began one. */ readonly moved: (uuid: string) => void }
const PROMPT = 'prompt.'

export function createHeadlessProtocol({ ear, tell }: ProtocolDeps, options: HeadlessOptions): Protocol {
  const asked = new Map<string, Asked>()
  const messages = createMessages(ear, (line) => { for (const found of factsOf(line, options.sessionId)) if (found.kind === 'event' && found.body.type === 'usage') ear.usage(found.key, found.body) })
  let turn: string | null = null
  let isReady = false

  const fact = (found: Fact): void => {
    if (found.kind !== 'event') return
    const { body, key } = found
    if (body.type === 'tool') ear.tool({ toolCallId: body.toolCallId, status: body.status, ...(body.input === null ? { output: body.output, diffs: body.diffs } : { name: body.name, input: body.input }) })
    if (body.type === 'plan') ear.plan(key, body.entries)
  }
  const told = (line: Line, key: string): void => {
    if (line.type === 'control_response') {
      const answer = Answered.safeParse(line.response)
      if (!answer.success || !asked.has(answer.data.request_id)) return
      const toolCallId = asked.get(answer.data.request_id)?.tool_use_id
      asked.delete(answer.data.request_id)
      const behavior = answer.data.response?.behavior === 'allow' ? 'allow' : 'deny'
      if (toolCallId !== undefined) ear.tool({ toolCallId, status: behavior === 'allow' ? 'running' : 'denied' })
      ear.answered(answer.data.request_id, behavior, 'us')
    }
    const words = line.type === 'user' ? Told.safeParse(line.message) : null
    if (words?.success !== true) return
    const promptId = key.slice(PROMPT.length)
    const text = typeof words.data.content === 'string' ? words.data.content : words.data.content.map((part) => part.text ?? '').join('\n')
    if (turn === null) {
      turn = promptId
      ear.turnStarted(promptId)
    }
    ear.userSaid(`${promptId}.user`, text)
    // The id was one of ours when it was told.
    ear.took(promptId as PromptId, text)
  }
  const asks = (id: string, request: unknown): void => {
    const parsed = Asked.safeParse(request)
    if (!parsed.success) { tell(`reply.${id}`, { type: 'control_response', response: { subtype: 'error', request_id: id, error: 'not supported' } }); return }
    asked.set(id, parsed.data)
    ear.asks({ requestId: id, tool: parsed.data.tool_name, input: parsed.data.input, toolCallId: parsed.data.tool_use_id ?? null, cwd: options.workDir })
  }
  const ended = (line: Line): void => {
    messages.close()
    for (const id of asked.keys()) ear.withdrawn(id)
    asked.clear()
    if (turn === null) return
    const over = turn
    turn = null
    ear.turnEnded(over, line.is_error === true || line.subtype !== 'success' ? 'error' : 'done', line.result ?? null)
  }
  const initialized = (line: Line): void => {
    if (Answered.safeParse(line.response).data?.request_id !== 'initialize') return
    isReady = true
    ear.ready({ resumed: options.resumed(), agentVersion: options.version })
  }
  const isOwn = (line: Line): boolean => (line.parent_tool_use_id ?? null) === null
  const facts = (line: Line): void => { for (const found of factsOf(asTranscript(line, isOwn(line)), options.sessionId)) fact(found) }
  const kinds: Readonly<Record<string, (line: Line) => void>> = {
    control_response: initialized,
    system: (line) => { if (line.subtype === 'init' && line.session_id !== undefined) options.moved(line.session_id) },
    control_request: (line) => { asks(line.request_id ?? '', line.request) },
    control_cancel_request: ({ request_id: id = '' }) => { if (asked.delete(id)) ear.withdrawn(id) },
    stream_event: (line) => { if (isOwn(line)) messages.event(line.event) },
    assistant: (line) => {
      if (isOwn(line)) messages.said(line.message)
      facts(line)
    },
    user: (line) => { if (line.isReplay !== true) facts(line) },
    result: ended,
  }
  return {
    begin() {
      if (isReady) ear.ready({ resumed: options.resumed(), agentVersion: options.version })
      else tell('initialize', { type: 'control_request', request_id: 'initialize', request: { subtype: 'initialize' } })
    },
    heard({ by, key, line }) {
      const message = parseLine(Line, line)
      if (message === null) return
      if (by === 'us') told(message, key ?? '')
      else if (Object.hasOwn(kinds, message.type)) kinds[message.type]?.(message)
    },
    prompt({ promptId, text }) { tell(`${PROMPT}${promptId}`, { type: 'user', message: { role: 'user', content: text } }) },
    interrupt() { if (turn !== null) tell(`interrupt.${turn}`, { type: 'control_request', request_id: `interrupt.${turn}`, request: { subtype: 'interrupt' } }) },
    answer({ requestId }, decision) {
      const ask = asked.get(requestId)
      if (ask !== undefined) tell(`answer.${requestId}`, { type: 'control_response', response: { subtype: 'success', request_id: requestId, response: permissionAnswer(decision, { tool: ask.tool_name, input: ask.input, suggestions: ask.permission_suggestions ?? [] }) } })
    },
    summary: () => (turn === null && isReady && asked.size === 0 ? '{}' : null),
    restore() { isReady = true },
  }
}

/** The same line as the program would write it into its transcript. */
const asTranscript = (line: Line, own: boolean): string => JSON.stringify({ ...line, isSidechain: !own, ...(line.tool_use_result === undefined ? {} : { toolUseResult: line.tool_use_result }) })
