/** Folds a workspace's events into what the page shows. Pure: the same events always give the same cards. */
import type { ApprovalAsk, DecidedBy, EventBody, FileDiff, StoredEvent } from '@berth/wire'
import { isUnanswered } from '@berth/wire/approval-rules'
import { goneBack, withPoint, type Points } from './taken-back.ts'
import { readTests, type TestCount } from './test-count.ts'

/** `gone`: the agent does not know it any more, since its conversation went back. */
export type Card = { gone?: boolean } & (
  | { kind: 'said'; key: string; at: number; seq: number; who: 'user' | 'agent' | 'thought' | 'system'; text: string; cut: boolean }
  | { kind: 'prompt'; key: string; at: number; text: string; status: string; detail: string | null }
  | ToolCard
  | { kind: 'approval'; key: string; at: number; ask: ApprovalAsk; state: 'open' | 'decided' | 'applied' | 'orphaned' | 'superseded'; behavior: 'allow' | 'deny' | null; by: DecidedBy | null; /** For the whole session. */ session: boolean; /** What the person put in the place of what was asked: another command, the answers to a question. */ given: string | null; message: string | null }
  | { kind: 'step'; key: string; at: number; title: string; state: string; durationMs: number | null; detail: string | null }
  | TurnCard
  | { kind: 'notice'; key: string; at: number; tone: 'info' | 'warning' | 'error'; text: string; hint: string | null; /** The agent shows what listens there; the page knows where that is, and takes no address from the agent. */ port?: number; /** A login ends, or has ended. */ signIn?: true; /** Why the machine is one to repair the project's own in; the card of a recovery says so as well. */ recovery?: true }
)
export interface ToolCard {
  gone?: boolean; kind: 'tool'; key: string; at: number; seq: number; callId: string; name: string; title: string; command: string | null; path: string | null; status: string
  output: string | null; diffs: readonly FileDiff[]; durationMs: number | null; tests: TestCount | null; /** The page was given less than what is stored under `seq`. */ cut: boolean
}
export interface TurnCard {
  gone?: boolean; kind: 'turn'; key: string; at: number; outcome: string; message: string | null; durationMs: number | null
  files: number; added: number; removed: number; tests: TestCount | null; tokens: number; costMicros: number | null
}
export interface PlanEntry { readonly text: string; readonly status: 'pending' | 'in_progress' | 'completed' }

export interface StreamView {
  readonly cards: readonly Card[]
  readonly byKey: ReadonlyMap<string, number>
  readonly after: number
  /** The agent's own list of what it will do; empty when it has none. */
  readonly plan: readonly PlanEntry[]
  /** Since the last turn's end. */
  readonly spent: { readonly tokens: number; readonly costMicros: number | null }
  readonly turnStartedAt: number | null
  readonly points: Points
  /** Of the cards those that somebody must answer. */
  readonly waiting: readonly WaitingCard[]
}
type WaitingCard = Card & { kind: 'approval'; state: 'open' | 'orphaned' }
export const emptyView: StreamView = { waiting: [], cards: [], points: new Map(), byKey: new Map(), after: 0, plan: [], spent: { tokens: 0, costMicros: null }, turnStartedAt: null }

/** Only this many cards are kept; older ones are read again from the server when asked for. They go by the block. */
export const CARD_LIMIT = 2000
export const CARD_BLOCK = 200

export function fold(view: StreamView, events: readonly StoredEvent[]): StreamView {
  let cards = [...view.cards]
  let byKey = placesOf(view)
  let { after, points } = view
  let turn: Turn = { plan: view.plan, spent: view.spent, turnStartedAt: view.turnStartedAt }
  let asked = false
  let same = cards.length
  for (const event of events) {
    if (event.seq <= after) continue
    after = event.seq
    const body = event.body as EventBody
    const counted = turnAfter(turn, body, event.at)
    const change = cardOf(body, event, body.type === 'turn.ended' ? turn.spent : counted.spent)
    turn = counted
    if (body.type === 'checkpoint') points = withPoint(points, body, cards)
    if (body.type === 'review.changed' && body.conversation !== undefined) {
      cards = goneBack(cards, points, body.conversation)
      same = 0
    }
    if (!change) continue
    const at = byKey.get(change.key)
    const before = at === undefined ? undefined : cards[at]
    const next = change.make(before, cards)
    if (!next) continue
    asked ||= next.kind === 'approval'
    if (at === undefined) byKey.set(change.key, cards.push(next) - 1)
    else {
      cards[at] = next
      same = Math.min(same, at)
    }
  }
  if (cards.length > CARD_LIMIT + CARD_BLOCK) {
    same = 0
    const cut = cards.length - CARD_LIMIT
    cards = cards.filter((card, index) => index >= cut || isWaiting(card))
    byKey = new Map(cards.map((card, index) => [card.key, index]))
    points = new Map([...points].map(([commit, point]) => [commit, { ...point, index: Math.max(0, point.index - cut) }]))
  }
  const next = { cards, byKey, points, after, ...turn, waiting: asked ? cards.filter(isWaiting) : view.waiting }
  newest.set(byKey, { view: next, from: view.cards, same })
  return next
}

