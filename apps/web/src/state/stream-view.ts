/** Folds a workspace's events into what the page shows. Pure: the same events always give the same cards. */
import type { ApprovalAsk, DecidedBy, EventBody, FileDiff, StoredEvent } from '@berth/wire'

export type Card =
  | { kind: 'said'; key: string; at: number; who: 'user' | 'agent' | 'thought' | 'system'; text: string }
  | { kind: 'prompt'; key: string; at: number; text: string; status: string }
  | { kind: 'tool'; key: string; at: number; name: string; title: string; command: string | null; callId: string; status: string; output: string | null; diffs: readonly FileDiff[]; durationMs: number | null }
  | { kind: 'approval'; key: string; at: number; ask: ApprovalAsk; state: 'open' | 'decided' | 'applied' | 'orphaned' | 'superseded'; behavior: 'allow' | 'deny' | null; by: DecidedBy | null }
  | { kind: 'step'; key: string; at: number; title: string; state: string; durationMs: number | null; detail: string | null }
  | { kind: 'turn'; key: string; at: number; outcome: string; durationMs: number | null; files: number; added: number; removed: number }
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
    const next = change.make(before, cards)
    if (!next) continue
    if (at === undefined) byKey.set(change.key, cards.push(next) - 1)
    else cards[at] = next
  }
  if (cards.length > CARD_LIMIT) {
    const cut = cards.length - CARD_LIMIT
    cards = cards.filter((card, index) => index >= cut || isWaiting(card))
    byKey = new Map(cards.map((card, index) => [card.key, index]))
  }
  return { cards, byKey, after }
}

/** Somebody must answer it, however old it is. */
export function isWaiting(card: Card): card is Card & { kind: 'approval'; state: 'open' | 'orphaned' } {
  return card.kind === 'approval' && (card.state === 'open' || card.state === 'orphaned')
}

type Change = { key: string; make: (before: Card | undefined, cards: readonly Card[]) => Card | null }
const put = (card: Card): Change => ({ key: card.key, make: () => card })

function cardOf(body: EventBody, { seq, at }: StoredEvent): Change | null {
  switch (body.type) {
    case 'message':
      return put({ kind: 'said', key: `m:${body.messageId}`, at, who: body.role, text: body.text })
    case 'prompt':
      return put({ kind: 'prompt', key: `p:${body.promptId}`, at, text: body.text, status: body.status })
    case 'tool':
      return onTool(body, at)
    case 'workspace.step':
      return put({ kind: 'step', key: `s:${body.step}`, at, title: body.title, state: body.state, durationMs: body.durationMs, detail: body.detail })
    case 'turn.ended':
      return { key: `u:${seq}`, make: (_, cards) => ({ kind: 'turn', key: `u:${seq}`, at, outcome: body.outcome, durationMs: body.durationMs, ...changesOfTurn(cards) }) }
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

/** A later event replaces the fields that it carries. */
function onTool(body: EventBody & { type: 'tool' }, at: number): Change {
  const key = `t:${body.toolCallId}`
  const { name, title, status } = body
  const command = body.input?.['command']
  return {
    key,
    make(before) {
      const known = before?.kind === 'tool' ? before : { at, command: null, output: null, diffs: [], durationMs: null }
      return {
        kind: 'tool', key, at: known.at, callId: body.toolCallId, name, title, status,
        command: typeof command === 'string' ? command : known.command, output: body.output ?? known.output,
        diffs: body.diffs.length > 0 ? body.diffs : known.diffs, durationMs: body.durationMs ?? known.durationMs,
      }
    },
  }
}

function onApproval(id: string, change: (card: Card & { kind: 'approval' }) => Card): Change {
  return { key: `a:${id}`, make: (before) => (before?.kind === 'approval' ? change(before) : null) }
}

/** What the calls since the last turn's end changed. */
function changesOfTurn(cards: readonly Card[]): { files: number; added: number; removed: number } {
  const files = new Set<string>()
  let added = 0
  let removed = 0
  for (let index = cards.length - 1; index >= 0; index--) {
    const card = cards[index]
    if (!card || card.kind === 'turn') break
    if (card.kind !== 'tool') continue
    for (const diff of card.diffs) {
      files.add(diff.path)
      added += diff.added
      removed += diff.removed
    }
  }
  return { files: files.size, added, removed }
}
