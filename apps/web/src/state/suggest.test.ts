import { expect, test } from 'bun:test'
import { suggest } from './suggest.ts'
import type { Card, TurnCard } from './stream-view.ts'

const turn = (over: Partial<TurnCard> = {}): Card => ({ kind: 'turn', key: 'u', at: 0, outcome: 'done', message: null, durationMs: 1, files: 0, added: 0, removed: 0, tests: null, tokens: 0, costMicros: null, ...over })
const said = (text: string, who: 'agent' | 'user' = 'agent'): Card => ({ kind: 'said', key: text, at: 0, seq: 1, who, text, cut: false })
const check = (cards: Card[], expected: string[]) => expect(suggest({ cards })).toEqual(expected)

test('after failing tests it says to fix them', () => check([said('done'), turn({ files: 1, tests: { passed: 3, failed: 2 } })], ['Fix the 2 failing tests', 'Commit this']))
test('changes that nobody tested are to be tested', () => check([said('done'), turn({ files: 2 })], ['Run the tests', 'Commit this']))
test('a question is answered', () => check([said('Shall I go on?'), turn()], ['Yes', 'No']))
test('choices of a question are offered as they stand', () => check([said('Which one?\n1. Postgres\n2. SQLite'), turn()], ['1. Postgres', '2. SQLite']))
test('what was cut off goes on, what failed is tried again', () => {
  check([turn({ outcome: 'interrupted' })], ['Continue'])
  check([turn({ outcome: 'error' })], ['Try again'])
})
test('nothing is offered while a turn runs or before the first', () => {
  check([], [])
  check([turn({ files: 1 }), said('more', 'user')], [])
})
