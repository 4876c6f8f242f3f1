/** Writes down what was said and done: each thing once, however often it is reported. */
import { createHash } from 'node:crypto'
import type { EventBody, SessionId } from '@berth/wire'
import type { DriverDeps, Journal } from '../../../contracts.ts'
import { cut, cutInput, titleOf } from '../event-text.ts'
import type { Ear, Outcome, ToolReport } from './contracts.ts'

const TEXT_LIMIT = 24 * 1024
const OUTPUT_LIMIT = 8 * 1024
/** Of one message that is being written; what is longer is cut when it is stored. */
const WRITING_LIMIT = 4 * 1024 * 1024
const CALLS_LIMIT = 1000

type ToolBody = Extract<EventBody, { type: 'tool' }>
interface Writing { readonly role: 'agent' | 'thought'; text: string }

export interface ConversationRecord extends Pick<Ear, 'userSaid' | 'turnStarted' | 'turnEnded' | 'writes' | 'wrote' | 'tool' | 'toolWrites' | 'plan' | 'usage'> {
  readonly turn: string | null
  progressAgeMs(): number | null
  /** A turn that nobody goes on with. */
  cutOff(): void
}

export function createRecord(deps: { journal: Journal; sessionId: SessionId; now: () => number; live: NonNullable<DriverDeps['live']>; show: (text: string) => void }): ConversationRecord {
  const { journal, sessionId, now, live, show } = deps
  const turnName = `spoken-turn.${sessionId}`
  const writing = new Map<string, Writing>()
  const tools = new Map<string, { body: ToolBody; startedAt: number | null }>()
  const stored = journal.get(turnName)
  let turn = stored === null ? null : (JSON.parse(stored) as { turnId: string; startedAt: number })
  let lastText = ''
  let progressAt: number | null = null
  const progressed = (): void => { progressAt = now() }

  const end = (turnId: string, outcome: Outcome, message: string | null): void => {
    const startedAt = turn?.turnId === turnId ? turn.startedAt : null
    for (const [id, one] of writing) finish(id, one.role)
    journal.transaction(() => {
      const durationMs = startedAt === null ? null : Math.max(0, now() - startedAt)
      journal.append({ type: 'turn.ended', sessionId, turnId, outcome, message: cut(message ?? lastText, 4000) || null, background: 0, durationMs }, { key: `ended.${turnId}` })
      if (turn?.turnId !== turnId) return
      turn = null
      journal.set(turnName, null)
    })
    tools.clear()
  }
  const finish = (messageId: string, role: 'agent' | 'thought' | 'system', whole?: string): void => {
    const one = writing.get(messageId)
    writing.delete(messageId)
    const text = whole ?? one?.text ?? ''
    if (one !== undefined) live({ kind: 'text', sessionId, messageId, role: one.role, append: text.startsWith(one.text) ? text.slice(one.text.length) : '', last: true })
    if (text.trim() === '') return
    if (role === 'agent') lastText = text
    journal.append({ type: 'message', sessionId, messageId, role, text: cut(text, TEXT_LIMIT) }, { key: `msg.${messageId}` })
    if (one !== undefined) show('\n')
    else show(`${text}\n`)
  }
  return {
    get turn() { return turn?.turnId ?? null },
    progressAgeMs: () => (progressAt === null ? null : now() - progressAt),
    userSaid(messageId, text) {
      progressed()
      journal.append({ type: 'message', sessionId, messageId, role: 'user', text: cut(text, TEXT_LIMIT) }, { key: `msg.${messageId}` })
      show(`\n> ${text}\n`)
    },
    turnStarted(turnId) {
      progressed()
      if (turn?.turnId === turnId) return
      lastText = ''
      journal.transaction(() => {
        turn = { turnId, startedAt: now() }
        journal.set(turnName, JSON.stringify(turn))
        journal.append({ type: 'turn.started', sessionId, turnId }, { key: `started.${turnId}` })
      })
    },
    turnEnded(turnId, outcome, message = null) { end(turnId, outcome, message) },
    cutOff() { if (turn !== null) end(turn.turnId, 'interrupted', null) },
    writes(messageId, role, append) {
      progressed()
      const one = writing.get(messageId) ?? { role, text: '' }
      writing.set(messageId, one)
      if (one.text.length > WRITING_LIMIT) return
      one.text += append
      live({ kind: 'text', sessionId, messageId, role, append, last: false })
      if (role === 'agent') show(append)
    },
    wrote(messageId, role, text) { finish(messageId, role, text) },
    tool(report) {
      progressed()
      const known = tools.get(report.toolCallId)
      const body = merged(sessionId, known?.body, report)
      const startedAt = known?.startedAt ?? (body.status === 'running' ? now() : null)
      const over = body.status === 'completed' || body.status === 'failed'
      const told = { ...body, durationMs: over && startedAt !== null ? Math.max(0, now() - startedAt) : null }
      if (known !== undefined || tools.size < CALLS_LIMIT) tools.set(report.toolCallId, { body, startedAt })
      if (known !== undefined && same(known.body, body)) return
      journal.append(told, { key: `tool.${report.toolCallId}.${digest(body)}` })
      if (known?.body.status !== body.status) show(`[${body.status}] ${body.title}\n`)
    },
    toolWrites(toolCallId, append) {
      progressed()
      live({ kind: 'output', sessionId, toolCallId, append, last: false })
    },
    plan(key, entries) { journal.append({ type: 'plan', sessionId, entries: entries.slice(0, 200).map((entry) => ({ ...entry, text: cut(entry.text, 500) })) }, { key: `plan.${key}` }) },
    usage(key, report) { journal.append({ type: 'usage', sessionId, ...report }, { key: `usage.${key}` }) },
  }
}

const UNKNOWN: Omit<ToolBody, 'sessionId' | 'toolCallId'> = { type: 'tool', name: 'tool', title: '', status: 'pending', input: null, output: null, diffs: [], durationMs: null }
function merged(sessionId: SessionId, known: ToolBody | undefined, report: ToolReport): ToolBody {
  const before = known ?? { ...UNKNOWN, sessionId, toolCallId: report.toolCallId.slice(0, 200) }
  const { name = before.name, status = before.status, diffs = before.diffs } = report
  const input = report.input === undefined || report.input === null ? before.input : cutInput(report.input)
  const output = report.output === undefined || report.output === null ? before.output : cut(report.output, OUTPUT_LIMIT)
  const title = cut(report.title ?? titleOf(name, input ?? {}), 300).replaceAll(/\s+/g, ' ')
  return { ...before, name: name.slice(0, 200), title, status: laterOf(before.status, status), input, output, diffs }
}
const STAGES = ['pending', 'running', 'completed', 'failed', 'denied'] as const
/** A call never goes back: some agents say `pending` again when they ask about it. */
const laterOf = (one: ToolBody['status'], other: ToolBody['status']): ToolBody['status'] => (STAGES.indexOf(other) > STAGES.indexOf(one) ? other : one)
const digest = (body: unknown): string => createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 16)
const same = (one: ToolBody, other: ToolBody): boolean => JSON.stringify(one) === JSON.stringify(other)
