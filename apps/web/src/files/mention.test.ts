import { expect, it } from 'bun:test'
import { mentionWords, pick } from './mention.ts'

it('chooses a line, then to a line, then anew', () => {
  const one = pick(null, 5, false)
  const range = pick(one, 9, false)
  expect([one, range, pick(range, 7, false), pick(range, 12, true), pick(one, 5, false), pick(one, 2, false)]).toEqual([{ from: 5, to: 5 }, { from: 5, to: 9 }, { from: 7, to: 7 }, { from: 5, to: 12 }, null, { from: 2, to: 5 }])
})

it('is written as agents and people write it', () => {
  expect([{ path: 'a/b.ts' }, { path: 'a.ts', from: 3, to: 3 }, { path: 'a.ts', from: 3, to: 8 }, { path: 'with space.txt', from: 1 }].map(mentionWords)).toEqual(['@a/b.ts', '@a.ts:3', '@a.ts:3-8', '@"with space.txt":1'])
})
