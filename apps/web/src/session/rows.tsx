/** Rows as they are drawn: made once, and kept until they change. */
import type { VNode } from 'preact'
import type { Workspace } from '@berth/wire'
import { takenFrom, type StreamView } from '../state/stream-view.ts'
import { linkTo, pathTo } from '../state/session.ts'
import { areSame } from '../state/steady.ts'
import type { Stream, Writing } from '../state/stream.ts'
import { inert } from '../ui/inert.ts'
import { Prose } from '../ui/prose.tsx'
import { Answered, type Asked } from './answered.tsx'
import { rowsOf, type Laid, type Row } from './rows-of.ts'
import { Steps } from './steps.tsx'
import { Looks, ToolLine } from './tool-line.tsx'
import { TurnEnd } from './turn-end.tsx'

interface Drawn { readonly sign: string; readonly node: VNode }
interface Stretch {
  readonly key: string
  /** The places of its rows: the first, and the one after the last. */
  readonly from: number
  readonly to: number
  readonly past: boolean
  readonly node: VNode
  readonly nodes: readonly VNode[]
  /** Cards are replaced when they change, so a row of the same objects need not be drawn again. Only what is shown is kept: a drawing holds its elements. */
  readonly drawn: ReadonlyMap<object, Drawn>
}
interface Kept {
  readonly laid: Laid
  readonly stretches: readonly Stretch[]
  readonly hidden: number
  readonly firstShown: string
  readonly older: boolean
  /** Something was drawn that changes without its card. */
  readonly live: boolean
}
const kept = new WeakMap<Stream, Kept>()

/** `thinking`: a line on the same thread follows them. */
export interface ToDraw { readonly view: StreamView; readonly workspace: Workspace; readonly stream: Stream; readonly shown: number; readonly thinking?: boolean }

export function drawRows(to: ToDraw): { nodes: VNode[]; count: number; hidden: number; tied: boolean } {
  const { view, stream, shown } = to
  const before = kept.get(stream)
  const laid = rowsOf(view.cards, before?.laid, before && takenFrom(view, before.laid.cards))
  const { rows } = laid
  const hidden = hiddenOf(before, rows, shown)
  const older = stream.hasOlder.value
  const live = stream.writing.value.size > 0
  const isSteady = before !== undefined && before.hidden === hidden && before.older === older && !before.live && !live
  const stretches = inStretches(to, { rows, hidden, before: before?.stretches ?? [], steady: isSteady ? laid.taken - 1 : 0 })
  kept.set(stream, { laid, stretches, hidden, firstShown: rows[hidden]?.key ?? '', older, live })
  return { nodes: stretches.map(({ node }) => node), count: rows.length - hidden, hidden, tied: isTied(rows.at(-1)) }
}

/** So many of those that are here are not drawn. */
export const hiddenIn = (stream: Stream): number => kept.get(stream)?.hidden ?? 0

/** Rows leave by the block: if one left for each that comes, all between them would move, and be laid out and painted again. */
const LEAVE = 40

function hiddenOf(before: Kept | undefined, rows: readonly Row[], shown: number): number {
  const most = Math.max(0, rows.length - shown)
  const at = before === undefined ? -1 : rows[before.hidden]?.key === before.firstShown ? before.hidden : rows.findIndex(({ key }) => key === before.firstShown)
  return at < most - LEAVE || at < 0 || at > most ? most : at
}

interface Places {
  readonly rows: readonly Row[]
  readonly hidden: number
  readonly before: readonly Stretch[]
  /** Up to here nothing is another than before; the last of the rows that stayed may be tied to one that came. */
  readonly steady: number
}

/** Some rows together: the browser lays out, and paints, the stretch that changed. Where one begins is in its first row's name, so that rows which come before or after move none into another. */
function inStretches(look: ToDraw, { rows, hidden, before, steady }: Places): Stretch[] {
  const changed = before.findIndex(({ to }) => to > steady)
  const found = before.slice(0, changed < 0 ? before.length : changed)
  let from = found.at(-1)?.to ?? hidden
  let first = from
  while (first > 0 && !isFirst(rows[first])) first -= 1
  for (let to = from + 1; to <= rows.length; to++) {
    if (to < rows.length && !isFirst(rows[to])) continue
    const key = rows[first]?.key ?? ''
    found.push(drawStretch(look, { rows, key, from, to, before: before.find((known) => known.key === key) }))
    first = from = to
  }
  return found.map((stretch, index) => (stretch.past || index >= found.length - NEAR ? stretch : { ...stretch, past: true, node: nodeOf(stretch, true) }))
}

