/** What Codex asks a person. Its answer may come from us or from its own screen, which does not say what it was. */
import type { Ear } from '../conversation/contracts.ts'
import { readElicitation } from './elicitation.ts'
import { callOf, commandOf } from './items.ts'
import { Approval, Question, ResolvedNote, type Item } from './messages.ts'

export interface Ask {
  readonly rpcId: string | number
  readonly itemId: string
  readonly question: Question | null
  /** A server of the Model Context Protocol asks, or Codex asks whether one of its tools may be called. */
  readonly elicited: boolean
  /** What we answered; null: nothing. */
  behavior: 'allow' | 'deny' | null
  /** Somebody answered; what, shows the item. */
  resolved: boolean
}
export interface CodexAsks {
  asked(method: string, rpcId: string | number, params: unknown): void
  resolved(params: unknown): void
  /** What became of the item says how it was answered. */
  settleItem(itemId: string, status: string | undefined): void
  /** The turn is over: who was not answered is not asked any more. */
  settleAll(): void
  get(requestId: string): Ask | null
}

export function createCodexAsks(ear: Ear, workDir: string, items: ReadonlyMap<string, Item>): CodexAsks {
  const itemOf = (itemId: string): Item | undefined => items.get(itemId)
  const open = new Map<string, Ask>()
  const settle = (requestId: string, ask: Ask, behavior: 'allow' | 'deny'): void => {
    open.delete(requestId)
    if (behavior === 'deny' && itemOf(ask.itemId) !== undefined) ear.tool({ toolCallId: ask.itemId, status: 'denied' })
    ear.answered(requestId, behavior, 'terminal')
  }
  const approval = (rpcId: string | number, params: unknown): void => {
    const parsed = Approval.safeParse(params)
    if (!parsed.success) return
    const { itemId, approvalId, cwd } = parsed.data
    const requestId = approvalId ?? itemId
    const item = itemOf(itemId)
    const call = item === undefined ? null : callOf(item, false)
    open.set(requestId, { rpcId, itemId, question: null, elicited: false, behavior: open.get(requestId)?.behavior ?? null, resolved: false })
    const command = commandOf(parsed.data)
    ear.asks({ requestId, tool: call?.name ?? (command === '' ? 'Edit' : 'Bash'), input: command === '' ? (call?.input ?? {}) : { command }, toolCallId: itemId, cwd: cwd ?? workDir })
  }
  const question = (rpcId: string | number, params: unknown): void => {
    const parsed = Question.safeParse(params)
    if (!parsed.success) return
    const { itemId, questions } = parsed.data
    open.set(itemId, { rpcId, itemId, question: parsed.data, elicited: false, behavior: null, resolved: false })
    ear.asks({
      requestId: itemId, tool: 'AskUserQuestion', toolCallId: itemId, cwd: workDir, kind: 'question',
      input: { questions: questions.map(({ question: text, header, options }) => ({ question: text, header, multiSelect: false, options: (options ?? []).map(({ label, description }) => ({ label, description: description ?? '' })) })) },
    })
  }
  const elicitation = (rpcId: string | number, params: unknown): void => {
    const before = [...open].find(([, ask]) => ask.rpcId === rpcId)?.[0]
    const elicited = readElicitation(params, { rpcId, itemId: before ?? null, items, isAsked: (itemId) => open.has(itemId) })
    if (elicited === null) return
    if ('form' in elicited) { ear.notice(elicited.form); return }
    open.set(elicited.requestId, { rpcId, itemId: elicited.requestId, question: null, elicited: true, behavior: null, resolved: false })
    ear.asks({ ...elicited, cwd: workDir })
  }
  return {
    asked(method, rpcId, params) {
      if (method === 'item/tool/requestUserInput') question(rpcId, params)
      else if (method === 'mcpServer/elicitation/request') elicitation(rpcId, params)
      // Others are for its own screen.
      else if (method === 'item/commandExecution/requestApproval' || method === 'item/fileChange/requestApproval') approval(rpcId, params)
    },
    resolved(params) {
      const note = ResolvedNote.safeParse(params)
      const found = note.success ? [...open].find(([, ask]) => ask.rpcId === note.data.requestId) : undefined
      if (found === undefined) return
      const [requestId, ask] = found
      if (ask.behavior !== null || ask.question !== null) settle(requestId, ask, ask.behavior ?? 'allow')
      else ask.resolved = true
    },
    settleItem(itemId, status) {
      for (const [requestId, ask] of open) {
        if (ask.itemId === itemId && ask.behavior === null && (ask.resolved || status !== 'inProgress')) settle(requestId, ask, status === 'declined' ? 'deny' : 'allow')
      }
    },
    settleAll() { for (const [requestId, ask] of open) settle(requestId, ask, ask.behavior ?? 'deny') },
    get: (requestId) => open.get(requestId) ?? null,
  }
}