type Turn = Pick<StreamView, 'plan' | 'spent' | 'turnStartedAt'>
function turnAfter(turn: Turn, body: EventBody, at: number): Turn {
  switch (body.type) {
    case 'plan': return { ...turn, plan: body.entries }
    case 'turn.started': return { ...turn, turnStartedAt: at }
    case 'usage': return { ...turn, spent: { tokens: turn.spent.tokens + body.inputTokens + body.outputTokens, costMicros: body.costMicros === null ? turn.spent.costMicros : (turn.spent.costMicros ?? 0) + body.costMicros } }
    case 'turn.ended': return { ...turn, spent: emptyView.spent, turnStartedAt: null }
    default: return turn
  }
}

/** A view hands its places on to the one that grows from it: to copy thousands of them for each card is dear. */
const newest = new WeakMap<ReadonlyMap<string, number>, { readonly view: StreamView; readonly from: readonly Card[]; readonly same: number }>()
function placesOf(view: StreamView): Map<string, number> {
  if (newest.get(view.byKey)?.view === view) return view.byKey as Map<string, number>
  return new Map(view.cards.map((card, index) => [card.key, index]))
}

/** How many of the first cards a view took over from `cards`, where it grew from them; to compare thousands for each card is dear, too. */
export function takenFrom(view: StreamView, cards: readonly Card[]): number | undefined {
  const grown = newest.get(view.byKey)
  return grown?.view === view && grown.from === cards ? grown.same : undefined
}

/** Somebody must answer it, however old it is. */
export function isWaiting(card: Card): card is WaitingCard {
  return card.kind === 'approval' && isUnanswered(card)
}

type Change = { key: string; make: (before: Card | undefined, cards: readonly Card[]) => Card | null }
const put = (card: Card): Change => ({ key: card.key, make: () => card })

function cardOf(body: EventBody, { seq, at }: StoredEvent, spent: StreamView['spent']): Change | null {
  switch (body.type) {
    case 'message':
      return put({ kind: 'said', key: `m:${body.messageId}`, at, seq, who: body.role, text: body.text, cut: isCut(body) })
    case 'prompt':
      return put({ kind: 'prompt', key: `p:${body.promptId}`, at, text: body.text, status: body.status, detail: body.detail })
    case 'tool':
      return onTool(body, seq, at)
    case 'workspace.step':
      return put({ kind: 'step', key: `s:${body.step}`, at, title: body.title, state: body.state, durationMs: body.durationMs, detail: body.detail })
    case 'turn.ended':
      return { key: `u:${seq}`, make: (_, cards) => ({ kind: 'turn', key: `u:${seq}`, at, outcome: body.outcome, message: body.message, durationMs: body.durationMs, ...changesOfTurn(cards), ...spent }) }
    case 'workspace.notice':
      return put({ kind: 'notice', key: `n:${seq}`, at, tone: body.level, text: body.message, hint: body.hint, ...(body.code === 'sign_in_ends' ? { signIn: true } : body.code === 'devcontainer_failed' ? { recovery: true } : {}) })
    case 'gap':
      return put({ kind: 'notice', key: `n:${seq}`, at, tone: 'warning', text: `Events ${body.from} to ${body.to} are missing: ${body.why}`, hint: null })
    case 'approval.asked':
      return { key: `a:${body.ask.approvalId}`, make: (before) => before ?? { kind: 'approval', key: `a:${body.ask.approvalId}`, at, ask: body.ask, state: 'open', behavior: null, by: null, session: false, given: null, message: null } }
    case 'approval.decided':
      return onApproval(body.approvalId, (card) => ({ ...card, state: 'decided', behavior: body.decision.behavior, by: body.by, session: body.decision.behavior === 'allow' && body.decision.scope === 'session', given: givenIn(body.decision.updatedInput, card.ask), message: body.decision.message ?? null }))
    case 'approval.applied':
      return onApproval(body.approvalId, (card) => ({ ...card, state: 'applied', behavior: body.behavior, by: card.by ?? { who: 'someone', via: body.via, at } }))
    case 'approval.orphaned':
      return onApproval(body.approvalId, (card) => (card.state === 'open' ? { ...card, state: 'orphaned' } : card))
    case 'approval.superseded':
      return onApproval(body.approvalId, (card) => ({ ...card, state: 'superseded' }))
    default:
      return reportOf(body, { key: `n:${seq}`, at })
  }
}

