/** What a person would likely say next, from what the last turn left. A rule, no model: it can be read, and it is free. */
import type { Card, StreamView } from './stream-view.ts'

const LIMIT = 3

export function suggest({ cards }: Pick<StreamView, 'cards'>): string[] {
  const last = cards.findLastIndex((card) => card.kind === 'turn')
  const turn = cards[last]
  // While a turn runs, or before the first, there is nothing to answer.
  if (turn?.kind !== 'turn' || cards.slice(last + 1).some((card) => card.kind === 'tool' || (card.kind === 'said' && card.who === 'user'))) return []
  const said = turn.message?.trim() || lastWords(cards.slice(0, last))
  const replies: string[] = []
  if (turn.outcome === 'error') replies.push('Try again')
  if (turn.outcome === 'interrupted') replies.push('Continue')
  if (turn.tests !== null && turn.tests.failed > 0) replies.push(`Fix the ${turn.tests.failed === 1 ? 'failing test' : `${turn.tests.failed} failing tests`}`)
  const choices = offered(said)
  replies.push(...choices)
  if (choices.length === 0 && /\?\s*$/.test(said)) replies.push('Yes', 'No')
  if (turn.files > 0 && turn.tests === null) replies.push('Run the tests')
  if (turn.files > 0 && turn.outcome === 'done') replies.push('Commit this')
  return [...new Set(replies)].slice(0, LIMIT)
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
