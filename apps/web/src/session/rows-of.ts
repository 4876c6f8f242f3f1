/** Cards into rows: what belongs together stands together, and what is asked stands at the end. Pure. */
import { isWaiting, type Card, type ToolCard, type TurnCard } from '../state/stream-view.ts'
import { onlyLooks, onlyPlans } from '../ui/tool-words.ts'
import type { Asked } from './answered.tsx'

/** `at`: the place of its first card. */
export type Row = { readonly key: string; readonly at: number } & (
  | { readonly kind: 'steps'; readonly steps: readonly (Card & { kind: 'step' })[] }
  | { readonly kind: 'looks'; readonly cards: readonly ToolCard[] }
  | { readonly kind: 'turn'; readonly card: TurnCard; readonly headline: string | null; readonly number: number }
  | { readonly kind: 'card'; readonly card: Exclude<Card, { kind: 'step' | 'turn' }>; /** To what was asked about this call. */ readonly answers?: readonly Asked[] }
)

export interface Laid {
  readonly rows: readonly Row[]
  /** What they were made of. */
  readonly cards: readonly Card[]
  readonly approvals: Approvals
  /** So many of the first rows are the very ones that were there before. */
  readonly taken: number
}

/** `before`: most of it still holds when a card comes or changes, and is not made again. `same`: as many of its first cards, where that is known. */
export function rowsOf(cards: readonly Card[], before: Laid | null = null, same = before ? sameUntil(before.cards, cards) : 0): Laid {
  if (before === null) {
    const approvals = sortApprovals(cards)
    return { rows: rowsFrom([], 0, cards, approvals), cards, approvals, taken: 0 }
  }
  if (same === cards.length && same === before.cards.length) return { ...before, cards, taken: before.rows.length }
  const { about } = before.approvals
  const moves = (card: Card) => card.kind === 'approval' || (card.kind === 'tool' && about.has(card.callId))
  // An answer stands with its call, wherever that is.
  if (cards.slice(same).some(moves) || before.cards.slice(same).some(moves)) return rowsOf(cards)
  // The row before the change may take what comes into itself.
  const kept = before.rows.slice(0, Math.max(0, before.rows.findLastIndex(({ at }) => at <= same)))
  return { rows: rowsFrom(kept, before.rows[kept.length]?.at ?? 0, cards, before.approvals), cards, approvals: before.approvals, taken: kept.length }
}

function sameUntil(one: readonly Card[], other: readonly Card[]): number {
  if (one === other) return one.length
  let at = 0
  while (at < one.length && one[at] === other[at]) at += 1
  return at
}

function rowsFrom(kept: readonly Row[], from: number, cards: readonly Card[], approvals: Approvals): Row[] {
  const rows = [...kept]
  let turns = rows.findLast((row) => row.kind === 'turn')?.number ?? 0
  for (let at = from; at < cards.length; at++) {
    const card = cards[at]
    if (!card || (card.kind === 'prompt' && card.status === 'accepted')) continue
    if (card.kind === 'approval') {
      // A waiting one stands in the dock; an answered one with its call.
      if (!isWaiting(card) && !(card.ask.toolCallId !== null && approvals.calls.has(card.ask.toolCallId))) add(rows, card, at)
    } else if (card.kind === 'tool') addCall(rows, card, { at, approvals })
    else if (card.kind === 'turn') endTurn(rows, card, { at, number: (turns += 1) })
    else add(rows, card, at)
  }
  return rows
}

function addCall(rows: Row[], card: ToolCard, { at, approvals: { asked, answered } }: { at: number; approvals: Approvals }): void {
  const answers = answered.get(card.callId) ?? []
  for (const approval of answers) if (approval.state === 'superseded') add(rows, approval, at)
  if (asked.has(card.callId)) return
  if (answers.length > 0) rows.push({ kind: 'card', at, key: card.key, card, answers: answers.filter(({ state }) => state !== 'superseded') })
  else add(rows, card, at)
}

function add(rows: Row[], card: Exclude<Card, TurnCard>, at: number): void {
  const last = rows.at(-1)
  if (card.kind === 'step') {
    if (last?.kind === 'steps') rows[rows.length - 1] = { ...last, steps: [...last.steps, card] }
    else rows.push({ kind: 'steps', at, key: `steps:${card.key}`, steps: [card] })
  } else if (card.kind === 'tool' && familyOf(card) !== null) {
    if (last?.kind === 'looks' && last.cards[0] && familyOf(last.cards[0]) === familyOf(card)) rows[rows.length - 1] = { ...last, cards: [...last.cards, card] }
    else rows.push({ kind: 'looks', at, key: `looks:${card.key}`, cards: [card] })
  } else rows.push({ kind: 'card', at, key: card.key, card })
}

function endTurn(rows: Row[], card: TurnCard, { at, number }: { at: number; number: number }): void {
  const last = rows.at(-1)
  const headline = headlineOf(card, last)
  if (headline !== null) rows.pop()
  rows.push({ kind: 'turn', at: headline === null || !last ? at : last.at, key: card.key, card, headline, number })
}

/** Done calls of one family that follow each other are one row. */
function familyOf({ name, status }: ToolCard): 'looks' | 'plans' | null {
  if (status !== 'completed') return null
  return onlyLooks(name) ? 'looks' : onlyPlans(name) ? 'plans' : null
}

const HEADLINE_LIMIT = 110
/** A last word that is one short line is the headline of its turn. */
function headlineOf(turn: TurnCard, last: Row | undefined): string | null {
  if (turn.outcome !== 'done' || last?.kind !== 'card' || last.card.kind !== 'said' || last.card.who !== 'agent') return null
  const text = last.card.text.trim()
  return text.length <= HEADLINE_LIMIT && !/[\n`*#]/.test(text) ? text : null
}

interface Approvals {
  readonly asked: ReadonlySet<string | null>
  readonly answered: ReadonlyMap<string, readonly Asked[]>
  readonly calls: ReadonlySet<string>
  /** Calls that something was asked about. */
  readonly about: ReadonlySet<string | null>
}

/** An agent asks before the call itself is told: the answer stands with its call. A call that is asked about is not shown yet. */
function sortApprovals(cards: readonly Card[]): Approvals {
  const asked = new Set<string | null>()
  const answered = new Map<string, Asked[]>()
  const calls = new Set<string>()
  const about = new Set<string | null>()
  for (const card of cards) {
    if (card.kind === 'tool') calls.add(card.callId)
    if (card.kind !== 'approval') continue
    about.add(card.ask.toolCallId)
    if (isWaiting(card)) asked.add(card.ask.toolCallId)
    else if (card.ask.toolCallId !== null) answered.set(card.ask.toolCallId, [...(answered.get(card.ask.toolCallId) ?? []), card])
  }
  return { asked, answered, calls, about }
}
