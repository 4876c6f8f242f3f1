/** Cards into rows: what belongs together stands together, and what is asked stands at the end. */
import type { VNode } from 'preact'
import type { Workspace } from '@berth/wire'
import { isWaiting, type Card, type StreamView, type ToolCard, type TurnCard } from '../state/stream-view.ts'
import type { Stream } from '../state/stream.ts'
import { inert } from '../ui/inert.ts'
import { Prose } from '../ui/prose.tsx'
import { onlyLooks, onlyPlans } from '../ui/tool-words.ts'
import { Answered, type Asked } from './answered.tsx'
import { Steps } from './steps.tsx'
import { Looks, ToolLine } from './tool-line.tsx'
import { TurnEnd } from './turn-end.tsx'

type Row =
  | { readonly kind: 'steps'; readonly key: string; readonly steps: (Card & { kind: 'step' })[] }
  | { readonly kind: 'looks'; readonly key: string; readonly cards: ToolCard[] }
  | { readonly kind: 'turn'; readonly key: string; readonly card: TurnCard; readonly headline: string | null; readonly number: number | null }
  | { readonly kind: 'card'; readonly key: string; readonly card: Exclude<Card, { kind: 'step' | 'turn' }>; /** To what was asked about this call. */ readonly answers?: readonly Asked[] }

