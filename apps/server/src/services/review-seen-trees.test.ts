import { expect, test } from 'bun:test'
import { createSeenTrees } from './review-seen-trees.ts'

const file = (path: string) => ({ path, to: { mode: '100644', oid: 'a'.repeat(40) } })
const CONTENT = `100644 ${'a'.repeat(40)}`

test('lets go of the oldest trees, by number and by how much they hold', () => {
  const few = createSeenTrees({ trees: 2, letters: 10_000 })
  for (const tree of ['one', 'two', 'one', 'three']) few.remember(tree, [file('x')])
  expect(['one', 'two', 'three'].map((tree) => few.contentOf(tree, 'x'))).toEqual([CONTENT, undefined, CONTENT])
  const small = createSeenTrees({ trees: 100, letters: 3 * (CONTENT.length + 1) })
  for (const tree of ['one', 'two', 'three', 'two']) small.remember(tree, [file('x')])
  small.remember('two', [file('y')])
  expect([small.contentOf('one', 'x'), small.contentOf('three', 'x'), small.contentOf('two', 'x'), small.contentOf('two', 'y')]).toEqual([undefined, CONTENT, CONTENT, CONTENT])
})

test('keeps the tree that is looked at, however much it holds', () => {
  const small = createSeenTrees({ trees: 2, letters: 10 })
  small.remember('one', [file('x'), file('y')])
  expect(small.contentOf('one', 'y')).toBe(CONTENT)
  small.remember('two', [file('x')])
  expect([small.contentOf('one', 'y'), small.contentOf('two', 'x')]).toEqual([undefined, CONTENT])
})
