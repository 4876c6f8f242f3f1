/** What opencode's events and history mean. Everything has an id of opencode's, so it may be read again and again. */
import { createHash } from 'node:crypto'
import type { PromptId } from '@berth/wire'
import type { Ear } from '../conversation/contracts.ts'
import { createOpencodeAsks } from './asks.ts'
import { createDoings } from './doings.ts'
import { History, Info, Part, ServerEvent, Status, Todos, type Question } from './messages.ts'

/** The newest message whose turn is over: what is older is history. Ids sort by time. */
const SEEN = 'opencode-seen'
const INFOS_LIMIT = 5000
export const promptOf = (messageId: string): string => `opencode-prompt.${messageId}`

export interface OpencodeTalk {
  event(value: unknown): void
  /** The whole of what is, after a while of not listening. */
  catchUp(now: { history: unknown; permissions: unknown; questions: unknown; status: unknown }): void
  question(requestId: string): Question | null
}

/** Messages that were told before, in another session. */
export function passOver(ear: Ear, history: unknown): void {
  const messages = History.safeParse(history)
  const last = (messages.success ? messages.data : []).map(({ info }) => info.id).sort().at(-1)
  if (last !== undefined) ear.remember(SEEN, last)
}

export function createOpencodeTalk({ ear, sessionId, workDir }: { ear: Ear; sessionId: () => string; workDir: string }): OpencodeTalk {
  const infos = new Map<string, Info>()
  const doings = createDoings(ear)
  const asks = createOpencodeAsks(ear, workDir, doings.call)
  let turn: string | null = null
  let newest = ''
  let failure: { outcome: 'interrupted' | 'error'; message: string | null } | null = null

  const isNew = (messageId: string): boolean => messageId > (ear.recall(SEEN) ?? '')
  const endTurn = (): void => {
    if (turn === null) return
    const ended = turn
    turn = null
    ear.turnEnded(ended, failure?.outcome ?? 'done', failure?.message ?? null)
    failure = null
    ear.remember(SEEN, newest)
    doings.clear()
  }
  const told = (info: Info): void => {
    infos.set(info.id, info)
    if (infos.size > INFOS_LIMIT) infos.delete(infos.keys().next().value ?? '')
    if (info.id > newest) newest = info.id
    const error = info.error ?? null
    if (error === null || !isNew(info.id)) return
    const aborted = error.name === 'MessageAbortedError'
    failure = { outcome: aborted ? 'interrupted' : 'error', message: aborted ? null : (error.data?.message ?? error.name) }
  }
  const userSaid = (part: Part, info: Info): void => {
    if (part.type !== 'text' || part.synthetic === true || part.text === undefined) return
    if (isNew(info.id) && turn === null) {
      turn = info.id
      failure = null
      ear.turnStarted(info.id)
    }
    if (isNew(info.id)) ear.userSaid(info.id, part.text)
    const promptId = ear.recall(promptOf(info.id))
    if (promptId !== null) ear.took(promptId as PromptId, part.text)
  }
  const partOf = (value: unknown): void => {
    const parsed = Part.safeParse(value)
    if (!parsed.success || parsed.data.sessionID !== sessionId()) return
    const part = parsed.data
    const info = infos.get(part.messageID)
    if (info?.role === 'user') { userSaid(part, info); return }
    if (!isNew(part.messageID)) return
    switch (part.type) {
      case 'text': case 'reasoning': doings.wrote(part); return
      case 'tool': doings.called(part, asks.isDenied(part.callID ?? '')); return
      case 'step-finish': doings.used(part, info?.modelID ?? null); return
      default:
    }
  }
  const status = (value: unknown): void => {
    const parsed = Status.safeParse(value)
    if (parsed.success && parsed.data.type === 'idle') endTurn()
  }
  const mine: Readonly<Record<string, (properties: Readonly<Record<string, unknown>>) => void>> = {
    'message.updated': ({ info }) => { const parsed = Info.safeParse(info); if (parsed.success) told(parsed.data) },
    'message.part.updated': ({ part }) => { partOf(part) },
    'message.part.delta': doings.delta,
    'todo.updated': (properties) => {
      const parsed = Todos.safeParse(properties)
      if (!parsed.success) return
      const entries = parsed.data.todos.filter(({ status: state }) => state !== 'cancelled').map(({ content, status: state }) => ({ text: content, status: state === 'completed' ? ('completed' as const) : state === 'in_progress' ? ('in_progress' as const) : ('pending' as const) }))
      ear.plan(`${turn ?? ''}.${createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, 16)}`, entries)
    },
    'session.status': (properties) => { status(properties['status']) },
    'session.idle': () => { endTurn() },
    'session.error': ({ error }) => {
      const parsed = Info.shape.error.safeParse(error)
      if (parsed.success && parsed.data) told({ id: `${newest}~`, sessionID: sessionId(), role: 'assistant', error: parsed.data })
    },
  }
  /** Those of the agent's own helpers too: a person answers for all. */
  const anybodys: Readonly<Record<string, (properties: unknown) => void>> = {
    'permission.asked': asks.permission, 'permission.replied': (properties) => { asks.replied(properties, false) },
    'question.asked': asks.question, 'question.replied': (properties) => { asks.replied(properties, false) }, 'question.rejected': (properties) => { asks.replied(properties, true) },
  }
  return {
    question: asks.questionOf,
    event(value) {
      const parsed = ServerEvent.safeParse(value)
      if (!parsed.success) return
      const { type, properties } = parsed.data
      if (Object.hasOwn(anybodys, type)) anybodys[type]?.(properties)
      else if (Object.hasOwn(mine, type) && (properties.sessionID ?? sessionId()) === sessionId()) mine[type]?.(properties)
    },
    catchUp({ history, permissions, questions, status: all }) {
      const messages = History.safeParse(history)
      for (const { info, parts: own } of messages.success ? messages.data : []) {
        told(info)
        for (const part of own) partOf(part)
      }
      asks.catchUp(permissions, questions)
      const state = typeof all === 'object' && all !== null ? (all as Readonly<Record<string, unknown>>)[sessionId()] : undefined
      // Sessions that rest are not listed.
      status(state ?? { type: 'idle' })
    },
  }
}
