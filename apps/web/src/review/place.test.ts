import { describe, expect, it } from 'bun:test'
import type { Hunk, HunkMark, Review, ReviewFile } from '@berth/wire/review'
import { AT_END, goneWords, newText, nextOpen, settle, stepFile, stepHunk, toFile, unsentOf, unsentWords, type Place } from './place.ts'

const hunk = (hunkId: string, mark: HunkMark = 'open'): Hunk => ({ hunkId, oldStart: 1, oldLines: 1, newStart: 1, newLines: 1, section: '', lines: [], mark, reason: null })
const file = (path: string, hunks: Hunk[], mark: HunkMark = 'open'): ReviewFile => ({ path, oldPath: null, status: 'modified', kind: 'text', oldMode: null, newMode: null, before: null, after: null, added: 1, removed: 1, crlf: false, huge: false, hunks, mark, reason: null })
const review = (files: ReviewFile[], rest: Partial<Review> = {}): Review => ({ reviewed: '', tree: '', files, omitted: 0, comments: [], progress: { decided: 0, total: 0 }, unsent: 0, busy: false, ...rest })
const at = (path: string, hunkId: string | null): Place => ({ path, hunkId })

const three = review([file('a', [hunk('a1'), hunk('a2', 'accepted')]), file('logo.png', []), file('b', [hunk('b1', 'queued'), hunk('b2')])])

describe('the way through a review', () => {
  it('leads from one open decision to the next, round the corner, to the end', () => {
    expect(nextOpen(three, AT_END)).toEqual(at('a', 'a1'))
    expect(nextOpen(three, at('a', 'a1'))).toEqual(at('logo.png', null))
    expect(nextOpen(three, at('logo.png', null))).toEqual(at('b', 'b2'))
    expect(nextOpen(three, at('b', 'b2'))).toEqual(at('a', 'a1'))
    expect(nextOpen(review([file('a', [hunk('a1', 'accepted')])]), at('a', 'a1'))).toEqual(AT_END)
  })

  it('steps over the borders of files and stops at both ends', () => {
    expect(stepHunk(three, at('a', 'a2'), 1)).toEqual(at('logo.png', null))
    expect(stepHunk(three, at('b', 'b2'), 1)).toEqual(AT_END)
    expect(stepHunk(three, AT_END, -1)).toEqual(at('b', 'b2'))
    expect(stepHunk(three, at('a', 'a1'), -1)).toEqual(at('a', 'a1'))
  })

  it('opens a file at what is open in it', () => {
    expect(stepFile(three, at('a', 'a1'), 1)).toEqual(at('logo.png', null))
    expect(toFile(three, 2)).toEqual(at('b', 'b2'))
    expect(stepFile(three, at('b', 'b1'), 1)).toEqual(AT_END)
    expect(stepFile(three, AT_END, -1)).toEqual(at('b', 'b2'))
  })

  it('keeps its place when the tree changes below it', () => {
    expect(settle(three, at('b', 'b2'), true)).toEqual(at('b', 'b2'))
    expect(settle(three, at('b', 'was edited'), true)).toEqual(at('b', 'b2'))
    expect(settle(three, at('deleted', 'x'), true)).toEqual(at('a', 'a1'))
    expect(settle(three, AT_END, true)).toEqual(AT_END)
    expect(settle(three, AT_END, false)).toEqual(at('a', 'a1'))
  })
})

it('counts what the agent was not told', () => {
  const comment = { commentId: 'c', path: 'a', side: 'new' as const, line: 1, quote: '', text: 'x', by: 'ada', at: 1, sent: false }
  const unsent = unsentOf(review([], { unsent: 3, comments: [comment, { ...comment, sent: true }, comment] }))
  expect(unsentWords(unsent)).toBe('2 comments + 1 rejection')
  expect(unsentWords({ comments: 0, rejections: 0 })).toBe('')
})

it('says what was not done because it is gone', () => {
  expect([goneWords([], null), goneWords(['a'], null), goneWords(['a', 'b'], null), goneWords(['a'], 'the submodule a cannot be put back here')]).toEqual([null, 'This change is no longer in the tree; nothing was done with it.', '2 changes are no longer in the tree; nothing was done with them.', 'The submodule a cannot be put back here. Nothing was done with it.'])
})

it('gives the new side between the first and the last change to edit', () => {
  expect(newText({ lines: [' a', '-b', '+c\r', ' d', '+e', '\\ No newline at end of file', ' f'] })).toBe('c\nd\ne')
  expect(newText({ lines: [' a', '-b', ' c'] })).toBe('')
})
