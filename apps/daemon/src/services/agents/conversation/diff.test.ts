import { expect, it } from 'bun:test'
import { diffOf, diffOfPatch } from './diff.ts'

it('shows what changed with a little of what stands around it', () => {
  expect(diffOf('a', 'one\ntwo\nthree\nfour\nfive\nsix\n', 'one\ntwo\nthree\nFOUR\nfive\nsix\n')).toEqual({ path: 'a', added: 1, removed: 1, patch: '@@ -1,6 +1,6 @@\n one\n two\n three\n-four\n+FOUR\n five\n six' })
  expect(diffOf('new', null, 'alpha\nbeta\n')).toEqual({ path: 'new', added: 2, removed: 0, patch: '@@ -0,0 +1,2 @@\n+alpha\n+beta' })
  expect(diffOf('gone', 'alpha\n', null)).toEqual({ path: 'gone', added: 0, removed: 1, patch: '@@ -1,1 +0,0 @@\n-alpha' })
  expect(diffOf('same', 'a\n', 'a\n')).toMatchObject({ added: 0, removed: 0 })
  expect(diffOf('large', null, `${'x'.repeat(20_000)}\n`)).toMatchObject({ added: 1, patch: null })
})
it('counts the lines of a patch that an agent made, not its head', () => {
  expect(diffOfPatch('a', '--- a\n+++ a\n@@ -1,1 +1,1 @@\n-old\n+new')).toMatchObject({ added: 1, removed: 1 })
})
