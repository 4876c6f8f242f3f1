/** Folds a workspace's events into what the page shows. Pure: the same events always give the same cards. */
import type { ApprovalAsk, DecidedBy, EventBody, FileDiff, StoredEvent } from '@berth/wire'

export type Card =
  | { kind: 'said'; key: string; at: number; who: 'user' | 'agent' | 'thought' | 'system'; text: string }
  | { kind: 'prompt'; key: string; at: number; text: string; status: string }
  | { kind: 'tool'; key: string; at: number; name: string; title: string; status: string; output: string | null; diffs: readonly FileDiff[]; durationMs: number | null }
  | { kind: 'approval'; key: string; at: number; ask: ApprovalAsk; state: 'open' | 'decided' | 'applied' | 'orphaned' | 'superseded'; behavior: 'allow' | 'deny' | null; by: DecidedBy | null }
  | { kind: 'step'; key: string; at: number; title: string; state: string; durationMs: number | null; detail: string | null }
  | { kind: 'turn'; key: string; at: number; outcome: string; durationMs: number | null }
  | { kind: 'notice'; key: string; at: number; tone: 'info' | 'warning' | 'error'; text: string; hint: string | null }

export interface StreamView {
  readonly cards: readonly Card[]
  readonly byKey: ReadonlyMap<string, number>
  readonly after: number
}
export const emptyView: StreamView = { cards: [], byKey: new Map(), after: 0 }

/** Only this many cards are kept; older ones are read again from the server when asked for. */
export const CARD_LIMIT = 400

export function fold(view: StreamView, events: readonly StoredEvent[]): StreamView {
  let cards = [...view.cards]
  let byKey = new Map(view.byKey)
  let after = view.after
  for (const event of events) {
    if (event.seq <= after) continue
    after = event.seq
    const change = cardOf(event.body as EventBody, event)
    if (!change) continue
    const at = byKey.get(change.key)
    const before = at === undefined ? undefined : cards[at]
    const next = change.make(before)
    if (!next) continue
    if (at === undefined) byKey.set(change.key, cards.push(next) - 1)
    else cards[at] = next
  }
  if (cards.length > CARD_LIMIT) {
    cards = cards.slice(-CARD_LIMIT)
    byKey = new Map(cards.map((card, index) => [card.key, index]))
  }
  return { cards, byKey, after }
}

type Change = { key: string; make: (before: Card | undefined) => Card | null }
const put = (card: Card): Change => ({ key: card.key, make: () => card })

function cardOf(body: EventBody, { seq, at }: StoredEvent): Change | null {
  switch (body.type) {
    case 'message':
      return put({ kind: 'said', key: `m:${body.messageId}`, at, who: body.role, text: body.text })
    case 'prompt':
      return put({ kind: 'prompt', key: `p:${body.promptId}`, at, text: body.text, status: body.status })
    case 'tool':
      return put({ kind: 'tool', key: `t:${body.toolCallId}`, at, name: body.name, title: body.title, status: body.status, output: body.output, diffs: body.diffs, durationMs: body.durationMs })
    case 'workspace.step':
      return put({ kind: 'step', key: `s:${body.step}`, at, title: body.title, state: body.state, durationMs: body.durationMs, detail: body.detail })
    case 'turn.ended':
      return put({ kind: 'turn', key: `u:${seq}`, at, outcome: body.outcome, durationMs: body.durationMs })
    case 'workspace.notice':
      return put({ kind: 'notice', key: `n:${seq}`, at, tone: body.level, text: body.message, hint: body.hint })
    case 'gap':
      return put({ kind: 'notice', key: `n:${seq}`, at, tone: 'warning', text: `Events ${body.from} to ${body.to} are missing: ${body.why}`, hint: null })
    case 'approval.asked':
      return { key: `a:${body.ask.approvalId}`, make: (before) => before ?? { kind: 'approval', key: `a:${body.ask.approvalId}`, at, ask: body.ask, state: 'open', behavior: null, by: null } }
    case 'approval.decided':
      return onApproval(body.approvalId, (card) => ({ ...card, state: 'decided', behavior: body.decision.behavior, by: body.by }))
    case 'approval.applied':
      return onApproval(body.approvalId, (card) => ({ ...card, state: 'applied', behavior: body.behavior, by: card.by ?? { who: 'someone', via: body.via, at } }))
    case 'approval.orphaned':
      return onApproval(body.approvalId, (card) => (card.state === 'open' ? { ...card, state: 'orphaned' } : card))
    case 'approval.superseded':
      return onApproval(body.approvalId, (card) => ({ ...card, state: 'superseded' }))
    default:
      // Phases, usage and types of newer daemons have no card of their own.
      return null
  }
}

function onApproval(id: string, change: (card: Card & { kind: 'approval' }) => Card): Change {
  return { key: `a:${id}`, make: (before) => (before?.kind === 'approval' ? change(before) : null) }
}
