/** Rows as they are drawn: made once, and kept until they change. */
import type { VNode } from 'preact'
import type { Workspace } from '@berth/wire'
import type { StreamView } from '../state/stream-view.ts'
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
interface Stretch { readonly nodes: readonly VNode[]; readonly node: VNode }
interface Kept {
  readonly laid: Laid
  /** Cards are replaced when they change, so a row of the same objects need not be drawn again. Only what is shown is kept: a drawing holds its elements. */
  readonly drawn: ReadonlyMap<object, Drawn>
  readonly stretches: ReadonlyMap<string, Stretch>
  readonly firstShown: string
}
const kept = new WeakMap<Stream, Kept>()

/** `thinking`: a line on the same thread follows them. */
export interface ToDraw { readonly view: StreamView; readonly workspace: Workspace; readonly stream: Stream; readonly shown: number; readonly thinking?: boolean }

export function drawRows({ view, workspace, stream, shown, thinking = false }: ToDraw): { nodes: VNode[]; count: number; hidden: number; tied: boolean } {
  const before = kept.get(stream)
  const laid = rowsOf(view.cards, before?.laid)
  const { rows } = laid
  const hidden = hiddenOf(before, rows, shown)
  const drawn = new Map<object, Drawn>()
  const nodes: VNode[] = []
  for (let at = hidden; at < rows.length; at++) {
    const row = rows[at]
    if (!row) continue
    const tie = tieOf(rows[at - 1], row, rows[at + 1], thinking)
    const [subject, sign] = identityOf(row, tie, stream.hasOlder.value)
    const live = row.kind === 'card' && row.card.kind === 'tool' ? stream.writing.value.get(row.card.callId) : undefined
    const known = before?.drawn.get(subject)
    const node = known?.sign === sign && !live ? known.node : drawRow(row, { workspace, writing: live, tie, counted: !stream.hasOlder.value })
    if (!live) drawn.set(subject, { sign, node })
    nodes.push(node)
  }
  const stretches = inStretches(nodes, rows, hidden, before?.stretches)
  kept.set(stream, { laid, drawn, stretches, firstShown: rows[hidden]?.key ?? '' })
  return { nodes: [...stretches.values()].map(({ node }) => node), count: nodes.length, hidden, tied: isTied(rows.at(-1)) }
}

/** Rows leave by the block: if one left for each that comes, all between them would move, and be laid out and painted again. */
const LEAVE = 40

function hiddenOf(before: Kept | undefined, rows: readonly Row[], shown: number): number {
  const most = Math.max(0, rows.length - shown)
  const at = before === undefined ? -1 : rows.findIndex(({ key }) => key === before.firstShown)
  return at < most - LEAVE || at < 0 || at > most ? most : at
}

/** Some rows together: the browser lays out, and paints, the stretch that changed. Where one begins is in its first row's name, so that rows which come before or after move none into another. */
function inStretches(nodes: readonly VNode[], rows: readonly Row[], hidden: number, before: ReadonlyMap<string, Stretch> | undefined): ReadonlyMap<string, Stretch> {
  const found = new Map<string, Stretch>()
  let first = hidden
  while (first > 0 && !isFirst(rows[first])) first -= 1
  let from = hidden
  for (let at = hidden + 1; at <= rows.length; at++) {
    if (at < rows.length && !isFirst(rows[at])) continue
    const key = rows[first]?.key
    const inside = nodes.slice(from - hidden, at - hidden)
    const known = key === undefined ? undefined : before?.get(key)
    if (key !== undefined) found.set(key, known && areSame(known.nodes, inside) ? known : { nodes: inside, node: <div key={key} class="stretch">{inside}</div> })
    first = from = at
  }
  return found
}

/** One row in so many begins a stretch. */
const STRETCH = 8
function isFirst(row: Row | undefined): boolean {
  const key = row?.key ?? ''
  return (key.charCodeAt(key.length - 1) + 7 * key.charCodeAt(key.length - 2)) % STRETCH === 0
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
  const { workspace, tie, counted } = look
  switch (row.kind) {
    case 'steps': return <Steps key={row.key} steps={row.steps} />
    case 'looks': return <Looks key={row.key} cards={row.cards} tie={tie} />
    case 'turn': return <TurnEnd key={row.key} card={row.card} headline={row.headline} number={counted ? row.number : null} workspaceId={workspace.id} />
    case 'card': return <CardView key={row.key} row={row} {...look} />
  }
}

function CardView({ row: { card, answers }, workspace, writing, tie }: { row: Row & { kind: 'card' } } & Look) {
  switch (card.kind) {
    case 'said':
      return <Prose text={card.text} class={card.who === 'user' ? 'said' : card.who === 'agent' ? 'text' : 'text dim'} />
    case 'prompt':
      return <div class="said pending" dir="auto"><p>{inert(card.text)}</p><span class="meta">{PROMPT_WORDS[card.status] ?? card.status}{card.status === 'refused' && card.detail ? `: ${inert(card.detail)}` : ''}</span></div>
    case 'tool':
      return <ToolLine card={card} answers={answers ?? NONE} writing={writing} tie={tie} workspaceId={workspace.id} />
    case 'approval':
      return <Answered card={card} tie={tie} />
    case 'notice':
      return <p class={`notice ${card.tone}`}><b>{inert(card.text)}</b> {inert(card.hint ?? '')}{card.port !== undefined && <> <a {...linkTo(pathTo(workspace.id, 'preview'))}>Open the preview</a></>}</p>
  }
}

const NONE: readonly Asked[] = []
const PROMPT_WORDS: Record<string, string> = { queued: 'waits for the agent', sent: 'on its way', ambiguous: 'maybe not received; look before you send it again', refused: 'not taken' }