/** What the agent says to its person beside its messages, and what a person did to its conversation. Phases, usage and types of newer daemons have no card of their own. */
function reportOf(body: EventBody, at: { key: string; at: number }): Change | null {
  if (body.type === 'report.notice') return put({ kind: 'notice', ...at, tone: 'info', text: body.title, hint: body.text })
  if (body.type === 'review.changed' && body.what === 'rewind') return put({ kind: 'notice', ...at, tone: 'info', text: `${body.by} went back to a checkpoint`, hint: body.conversation === undefined ? 'The agent’s conversation stayed as it was.' : 'The agent has forgotten what came after it.' })
  if (body.type !== 'report.preview') return null
  const { port, label } = body
  return put({ kind: 'notice', ...at, tone: 'info', text: label ?? `Port ${port}`, hint: label === null ? null : `port ${port}`, port })
}

/** The server marks what it shortened for the first paint. */
function isCut(body: EventBody): boolean {
  return (body as { cut?: boolean }).cut === true
}

/** A later event replaces the fields that it carries. */
function onTool(body: EventBody & { type: 'tool' }, seq: number, at: number): Change {
  const key = `t:${body.toolCallId}`
  return {
    key,
    make(before) {
      const known = before?.kind === 'tool' ? before : { at, name: '', title: '', command: null, path: null, output: null, diffs: [], durationMs: null, tests: null }
      return {
        kind: 'tool', key, at: known.at, seq, callId: body.toolCallId, name: body.name || known.name, title: body.title || known.title, status: body.status,
        command: textOf(body.input, 'command') ?? known.command, path: textOf(body.input, 'file_path', 'notebook_path', 'path', 'pattern') ?? known.path, output: body.output ?? known.output,
        diffs: body.diffs.length > 0 ? body.diffs : known.diffs, durationMs: body.durationMs ?? known.durationMs,
        tests: body.output === null ? known.tests : readTests(body.output), cut: isCut(body),
      }
    },
  }
}

function givenIn(input: Readonly<Record<string, unknown>> | undefined, { input: asked }: ApprovalAsk): string | null {
  const answers = input?.['answers']
  const questions = JSON.stringify(asked['questions'] ?? '')
  // In the order of the questions; the database keeps no order of fields.
  if (typeof answers === 'object' && answers !== null) return Object.entries(answers).sort(([one], [other]) => questions.indexOf(JSON.stringify(one)) - questions.indexOf(JSON.stringify(other))).map(([, answer]) => String(answer)).join(' · ')
  return input === undefined ? null : textOf(input, 'command')
}

function textOf(input: Readonly<Record<string, unknown>> | null, ...names: string[]): string | null {
  const value = names.map((name) => input?.[name]).find((found) => typeof found === 'string')
  return typeof value === 'string' ? value : null
}

function onApproval(id: string, change: (card: Card & { kind: 'approval' }) => Card): Change {
  return { key: `a:${id}`, make: (before) => (before?.kind === 'approval' ? change(before) : null) }
}

/** What the calls since the last turn's end changed, and what their last run of tests said. */
function changesOfTurn(cards: readonly Card[]): Pick<TurnCard, 'files' | 'added' | 'removed' | 'tests'> {
  const files = new Set<string>()
  let added = 0
  let removed = 0
  let tests: TestCount | null = null
  for (let index = cards.length - 1; index >= 0; index--) {
    const card = cards[index]
    if (!card || card.kind === 'turn') break
    if (card.kind !== 'tool') continue
    tests ??= card.tests
    for (const diff of card.diffs) {
      files.add(diff.path)
      added += diff.added
      removed += diff.removed
    }
  }
  return { files: files.size, added, removed, tests }
}
