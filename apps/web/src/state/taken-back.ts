/** What the agent forgot when its conversation went back to a checkpoint stays to be read, and is shown as such. Pure. */
import type { Card } from './stream-view.ts'

/** Where the conversation stood at a checkpoint: its cards are those before `index`, without those that were taken back already. */
export interface Point { readonly index: number; readonly gone: ReadonlySet<string> }
export type Points = ReadonlyMap<string, Point>

/** A checkpoint is told a moment after the turn that it closes: what was said meanwhile comes after it. */
export function withPoint(points: Points, { commit, reason }: { commit: string; reason: string }, cards: readonly Card[]): Points {
  if (points.has(commit)) return points
  const index = reason.startsWith('end of turn') ? cards.findLastIndex(({ kind }) => kind === 'turn') + 1 : cards.length
  return new Map(points).set(commit, { index, gone: new Set(cards.flatMap((card) => (card.gone ? card.key : []))) })
}

/** `to`: the checkpoint's commit, or its beginning. One that is not known is older than all that is here. */
export function goneBack(cards: readonly Card[], points: Points, to: string): Card[] {
  const point = [...points].find(([commit]) => commit.startsWith(to))?.[1]
  return cards.map((card, index) => {
    const gone = card.kind !== 'step' && card.kind !== 'notice' && (!point || index >= point.index || point.gone.has(card.key))
    return gone === (card.gone ?? false) ? card : { ...card, gone }
  })
}
