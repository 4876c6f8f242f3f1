import { describe, expect, test } from 'bun:test'
import { decideHead, forced, threeWay } from './three-way.ts'
import type { Change } from './three-way.ts'

const entry = (oid: string | null) => (oid === null ? null : { mode: '100644', oid })
const change = (path: string, from: string | null, to: string | null): Change => ({ path, from: entry(from), to: entry(to) })
const paths = (changes: readonly Change[]): string[] => changes.map(({ path }) => path)

describe('threeWay', () => {
  test('every pair of what became of one path', () => {
    // What each side made of `o`: nothing, left it, x, y.
    const ways = [null, 'o', 'x', 'y'] as const
    for (const ours of ways) {
      for (const theirs of ways) {
        const { apply, conflicts } = threeWay(ours === 'o' ? [] : [change('p', 'o', ours)], theirs === 'o' ? [] : [change('p', 'o', theirs)])
        expect([apply.length, conflicts.length]).toEqual(theirs === 'o' || theirs === ours ? [0, 0] : ours === 'o' ? [1, 0] : [0, 1])
      }
    }
  })
  test('a file and a directory of one name are in each other\'s way, whichever side has which', () => {
    const fileInTheWay = threeWay([change('d', null, 'x')], [change('d/a', null, 'y'), change('d/b', null, 'y'), change('e', null, 'y')])
    expect([paths(fileInTheWay.apply), fileInTheWay.conflicts.map(({ theirs }) => theirs.path)]).toEqual([['e'], ['d/a', 'd/b']])
    expect(forced(fileInTheWay).map(({ path, to }) => `${path} ${to?.oid ?? '-'}`)).toEqual(['d -', 'e y', 'd/a y', 'd/b y'])
    const directoryInTheWay = threeWay([change('d/a', null, 'x')], [change('d', null, 'y')])
    expect(forced(directoryInTheWay).map(({ path, to }) => `${path} ${to?.oid ?? '-'}`)).toEqual(['d/a -', 'd y'])
    // What is deleted stands in nobody's way.
    expect(threeWay([change('d', 'o', null)], [change('d/a', null, 'y')]).conflicts).toEqual([])
  })
})

test('decideHead never leaves the agent\'s commits unless they are below the person\'s', () => {
  const plan = (heads: Partial<Parameters<typeof decideHead>[0]>) => decideHead({ theirs: 't', ours: 'o', base: 'b', theirsBelowOurs: false, oursBelowTheirs: false, ...heads })
  expect(plan({})).toBe('diverged')
  expect(plan({ theirs: null })).toBe('keep')
  expect(plan({ theirs: 'o' })).toBe('keep')
  expect(plan({ theirsBelowOurs: true })).toBe('keep')
  expect(plan({ theirs: 'b' })).toBe('keep')
  expect(plan({ oursBelowTheirs: true })).toBe('move')
  // Another branch is checked out there: what was sent before is no work of the agent's, and not to be taken for a change.
  expect(plan({ ours: 'b', theirsBelowOurs: true })).toBe('move')
  expect(plan({ ours: null })).toBe('move')
  expect(plan({ ours: 'b' })).toBe('move')
})
