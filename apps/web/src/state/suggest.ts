/** What a person would likely say next, from what the last turn left. A rule, no model: it can be read, and it is free. */
import type { Card, StreamView, TurnCard } from './stream-view.ts'

const LIMIT = 3

export function suggest({ cards }: Pick<StreamView, 'cards'>): string[] {
  const last = cards.findLastIndex((card) => card.kind === 'turn')
  const turn = cards[last]
  // While a turn runs, or before the first, there is nothing to answer.
  if (turn?.kind !== 'turn' || cards.slice(last + 1).some((card) => card.kind === 'tool' || (card.kind === 'said' && card.who === 'user'))) return []
  const said = turn.message?.trim() || lastWords(cards.slice(0, last))
  const again = turn.outcome === 'error' ? ['Try again'] : turn.outcome === 'interrupted' ? ['Continue'] : []
  return [...new Set([...again, ...afterTests(turn), ...answers(said), ...afterChanges(turn)])].slice(0, LIMIT)
}

function afterTests({ tests }: TurnCard): string[] {
  if (tests === null || tests.failed === 0) return []
  return [`Fix the ${tests.failed === 1 ? 'failing test' : `${tests.failed} failing tests`}`]
}

function answers(said: string): string[] {
  const choices = offered(said)
  return choices.length === 0 && /\?\s*$/.test(said) ? ['Yes', 'No'] : choices
}

function afterChanges({ files, tests, outcome }: TurnCard): string[] {
  if (files === 0) return []
  return [...(tests === null ? ['Run the tests'] : []), ...(outcome === 'done' ? ['Commit this'] : [])]
}

function lastWords(cards: readonly Card[]): string {
  const card = cards.findLast((candidate) => candidate.kind === 'said' && candidate.who === 'agent')
  return card?.kind === 'said' ? card.text.trim() : ''
}

/** "Shall I use (a) Postgres or (b) SQLite?", "1. rename it  2. leave it": the choices of a question that lists them. */
function offered(text: string): string[] {
  if (!text.includes('?')) return []
  const listed = [...text.matchAll(/^\s*(\d|[a-d])[.)]\s+(.{1,60})$/gm)].map((match) => `${match[1]}. ${match[2]?.replace(/[*`]/g, '').trim()}`)
  return listed.length >= 2 && listed.length <= 4 ? listed : []
}
