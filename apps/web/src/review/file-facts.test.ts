import { describe, expect, it } from 'bun:test'
import type { ReviewFile } from '@berth/wire/review'
import { factsOf, withoutLines } from './file-facts.tsx'

const file = (rest: Partial<ReviewFile>): ReviewFile => ({ path: 'a', oldPath: null, status: 'modified', kind: 'text', oldMode: '100644', newMode: '100644', before: null, after: null, added: 0, removed: 0, crlf: false, huge: false, hunks: [], mark: 'open', reason: null, ...rest })

describe('what a diff does not show by itself', () => {
  const cases: [string, Partial<ReviewFile>, string[]][] = [
    ['nothing for an ordinary change', {}, []],
    ['a binary file with its sizes', { kind: 'binary', before: '12400', after: '981' }, ['Binary: 12 kB → 981 B']],
    ['a new binary file', { kind: 'binary', status: 'added', oldMode: null, after: '5000000' }, ['New file', 'Binary: 5.0 MB']],
    ['a submodule with its commits', { kind: 'submodule', before: 'a'.repeat(40), after: 'b'.repeat(40) }, ['Submodule: aaaaaaaaaa → bbbbbbbbbb']],
    ['a symbolic link', { kind: 'symlink', oldMode: '120000', newMode: '120000' }, ['Symbolic link: the line is where it points']],
    ['a mode', { newMode: '100755' }, ['Now executable']],
    ['a kind', { status: 'type-changed', newMode: '120000' }, ['Changed its kind', 'Was a plain file, now a symbolic link']],
    ['a conflict', { status: 'conflict' }, ['Merge conflict: both sides stand in the file']],
    ['line ends', { crlf: true }, ['Lines end with CR LF']],
    ['a deletion', { status: 'deleted', newMode: null }, ['Deleted']],
  ]
  for (const [name, rest, facts] of cases) it(`names ${name}`, () => expect(factsOf(file(rest))).toEqual(facts))

  it('says why there is no line to look at', () => {
    expect(withoutLines(file({ status: 'renamed', oldPath: 'b' }))).toBe('The content is the same.')
    expect(withoutLines(file({ newMode: '100755' }))).toBe('Only its mode changed; the content is the same.')
    expect(withoutLines(file({ status: 'added', oldMode: null }))).toBe('The file is empty.')
  })
})