/** Pure. `whole`: nothing older exists, so that turns can be counted. */
function rowsOf(cards: readonly Card[], whole: boolean): Row[] {
  const { asked, answered, calls } = sortApprovals(cards)
  const rows: Row[] = []
  let turns = 0
  const add = (card: Card) => {
    const last = rows.at(-1)
    if (card.kind === 'step') {
      if (last?.kind === 'steps') last.steps.push(card)
      else rows.push({ kind: 'steps', key: `steps:${card.key}`, steps: [card] })
    } else if (card.kind === 'tool' && familyOf(card) !== null) {
      if (last?.kind === 'looks' && last.cards[0] && familyOf(last.cards[0]) === familyOf(card)) last.cards.push(card)
      else rows.push({ kind: 'looks', key: `looks:${card.key}`, cards: [card] })
    } else if (card.kind === 'turn') {
      turns += 1
      const headline = headlineOf(card, last)
      if (headline !== null) rows.pop()
      rows.push({ kind: 'turn', key: card.key, card, headline, number: whole ? turns : null })
    } else rows.push({ kind: 'card', key: card.key, card })
  }
  for (const card of cards) {
    if (card.kind === 'prompt' && card.status === 'accepted') continue
    if (card.kind === 'approval') {
      // A waiting one stands in the dock; an answered one with its call.
      if (!isWaiting(card) && !(card.ask.toolCallId !== null && calls.has(card.ask.toolCallId))) add(card)
    } else if (card.kind === 'tool') {
      const answers = answered.get(card.callId) ?? []
      for (const approval of answers) if (approval.state === 'superseded') add(approval)
      if (asked.has(card.callId)) continue
      if (answers.length > 0) rows.push({ kind: 'card', key: card.key, card, answers: answers.filter(({ state }) => state !== 'superseded') })
      else add(card)
    } else add(card)
  }
  return rows
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

/** An agent asks before the call itself is told: the answer stands with its call. A call that is asked about is not shown yet. */
function sortApprovals(cards: readonly Card[]): { asked: Set<string | null>; answered: Map<string, Asked[]>; calls: Set<string> } {
  const asked = new Set<string | null>()
  const answered = new Map<string, Asked[]>()
  const calls = new Set<string>()
  for (const card of cards) {
    if (card.kind === 'tool') calls.add(card.callId)
    if (card.kind !== 'approval') continue
    if (isWaiting(card)) asked.add(card.ask.toolCallId)
    else if (card.ask.toolCallId !== null) answered.set(card.ask.toolCallId, [...(answered.get(card.ask.toolCallId) ?? []), card])
  }
  return { asked, answered, calls }
}

interface Drawn { readonly sign: string; readonly node: VNode }
/** Cards are replaced when they change, so a row of the same objects need not be drawn again. Only what is shown is kept: a drawing holds its elements. */
const drawn = new WeakMap<Stream, ReadonlyMap<object, Drawn>>()

export function drawRows({ view, workspace, stream, shown }: { view: StreamView; workspace: Workspace; stream: Stream; shown: number }): { nodes: VNode[]; hidden: number } {
  const rows = rowsOf(view.cards, !stream.hasOlder.value)
  const hidden = hiddenOf(stream, rows, shown)
  const writing = stream.writing.value
  const before = drawn.get(stream)
  const kept = new Map<object, Drawn>()
  const nodes = rows.slice(hidden).map((row) => {
    const [subject, sign] = identityOf(row)
    const live = row.kind === 'card' && row.card.kind === 'tool' ? writing.get(row.card.callId) : undefined
    const known = before?.get(subject)
    const node = known?.sign === sign && !live ? known.node : drawRow(row, { workspace, writing: live })
    if (!live) kept.set(subject, { sign, node })
    return node
  })
  drawn.set(stream, kept)
  return { nodes, hidden }
}

/** Rows leave by the block: if one left for each that comes, all between them would move, and be laid out and painted again. */
const LEAVE = 40
const firstShown = new WeakMap<Stream, string>()

function hiddenOf(stream: Stream, rows: readonly Row[], shown: number): number {
  const most = Math.max(0, rows.length - shown)
  const known = firstShown.get(stream)
  const at = known === undefined ? -1 : rows.findIndex(({ key }) => key === known)
  const hidden = at < most - LEAVE || at < 0 || at > most ? most : at
  firstShown.set(stream, rows[hidden]?.key ?? '')
  return hidden
}

/** The object that changes when the row does, and what else it is drawn from. */
function identityOf(row: Row): [object, string] {
  switch (row.kind) {
    case 'steps': return [row.steps.at(-1) ?? row, `${row.key} ${row.steps.map(({ state, detail }) => `${state}${detail ?? ''}`).join()}`]
    case 'looks': return [row.cards.at(-1) ?? row, `${row.key} ${row.cards.length}`]
    case 'turn': return [row.card, `${row.headline} ${row.number}`]
    case 'card': return [row.card, `${row.key}${(row.answers ?? []).map(({ key, state }) => ` ${key} ${state}`).join()}`]
  }
}

function drawRow(row: Row, { workspace, writing }: { workspace: Workspace; writing: Parameters<typeof ToolLine>[0]['writing'] }): VNode {
  switch (row.kind) {
    case 'steps': return <Steps key={row.key} steps={row.steps} />
    case 'looks': return <Looks key={row.key} cards={row.cards} />
    case 'turn': return <TurnEnd key={row.key} card={row.card} headline={row.headline} number={row.number} workspaceId={workspace.id} />
    case 'card': return <CardView key={row.key} row={row} workspace={workspace} writing={writing} />
  }
}

function CardView({ row: { card, answers }, workspace, writing }: { row: Row & { kind: 'card' }; workspace: Workspace; writing: Parameters<typeof ToolLine>[0]['writing'] }) {
  switch (card.kind) {
    case 'said':
      return <Prose text={card.text} class={card.who === 'user' ? 'said' : card.who === 'agent' ? 'text' : 'text dim'} />
    case 'prompt':
      return <div class="said pending" dir="auto"><p>{inert(card.text)}</p><span class="meta">{PROMPT_WORDS[card.status] ?? card.status}{card.status === 'refused' && card.detail ? `: ${inert(card.detail)}` : ''}</span></div>
    case 'tool':
      return <ToolLine card={card} answers={answers ?? NONE} writing={writing} workspaceId={workspace.id} />
    case 'approval':
      return <Answered card={card} />
    case 'notice':
      return <p class={`notice ${card.tone}`}><b>{inert(card.text)}</b> {inert(card.hint ?? '')}</p>
  }
}

const NONE: readonly Asked[] = []
const PROMPT_WORDS: Record<string, string> = { queued: 'waits for the agent', sent: 'on its way', ambiguous: 'maybe not received; look before you send it again', refused: 'not taken' }