function drawStretch({ workspace, stream, thinking = false }: ToDraw, { rows, key, from, to, before }: { rows: readonly Row[]; key: string; from: number; to: number; before: Stretch | undefined }): Stretch {
  const older = stream.hasOlder.value
  const drawn = new Map<object, Drawn>()
  const nodes = rows.slice(from, to).map((row, index) => {
    const tie = tieOf(rows[from + index - 1], row, rows[from + index + 1], thinking)
    const [subject, sign] = identityOf(row, tie, older)
    const live = row.kind === 'card' && row.card.kind === 'tool' ? stream.writing.value.get(row.card.callId) : undefined
    const known = before?.drawn.get(subject)
    const node = known?.sign === sign && !live ? known.node : drawRow(row, { workspace, writing: live, tie, counted: !older })
    if (!live) drawn.set(subject, { sign, node })
    return node
  })
  const isSame = before !== undefined && areSame(before.nodes, nodes)
  const past = before?.past ?? false
  return { key, from, to, past, drawn, nodes, node: isSame ? before.node : nodeOf({ key, nodes }, past) }
}

/** So many of the last are painted whatever is in sight; of those before, and not those in sight, the browser keeps the heights alone. */
const NEAR = 2
const nodeOf = ({ key, nodes }: Pick<Stretch, 'key' | 'nodes'>, past: boolean): VNode => <div key={key} class={past ? 'stretch past' : 'stretch'}>{nodes}</div>

/** One row in so many begins a stretch; all of its name says which, since what one agent says ends always the same. */
const STRETCH = 8
function isFirst(row: Row | undefined): boolean {
  const key = row?.key ?? ''
  let place = 0
  for (let at = 0; at < key.length; at++) place = (7 * place + key.charCodeAt(at)) % STRETCH
  return place === 0
}

type Tie = '' | 'up' | 'down' | 'up down'
/** Calls that follow each other are tied by a line. */
function tieOf(above: Row | undefined, row: Row, below: Row | undefined, thinking: boolean): Tie {
  if (!isTied(row)) return ''
  const down = below === undefined ? thinking : isTied(below)
  return isTied(above) ? (down ? 'up down' : 'up') : down ? 'down' : ''
}
const isTied = (row: Row | undefined) => row?.kind === 'looks' || (row?.kind === 'card' && (row.card.kind === 'tool' || row.card.kind === 'approval'))

/** The object that changes when the row does, and what else it is drawn from. */
function identityOf(row: Row, tie: Tie, older: boolean): [object, string] {
  switch (row.kind) {
    case 'steps': return [row.steps.at(-1) ?? row, `${row.key} ${row.steps.map(({ state, detail }) => `${state}${detail ?? ''}`).join()}`]
    case 'looks': return [row.cards.at(-1) ?? row, `${row.key} ${row.cards.length} ${tie}`]
    case 'turn': return [row.card, `${row.headline} ${row.number} ${older}`]
    case 'card': return [row.card, `${row.key} ${tie}${(row.answers ?? []).map(({ key, state }) => ` ${key} ${state}`).join()}`]
  }
}

interface Look { readonly workspace: Workspace; readonly writing: Writing | undefined; readonly tie: Tie; /** Nothing older exists, so that turns can be counted. */ readonly counted: boolean }

function drawRow(row: Row, look: Look): VNode {
  return isGone(row) ? <div key={row.key} class="gone">{drawnAs(row, look)}</div> : drawnAs(row, look)
}

function drawnAs(row: Row, look: Look): VNode {
  const { workspace, tie, counted } = look
  switch (row.kind) {
    case 'steps': return <Steps key={row.key} steps={row.steps} />
    case 'looks': return <Looks key={row.key} cards={row.cards} tie={tie} />
    case 'turn': return <TurnEnd key={row.key} card={row.card} headline={row.headline} number={counted ? row.number : null} workspaceId={workspace.id} />
    case 'card': return row.card.kind === 'said' ? <Prose key={row.key} text={row.card.text} class={row.card.who === 'user' ? 'said' : row.card.who === 'agent' ? 'text' : 'text dim'} /> : <CardView key={row.key} card={row.card} answers={row.answers ?? NONE} {...look} />
  }
}

/** To the agent it never happened. */
function isGone(row: Row): boolean {
  return (row.kind === 'looks' ? row.cards.at(-1)?.gone : row.kind !== 'steps' && row.card.gone) ?? false
}

function CardView({ card, answers, workspace, writing, tie }: { card: Exclude<(Row & { kind: 'card' })['card'], { kind: 'said' }>; answers: readonly Asked[] } & Look) {
  switch (card.kind) {
    case 'prompt':
      return <div class="said pending" dir="auto"><p>{inert(card.text)}</p><span class="meta">{PROMPT_WORDS[card.status] ?? card.status}{card.status === 'refused' && card.detail ? `: ${inert(card.detail)}` : ''}</span></div>
    case 'tool':
      return <ToolLine card={card} answers={answers} writing={writing} tie={tie} workspaceId={workspace.id} />
    case 'approval':
      return <Answered card={card} tie={tie} />
    case 'notice':
      return <p class={`notice ${card.tone} ${card.recovery ? 'mends' : ''}`}><b>{inert(card.text)}</b> {inert(card.hint ?? '')}{card.port !== undefined && <> <a {...linkTo(pathTo(workspace.id, 'preview'))}>Open the preview</a></>}</p>
  }
}

const NONE: readonly Asked[] = []
const PROMPT_WORDS: Record<string, string> = { queued: 'waits for the agent', sent: 'on its way', ambiguous: 'maybe not received; look before you send it again', refused: 'not taken' }
