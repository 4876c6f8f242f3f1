/** What a Codex thread says. Its items have ids, so that they may be read again after the daemon was away. */
import type { PromptId } from '@berth/wire'
import type { Ear } from '../conversation/contracts.ts'
import { createCodexAsks, type Ask } from './asks.ts'
import { callOf, statusOf, thoughtText, userText } from './items.ts'
import { DeltaNote, Item, ItemNote, PlanNote, TurnNote, UsageNote, type Turn } from './messages.ts'

/** The newest turn that is over: ids sort by time. */
const SEEN = 'codex-seen'
const OPEN_LIMIT = 1000

export interface CodexTalk {
  readonly turn: string | null
  said(method: string, params: unknown, id: string | number | null): void
  /** The thread as it is, after a while of not listening. */
  catchUp(turns: readonly Turn[]): void
  /** They are known already. */
  passOver(turns: readonly Turn[]): void
  ask(requestId: string): Ask | null
  hasPrompt(promptId: string): boolean
}

export function createCodexTalk({ ear, threadId, workDir, model }: { ear: Ear; threadId: () => string; workDir: string; model: () => string | null }): CodexTalk {
  let turn: string | null = null
  const items = new Map<string, Item>()
  const prompts = new Set<string>()
  const asks = createCodexAsks(ear, workDir, items)
  const mine = (params: unknown): boolean => typeof params === 'object' && params !== null && 'threadId' in params && params.threadId === threadId()
  const isNew = (turnId: string): boolean => turnId > (ear.recall(SEEN) ?? '')

  const item = (value: Item, over: boolean): void => {
    if (items.size > OPEN_LIMIT) items.clear()
    items.set(value.id, value)
    switch (value.type) {
      case 'userMessage':
        ear.userSaid(value.id, userText(value))
        if (typeof value.clientId !== 'string' || !value.clientId.startsWith('prm_')) return
        prompts.add(value.clientId)
        // It was one of ours when it was told.
        ear.took(value.clientId as PromptId, userText(value))
        return
      case 'agentMessage': if (over) ear.wrote(value.id, 'agent', value.text ?? ''); return
      case 'reasoning': if (over) ear.wrote(value.id, 'thought', thoughtText(value)); return
      default: {
        const call = callOf(value, over)
        if (call !== null) ear.tool(call)
        if (over) asks.settleItem(value.id, statusOf(value))
      }
    }
  }
  const begin = (turnId: string): void => {
    turn = turnId
    ear.turnStarted(turnId)
  }
  const end = ({ id, status, error }: Turn): void => {
    asks.settleAll()
    turn = null
    ear.remember(SEEN, id)
    ear.turnEnded(id, status === 'interrupted' ? 'interrupted' : status === 'failed' ? 'error' : 'done', error?.message ?? null)
    items.clear()
  }
  const notes: Readonly<Record<string, (params: unknown) => void>> = {
    'turn/started': (params) => { const note = TurnNote.safeParse(params); if (note.success) begin(note.data.turn.id) },
    'turn/completed': (params) => { const note = TurnNote.safeParse(params); if (note.success) end(note.data.turn) },
    'item/started': (params) => { const note = ItemNote.safeParse(params); if (note.success) item(note.data.item, false) },
    'item/completed': (params) => { const note = ItemNote.safeParse(params); if (note.success) item(note.data.item, true) },
    'item/agentMessage/delta': (params) => { writes(ear, params, 'agent') },
    'item/reasoning/summaryTextDelta': (params) => { writes(ear, params, 'thought') },
    'item/reasoning/textDelta': (params) => { writes(ear, params, 'thought') },
    'item/commandExecution/outputDelta': (params) => {
      const note = DeltaNote.safeParse(params)
      if (!note.success) return
      asks.settleItem(note.data.itemId, 'inProgress')
      ear.toolWrites(note.data.itemId, note.data.delta)
    },
    'turn/plan/updated': (params) => { planned(ear, params) },
    'thread/tokenUsage/updated': (params) => { used(ear, params, { turn, model: model() }) },
    'serverRequest/resolved': asks.resolved,
  }
  return {
    get turn() { return turn },
    said(method, params, id) {
      if (!mine(params)) return
      if (id !== null) asks.asked(method, id, params)
      else if ( Object.hasOwn(notes, method)) notes[method]?.(params)
    },
    passOver(turns) {
      const newest = turns.map(({ id }) => id).sort().at(-1)
      if (newest !== undefined) ear.remember(SEEN, newest)
    },
    catchUp(turns) {
      const open = new Set(ear.openAsks().map(({ requestId }) => requestId))
      for (const one of turns.filter(({ id }) => isNew(id))) {
        begin(one.id)
        for (const value of one.items) {
          const parsed = Item.safeParse(value)
          if (!parsed.success) continue
          item(parsed.data, parsed.data.status !== 'inProgress')
          // Answered while nobody listened.
          if (open.has(parsed.data.id) && parsed.data.status !== 'inProgress') ear.answered(parsed.data.id, statusOf(parsed.data) === 'declined' ? 'deny' : 'allow', 'terminal')
        }
        if (one.status === 'inProgress') continue
        for (const { requestId } of ear.openAsks()) ear.answered(requestId, 'deny', 'terminal')
        end(one)
      }
    },
    ask: asks.get,
    hasPrompt: (promptId) => prompts.has(promptId),
  }
}

/** A piece of a text that is being written. */
function writes(ear: Ear, params: unknown, role: 'agent' | 'thought'): void {
  const note = DeltaNote.safeParse(params)
  if (note.success) ear.writes(note.data.itemId, role, note.data.delta)
}
function used(ear: Ear, params: unknown, { turn, model }: { turn: string | null; model: string | null }): void {
  const note = UsageNote.safeParse(params)
  // Of an earlier turn it comes again with the thread.
  if (!note.success || turn === null || note.data.turnId !== turn) return
  const { last, total, modelContextWindow: window } = note.data.tokenUsage
  ear.usage(`${turn}.${total.totalTokens}`, { inputTokens: last.inputTokens, outputTokens: last.outputTokens, model, costMicros: null, contextPercent: window ? Math.min(100, Math.round((last.totalTokens / window) * 100)) : null })
}
const STEPS: Readonly<Record<string, 'completed' | 'in_progress'>> = { completed: 'completed', inProgress: 'in_progress' }
function planned(ear: Ear, params: unknown): void {
  const note = PlanNote.safeParse(params)
  if (!note.success) return
  const entries = note.data.plan.map(({ step, status }) => ({ text: step, status: STEPS[status] ?? ('pending' as const) }))
  ear.plan(`${note.data.turnId}.${Bun.hash(JSON.stringify(entries)).toString(36)}`, entries)
}
