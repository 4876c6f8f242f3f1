import { expect, test } from 'bun:test'
import { fileChoice } from './file-choice.ts'

test('a file whose name has a space is named whole', () => {
  expect([fileChoice({ path: 'src/sum.ts', kind: 'file' }), fileChoice({ path: 'my notes', kind: 'directory' })]).toEqual([
    { insert: '@src/sum.ts', label: 'src/sum.ts', detail: '' }, { insert: '@"my notes"', label: 'my notes', detail: 'directory' },
  ])
})
