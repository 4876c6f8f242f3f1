import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { BerthError } from '@berth/wire'
import { bytesOf, pack, pathBytes, pathText, textOf, unpack } from '@berth/wire/git-bytes'
import { Review } from '@berth/wire/review'
import fc from 'fast-check'
import { placeComment, planMarks, readChanges, reviewMessage, suggestCommit, viewReview } from './index.ts'
import type { ChangedFile, Decided, GitAnswer } from './index.ts'

const hash = (bytes: string): string => createHash('sha256').update(bytes, 'latin1').digest('hex')
const oid = (digit: string): string => digit.repeat(40)
const answer = (over: Partial<GitAnswer> = {}): GitAnswer => ({
  raw: `:100644 100644 ${oid('1')} ${oid('2')} M\0a.txt\0`, stat: '1\t1\ta.txt\0',
  patch: 'diff --git a/a.txt b/a.txt\nindex 1..2 100644\n--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@ f()\n one\n-two\n+three\n',
  truncated: false, total: 1, sizes: {}, unmerged: [], whole: false, ...over,
})
const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array).toString('latin1'))

describe('what the machine says', () => {
  test('is read as git prints it', () => {
    const { files, omitted } = readChanges(answer(), hash)
    expect(omitted).toBe(0)
    expect(files).toMatchObject([{ path: 'a.txt', status: 'modified', kind: 'text', added: 1, removed: 1, hunks: [{ section: 'f()', lines: [' one', '-two', '+three'] }] }])
    expect(files[0]?.hunks[0]?.hunkId).toBe(hash('a.txt\0one\0-two\n+three').slice(0, 16))
  })

  test.each<[string, Partial<GitAnswer>]>([
    ['a list that is cut off', { raw: `:100644 100644 ${oid('1')} ${oid('2')} M\0a.txt` }],
    ['a status that git does not have', { raw: `:100644 100644 ${oid('1')} ${oid('2')} Z\0a.txt\0` }],
    ['a file without a name', { raw: `:100644 100644 ${oid('1')} ${oid('2')} M\0\0` }],
    ['counts of other files', { stat: '1\t1\ta.txt\x001\t1\tb.txt\0' }],
    ['counts that are no numbers', { stat: '1e9\t1\ta.txt\0' }],
    ['a patch of another file too', { patch: `${answer().patch}diff --git a/b b/b\n` }],
    ['no patch', { patch: '' }],
    ['something before the patch', { patch: ` ${answer().patch}` }],
    ['a hunk that is cut off', { patch: answer().patch.replace('+three\n', '') }],
    ['a hunk of so many lines', { patch: answer().patch.replace('-1,2 +1,2', '-1,999999999 +1,2') }],
    ['a hunk with a wrong head', { patch: answer().patch.replace('@@ -1,2', '@@ -x,2') }],
    ['a line without a sign', { patch: answer().patch.replace('+three', 'three') }],
  ])('is refused whole: %s', (_, over) => {
    expect(() => readChanges(answer(over), hash)).toThrow(expect.objectContaining({ name: 'BerthError', code: 'internal', message: expect.stringContaining('cannot be understood') }))
  })

  test('whatever it is, nothing but a refusal comes of it', () => {
    const piece = fc.oneof(bytes, fc.constantFrom('\0', '\n', '@@ -1 +1 @@\n', 'diff --git a/a b/a\n', '+x\n', '-y\n', '\\ No newline at end of file\n', `:100644 100644 ${oid('1')} ${oid('2')} M\0`, `:000000 160000 ${oid('0')} ${oid('2')} A\0s\0`, '1\t1\ta\0', '-\t-\tb\0'))
    const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
    fc.assert(fc.property(fc.record({ raw: text, stat: text, patch: text, truncated: fc.boolean(), total: fc.nat() }), (lie) => {
      try {
        const changes = readChanges(answer(lie), hash)
        Review.parse(viewReview({ changes, reviewed: 'r', tree: 't', decided: [], comments: [], busy: false }))
      } catch (error) {
        if (!(error instanceof BerthError)) throw error
      }
    }), { numRuns: 2000 })
  })

  test('files whose patch did not fit are known, to be read alone; those that are not even listed are counted', () => {
    const { files, omitted } = readChanges(answer({ patch: '', truncated: true, total: 12 }), hash)
    expect(files.map(({ huge, hunks }) => [huge, hunks.length])).toEqual(files.map(() => [true, 0]))
    expect([files.length > 0, files.length + omitted]).toEqual([true, 12])
  })
})

describe('bytes', () => {
  test('every name becomes text and the same bytes again, and no two become one', () => {
    fc.assert(fc.property(fc.oneof(bytes, fc.string().map(bytesOf), fc.constantFrom('\\x41', 'caf\u00e9', 'a\\xe9\u00e9')), fc.oneof(bytes, fc.constantFrom('A', '\\x5c')), (name, other) => {
      expect(pathBytes(pathText(name))).toBe(name)
      expect(pathText(name).isWellFormed()).toBe(true)
      if (name !== other) expect(pathText(name)).not.toBe(pathText(other))
    }), { numRuns: 2000 })
    expect(pathText('plain/\u00c3\u00bc')).toBe('plain/\u00fc')
  })

  test('are packed and unpacked, and never larger than they may be', async () => {
    await fc.assert(fc.asyncProperty(bytes, async (value) => { expect(await unpack(await pack(value), 1000)).toBe(value) }))
    expect(await unpack(await pack('\0'.repeat(10_000_000)), 1_000_000).catch((error: unknown) => error)).toMatchObject({ code: 'bad_request' })
    expect(await unpack('not packed', 1000).catch((error: unknown) => error)).toMatchObject({ code: 'bad_request' })
    expect(textOf('\u00ff')).toBe('\ufffd')
  })
})

const [file] = readChanges(answer(), hash).files as [ChangedFile]
const { hunks: [hunk], ...facts } = file
const decided = (over: Partial<Decided> = {}): Decided => ({ path: 'a.txt', hunkId: hunk?.hunkId ?? '', mark: 'rejected', reason: 'because', piece: { file: facts, hunk: hunk ?? null }, by: 'pat', at: 1, appliedAt: 1, toldAt: null, ...over })

describe('marks', () => {
  const plan = (marks: Parameters<typeof planMarks>[0]['marks'], rows: Decided[] = [], unchanged = true) => planMarks({ changes: { files: [file], omitted: 0 }, decided: rows, marks, unchanged: () => unchanged })
  const keys = (units: readonly { path: string; hunkId: string }[]) => units.map(({ hunkId }) => hunkId)

  test('the last word about a hunk counts', () => {
    const id = hunk?.hunkId ?? ''
    const both = plan([{ path: 'a.txt', hunkId: id, mark: 'rejected' }, { path: 'a.txt', hunkId: id, mark: 'accepted' }])
    expect([keys(both.accept), keys(both.reject)]).toEqual([[id], []])
    const other = plan([{ path: 'a.txt', mark: 'accepted' }, { path: 'a.txt', hunkId: id, mark: 'rejected', reason: 'r' }])
    expect([keys(other.accept), keys(other.reject), other.reject[0]?.reason]).toEqual([[], [id], 'r'])
  })

  test('what is not there is gone, what was decided so already is not', () => {
    expect(plan([{ path: 'b', mark: 'accepted' }, { path: 'a.txt', hunkId: 'x', mark: 'rejected' }, { path: 'c', mark: 'open' }]).gone).toEqual(['b', 'x', 'c'])
    expect(plan([{ path: 'z', hunkId: 'y', mark: 'accepted' }], [decided({ path: 'z', hunkId: 'y', mark: 'accepted' })])).toMatchObject({ gone: [], accept: [] })
    expect(plan([{ path: 'a.txt', mark: 'accepted' }], [], false).gone).toEqual(['a.txt'])
    // Also where a part of it was accepted before.
    expect(plan([{ path: 'a.txt', mark: 'accepted' }], [decided({ hunkId: 'earlier', mark: 'accepted' })], false)).toMatchObject({ gone: ['a.txt'], accept: [] })
  })
})

describe('the message to the agent', () => {
  const comment = { commentId: 'c', path: 'b.txt', side: 'new' as const, line: 3, quote: 'x', text: 'why?', by: 'pat', at: 1, sent: false }

  test('names file, lines, reason and the lines themselves, in order', () => {
    expect(reviewMessage({ rejected: [decided()], comments: [comment], note: 'thanks' })).toBe(
      'I reviewed your changes. These are rejected: they are already taken out of the files, so read a file again before you edit it, and do not put them back as they were.\n\n1. `a.txt`, lines 1-2: because\n\n```diff\n one\n-two\n+three\n```\n\nComments:\n\n2. `b.txt`, line 3 (`x`): why?\n\nthanks')
  })

  test('is of a sane size, and nothing of it is more than text', () => {
    const long = { ...decided().piece, hunk: { ...hunk, lines: Array.from({ length: 5000 }, () => '+```\u001b[2J\u202e') } } as Decided['piece']
    const text = reviewMessage({ rejected: Array.from({ length: 300 }, (_, at) => decided({ path: `dir/${at}\n\u001b]0;x\u0007`, piece: long, reason: `reason ${at}` })), comments: [], note: null })
    expect(text.length).toBeLessThan(100_000)
    expect(text).toContain('reason 299')
    expect(text).toContain('4940 lines more')
    expect(text).toContain('````diff')
    // oxlint-disable-next-line no-control-regex
    expect(/[\u0000-\u0009\u000b-\u001f\u202e]/.test(text)).toBe(false)
  })
})

test('a comment goes to the nearest line that it quotes, and stays where there is none', () => {
  const hunks = [{ hunkId: 'h', oldStart: 1, oldLines: 1, newStart: 10, newLines: 4, section: '', lines: [' x', '+y', '+x', '-z', '+x'] }]
  expect(placeComment({ side: 'new', line: 11, quote: 'x' }, hunks).line).toBe(10)
  expect(placeComment({ side: 'new', line: 14, quote: 'x' }, hunks).line).toBe(13)
  expect(placeComment({ side: 'old', line: 9, quote: 'z' }, hunks).line).toBe(2)
  expect(placeComment({ side: 'new', line: 99, quote: 'nowhere' }, hunks).line).toBe(99)
})

test('a commit message is made from what was asked and said', () => {
  expect(suggestCommit({ asked: 'Please, fix the\u001b login.\nAnd more.', said: null, files: ['a', 'b\nc'] })).toBe('Fix the  login\n\n- a\n- b c')
  expect(suggestCommit({ asked: null, said: 'Done.', files: ['a', 'b'] })).toBe('Update a and 1 more\n\nDone.\n\n- a\n- b')
  expect(suggestCommit({ asked: `do ${'word '.repeat(60)}`, said: null, files: [] }).length).toBeLessThanOrEqual(72)
  expect(suggestCommit({ asked: ' ', said: null, files: [] })).toBe('Update')
})
