/** Review as people use it: real git, real store. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BerthError } from '@berth/wire'
import { pack } from '@berth/wire/git-bytes'
import type { Review, ReviewFile } from '@berth/wire/review'
import { startReviewWorld } from '../test/review-world.ts'
import type { ReviewWorld } from '../test/review-world.ts'

setDefaultTimeout(60_000)
let w: ReviewWorld
const numbers = (from: number, to: number): string => Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}\n`).join('')
const put = (name: string, text: string): void => writeFileSync(join(w.bench.work, name), text)
const text = (name: string): Promise<string> => w.bench.sh(`cat ${name}`)
beforeEach(async () => {
  w = await startReviewWorld()
  await w.bench.sh(`printf '%s' '${numbers(1, 60)}' > a.txt; echo b > b.txt; git add -A; git commit -qm first; git update-ref refs/berth/source HEAD`)
})
afterEach(() => w.close())

const read = (): Promise<Review> => w.reviews.get(w.id)
const file = (review: Review, path: string): ReviewFile => {
  const found = review.files.find((one) => one.path === path)
  if (found === undefined) throw new Error(`${path} is not in the review: ${JSON.stringify(review.files.map((one) => one.path))}`)
  return found
}
/** Three hunks far from each other. */
const threeEdits = (): void => put('a.txt', numbers(1, 60).replace('line 5\n', 'FIVE\n').replace('line 30\n', 'line 30\nnew\n').replace('line 55\n', ''))
const mark = async (marks: Parameters<ReviewWorld['reviews']['mark']>[1]['marks'], by = 'pat') => w.reviews.mark(w.id, { tree: (await read()).tree, marks }, by)
const prompts = (): string[] => w.calls.filter(({ method }) => method === 'session.prompt').map(({ params }) => (params as { text: string }).text)

test('shows edits by shell, untracked and committed ones, since the source', async () => {
  await w.bench.sh('sed -i s/b/B/ b.txt; git commit -qam "by the agent"; echo new > c.txt')
  const review = await read()
  expect(review.files.map(({ path, status, added, removed }) => ({ path, status, added, removed }))).toEqual([{ path: 'b.txt', status: 'modified', added: 1, removed: 1 }, { path: 'c.txt', status: 'added', added: 1, removed: 0 }])
  expect(review).toMatchObject({ omitted: 0, unsent: 0, busy: false, progress: { decided: 0, total: 2 } })
})

test('a review is since the last reviewed tree: accepting advances it and leaves the index alone', async () => {
  threeEdits()
  const index = await w.bench.sh('git add b.txt; sha256sum .git/index; git status --porcelain')
  const [first, second] = file(await read(), 'a.txt').hunks
  const { review, gone } = await mark([{ path: 'a.txt', hunkId: second?.hunkId ?? '', mark: 'accepted' }])
  expect(gone).toEqual([])
  expect(file(review, 'a.txt').hunks.map((hunk) => hunk.mark)).toEqual(['open', 'accepted', 'open'])
  expect(review.progress).toEqual({ decided: 1, total: 3 })
  expect(await w.bench.sh(`git show ${review.reviewed}:a.txt | grep -c -e FIVE -e new`)).toBe('1\n')
  expect(await w.bench.sh('sha256sum .git/index; git status --porcelain')).toBe(index)
  const all = await mark([{ path: 'a.txt', mark: 'accepted' }])
  expect(all.review.reviewed).toBe(all.review.tree)
  expect(all.review.progress).toEqual({ decided: 3, total: 3 })
  expect(first?.mark).toBe('open')
})

test('what is left to review is less with each decision, and nothing when all is decided or committed', async () => {
  threeEdits()
  put('b.txt', 'B\n')
  const [first] = file(await read(), 'a.txt').hunks
  await mark([{ path: 'a.txt', hunkId: first?.hunkId ?? '', mark: 'accepted' }])
  await w.left((changes) => changes?.files === 2 && changes.added === 2 && changes.removed === 2)
  await mark([{ path: 'a.txt', mark: 'accepted' }])
  await w.left((changes) => changes?.files === 1)
  await mark([{ path: 'b.txt', mark: 'rejected' }])
  await w.left((changes) => changes === null)
  put('b.txt', 'again\n')
  const { reviewed } = await w.reviews.edit(w.id, { path: 'b.txt', hunkId: file(await read(), 'b.txt').hunks[0]?.hunkId ?? '', text: 'by hand\n' }, 'pat')
  expect(reviewed).toMatch(/^[0-9a-f]{40}$/)
  put('c.txt', 'c\n')
  await w.reviews.commit(w.id, { message: 'all of it', reviewedOnly: false, push: false, by: 'pat' })
  await w.left((changes) => changes === null)
})

test('marks survive later edits elsewhere in the file and in other files', async () => {
  threeEdits()
  await w.turn('busy')
  const [first, second, third] = file(await read(), 'a.txt').hunks.map(({ hunkId }) => hunkId)
  await mark([{ path: 'a.txt', hunkId: first ?? '', mark: 'accepted' }, { path: 'a.txt', hunkId: third ?? '', mark: 'rejected', reason: 'needed' }])
  put('a.txt', `top\n${(await text('a.txt')).replace('line 15\n', 'FIFTEEN\n')}`)
  put('b.txt', 'other\n')
  const after = file(await read(), 'a.txt')
  expect(after.hunks.filter((hunk) => hunk.hunkId === third)).toMatchObject([{ mark: 'queued', reason: 'needed' }])
  expect(after.hunks.filter((hunk) => hunk.hunkId === first)).toMatchObject([{ mark: 'accepted' }])
  expect(after.hunks.filter((hunk) => hunk.hunkId === second)).toMatchObject([{ mark: 'open' }])
  expect(after.hunks.filter((hunk) => hunk.mark === 'open')).toHaveLength(3)
})

test('a hunk rejected while nothing runs is taken out at once, after a checkpoint', async () => {
  threeEdits()
  const [, second] = file(await read(), 'a.txt').hunks
  const { review } = await mark([{ path: 'a.txt', hunkId: second?.hunkId ?? '', mark: 'rejected', reason: 'no new lines' }])
  expect(await text('a.txt')).not.toContain('new\n')
  expect(await text('a.txt')).toContain('FIVE\n')
  expect(file(review, 'a.txt').hunks.map((hunk) => hunk.mark)).toEqual(['open', 'rejected', 'open'])
  expect(review.unsent).toBe(1)
  const [checkpoint] = await w.reviews.checkpoints(w.id)
  expect(checkpoint).toMatchObject({ reason: 'before a rejection', turn: null })
  expect(await w.bench.sh(`git show ${checkpoint?.commit}:a.txt`)).toContain('new\n')
})

test('a hunk rejected while a turn runs is queued, and taken out when the turn ends', async () => {
  threeEdits()
  await w.turn('busy')
  const [first] = file(await read(), 'a.txt').hunks
  const { review } = await mark([{ path: 'a.txt', hunkId: first?.hunkId ?? '', mark: 'rejected', reason: 'keep five' }])
  expect(file(review, 'a.txt').hunks[0]).toMatchObject({ mark: 'queued', reason: 'keep five' })
  expect(await text('a.txt')).toContain('FIVE\n')
  // The agent goes on close by and above.
  put('a.txt', (await text('a.txt')).replace('line 1\n', 'one\n').replace('line 7\n', 'seven\n'))
  await w.turn('idle')
  await w.until((bodies) => bodies.some((body) => body.type === 'review.changed' && body.what === 'applied'))
  expect(await text('a.txt')).toContain('one\nline 2\nline 3\nline 4\nline 5\nline 6\nseven\n')
  expect(file(await read(), 'a.txt').hunks.filter((hunk) => hunk.mark === 'rejected')).toHaveLength(1)
})

test('what is queued survives a restart of the server, and is done once', async () => {
  threeEdits()
  await w.turn('busy')
  const [first] = file(await read(), 'a.txt').hunks
  await mark([{ path: 'a.txt', hunkId: first?.hunkId ?? '', mark: 'rejected' }])
  await w.reviews.stop()
  await w.turn('idle')
  await w.restart()
  await w.until((bodies) => bodies.some((body) => body.type === 'review.changed' && body.what === 'applied'))
  expect(await text('a.txt')).toContain('line 5\n')
  expect(w.calls.filter(({ method }) => method === 'review.apply')).toHaveLength(1)
})

test('a crash between taking out and writing it down is no loss', async () => {
  threeEdits()
  const [first] = file(await read(), 'a.txt').hunks
  w.meddle = (method, params) => {
    if (method !== 'review.apply') return undefined
    w.meddle = null
    return Promise.resolve(w.bench.calls['review.apply'](params as never, w.bench.signal)).then(() => { throw new Error('the server died') })
  }
  expect(await mark([{ path: 'a.txt', hunkId: first?.hunkId ?? '', mark: 'rejected' }]).catch((error: Error) => error.message)).toBe('the server died')
  expect(await text('a.txt')).toContain('line 5\n')
  await w.restart()
  await w.until((bodies) => bodies.some((body) => body.type === 'review.changed' && body.what === 'applied'))
  expect(file(await read(), 'a.txt').hunks.filter((hunk) => hunk.mark === 'rejected')).toHaveLength(1)
  expect((await w.events()).filter((body) => body.type === 'workspace.notice')).toEqual([])
})

test('a rejection that no longer fits is said so and touches nothing', async () => {
  threeEdits()
  await w.turn('busy')
  const [first, second] = file(await read(), 'a.txt').hunks
  await mark([{ path: 'a.txt', hunkId: first?.hunkId ?? '', mark: 'rejected' }, { path: 'a.txt', hunkId: second?.hunkId ?? '', mark: 'rejected' }])
  put('a.txt', (await text('a.txt')).replace('FIVE\n', 'six\nseven\n'))
  await w.turn('idle')
  await w.until((bodies) => bodies.some((body) => body.type === 'workspace.notice'))
  expect((await w.events()).find((body) => body.type === 'workspace.notice')).toMatchObject({ level: 'warning', code: 'review_conflict', message: expect.stringContaining('a.txt near line 2') })
  expect(await text('a.txt')).toContain('line 4\nsix\nseven\nline 6\n')
  // The other one of the same turn was taken out.
  expect(await text('a.txt')).not.toContain('new\n')
  const review = await read()
  expect(review.files.flatMap(({ hunks }) => hunks.map((hunk) => hunk.mark)).toSorted()).toEqual(['open', 'open', 'rejected'])
})

test('accepts, rejections and queued ones are taken back', async () => {
  threeEdits()
  const before = await text('a.txt')
  const [first, second, third] = file(await read(), 'a.txt').hunks.map(({ hunkId }) => hunkId)
  const { reviewed } = await read()
  await mark([{ path: 'a.txt', hunkId: first ?? '', mark: 'accepted' }, { path: 'a.txt', hunkId: second ?? '', mark: 'rejected' }])
  const back = await mark([{ path: 'a.txt', hunkId: first ?? '', mark: 'open' }, { path: 'a.txt', hunkId: second ?? '', mark: 'open' }])
  expect(back).toMatchObject({ gone: [], review: { reviewed, unsent: 0, progress: { decided: 0, total: 3 } } })
  expect(await text('a.txt')).toBe(before)
  await w.turn('busy')
  await mark([{ path: 'a.txt', hunkId: third ?? '', mark: 'rejected' }])
  expect((await mark([{ path: 'a.txt', hunkId: third ?? '', mark: 'open' }])).review.progress).toEqual({ decided: 0, total: 3 })
  await w.turn('idle')
  expect(await text('a.txt')).toBe(before)
})

test('what was accepted is rejected after all', async () => {
  threeEdits()
  const { reviewed } = await read()
  const [first, , third] = file(await read(), 'a.txt').hunks.map(({ hunkId }) => hunkId)
  await mark([{ path: 'a.txt', mark: 'accepted' }])
  const turned = await mark([{ path: 'a.txt', hunkId: first ?? '', mark: 'rejected', reason: 'no' }])
  expect(turned.gone).toEqual([])
  expect(file(turned.review, 'a.txt').hunks.map((hunk) => hunk.mark)).toEqual(['rejected', 'accepted', 'accepted'])
  expect(await text('a.txt')).toContain('line 5\n')
  await w.turn('busy')
  await mark([{ path: 'a.txt', hunkId: third ?? '', mark: 'rejected' }])
  await w.turn('idle')
  await w.until((bodies) => bodies.filter((body) => body.type === 'review.changed' && body.what === 'applied').length === 2)
  expect(await text('a.txt')).toContain('line 55\n')
  await mark([{ path: 'a.txt', mark: 'rejected' }])
  expect([await text('a.txt'), (await read()).reviewed]).toEqual([numbers(1, 60), reviewed])
})

test('everything is accepted or rejected in one go', async () => {
  threeEdits()
  await w.bench.sh('rm b.txt; mkdir d; echo n > d/n; chmod +x a.txt; ln -s a.txt l; head -c 100 /dev/zero > z')
  const marks = (review: Review, to: 'accepted' | 'rejected') => review.files.map(({ path }) => ({ path, mark: to }))
  const review = await read()
  const state = await w.bench.treeOf()
  const rejected = await mark(marks(review, 'rejected'))
  expect(rejected.gone).toEqual([])
  expect(await w.bench.sh('git status --porcelain')).toBe('')
  const returned = await mark(rejected.review.files.map(({ path }) => ({ path, mark: 'open' as const })))
  expect(returned.gone).toEqual([])
  expect(await w.bench.treeOf()).toBe(state)
  const accepted = await mark(marks(await read(), 'accepted'))
  expect(accepted).toMatchObject({ gone: [], review: { reviewed: state, tree: state } })
})

test('what is no longer in the tree is answered, and nothing else is touched', async () => {
  threeEdits()
  const review = await read()
  const [first] = file(review, 'a.txt').hunks
  put('a.txt', numbers(1, 60))
  put('b.txt', 'changed\n')
  const stale = await w.reviews.mark(w.id, { tree: review.tree, marks: [{ path: 'a.txt', hunkId: first?.hunkId ?? '', mark: 'rejected' }, { path: 'nowhere', mark: 'accepted' }] }, 'pat')
  expect(stale.gone).toEqual([first?.hunkId ?? '', 'nowhere'])
  // A whole file is decided only as somebody saw it.
  const seen = await read()
  put('b.txt', 'changed again\n')
  expect((await w.reviews.mark(w.id, { tree: seen.tree, marks: [{ path: 'b.txt', mark: 'accepted' }] }, 'pat')).gone).toEqual(['b.txt'])
})

test('an edit by hand replaces the lines of the hunk and is accepted', async () => {
  threeEdits()
  const review = await read()
  const [first, second] = file(review, 'a.txt').hunks
  const edited = await w.reviews.edit(w.id, { path: 'a.txt', hunkId: second?.hunkId ?? '', text: 'mine\nand mine\n' }, 'pat')
  expect(await text('a.txt')).toContain('line 30\nmine\nand mine\nline 31\n')
  expect(await w.bench.sh(`git show ${edited.reviewed}:a.txt`)).toContain('line 30\nmine\nand mine\nline 31\n')
  expect(await w.bench.sh(`git show ${edited.reviewed}:a.txt`)).not.toContain('FIVE')
  expect(file(edited, 'a.txt').hunks.map((hunk) => hunk.mark)).toEqual(['open', 'accepted', 'open'])
  // Written as it was before: there is nothing left of it.
  const undone = await w.reviews.edit(w.id, { path: 'a.txt', hunkId: first?.hunkId ?? '', text: 'line 5\n' }, 'pat')
  expect(file(undone, 'a.txt').hunks.filter((hunk) => hunk.mark === 'open')).toHaveLength(1)
  put('c.txt', 'one\ntwo')
  const added = file(await read(), 'c.txt').hunks[0]
  const whole = await w.reviews.edit(w.id, { path: 'c.txt', hunkId: added?.hunkId ?? '', text: 'one\nthree\n' }, 'pat')
  expect(await w.bench.sh(`git show ${whole.reviewed}:c.txt`)).toBe('one\nthree\n')
  await w.turn('busy')
  expect(await w.reviews.edit(w.id, { path: 'a.txt', hunkId: 'x', text: '' }, 'pat').catch((error: unknown) => error)).toMatchObject({ code: 'workspace_busy' })
})

test('a comment stays at its line when lines move', async () => {
  threeEdits()
  const made = await w.reviews.comment(w.id, { path: 'a.txt', side: 'new', line: 31, quote: 'new', text: 'why?' }, 'pat')
  put('a.txt', `1\n2\n3\n${await text('a.txt')}`)
  expect((await read()).comments).toMatchObject([{ commentId: made.commentId, line: 34, text: 'why?', by: 'pat', sent: false }])
  expect(await w.reviews.uncomment(w.id, made.commentId, 'pat')).toEqual({ removed: true })
  expect(await w.reviews.uncomment(w.id, made.commentId, 'pat')).toEqual({ removed: false })
  expect((await read()).comments).toEqual([])
})

test('the agent gets one message with all rejections and comments, once', async () => {
  threeEdits()
  const [first, second] = file(await read(), 'a.txt').hunks
  await mark([{ path: 'a.txt', hunkId: first?.hunkId ?? '', mark: 'rejected', reason: 'five is right' }, { path: 'a.txt', hunkId: second?.hunkId ?? '', mark: 'rejected', reason: 'no' }])
  await w.reviews.comment(w.id, { path: 'b.txt', side: 'new', line: 1, quote: 'b', text: 'rename this' }, 'pat')
  const sent = await w.reviews.send(w.id, 'thanks', 'pat')
  expect(sent).toMatchObject({ promptId: expect.stringMatching(/^prm_/), sent: 3 })
  expect(prompts()).toEqual([sent.text])
  expect(sent.text).toContain('1. `a.txt`, lines 2-8: five is right')
  expect(sent.text).toContain('-line 5\n+FIVE')
  expect(sent.text).toContain('3. `b.txt`, line 1 (`b`): rename this')
  expect(sent.text).toEndWith('thanks')
  expect(await w.reviews.send(w.id, null, 'pat')).toEqual({ promptId: null, text: '', sent: 0 })
  expect(prompts()).toHaveLength(1)
  expect(await read()).toMatchObject({ unsent: 0, comments: [{ sent: true }] })
})

test('sent while a turn runs, the message waits until the rejections are out, also over a restart', async () => {
  threeEdits()
  await w.turn('busy')
  const [first] = file(await read(), 'a.txt').hunks
  await mark([{ path: 'a.txt', hunkId: first?.hunkId ?? '', mark: 'rejected', reason: 'five is right' }])
  const wished = await w.reviews.send(w.id, null, 'pat')
  expect(wished).toMatchObject({ promptId: null, sent: 1, text: expect.stringContaining('five is right') })
  expect(prompts()).toEqual([])
  await w.restart()
  await w.turn('idle')
  await w.until((bodies) => bodies.some((body) => body.type === 'review.changed' && body.what === 'sent'))
  expect(await text('a.txt')).toContain('line 5\n')
  await w.turn('busy')
  await w.turn('idle')
  await w.reviews.stop()
  expect(prompts()).toHaveLength(1)
})

test('a turn that starts at once does not starve the queue', async () => {
  threeEdits()
  await w.turn('busy')
  const [first] = file(await read(), 'a.txt').hunks
  await mark([{ path: 'a.txt', hunkId: first?.hunkId ?? '', mark: 'rejected' }])
  await w.say({ type: 'turn.ended', sessionId: (await w.database.store.getWorkspace(w.id))?.workspace.sessionId as never, turnId: 'x', outcome: 'done', message: null, background: 0, durationMs: 1 })
  await w.until((bodies) => bodies.some((body) => body.type === 'review.changed' && body.what === 'applied'))
  expect(await text('a.txt')).toContain('line 5\n')
})

test('commits everything, or only what was reviewed, with a message from the turn', async () => {
  threeEdits()
  put('b.txt', 'B\n')
  await w.say({ type: 'message', sessionId: 'ses_aaaabbbbcccc' as never, messageId: 'u', role: 'user', text: 'please change the lines.' }, { type: 'message', sessionId: 'ses_aaaabbbbcccc' as never, messageId: 'm', role: 'agent', text: 'I changed them.' })
  await mark([{ path: 'b.txt', mark: 'accepted' }])
  const suggestion = await w.reviews.suggestCommit(w.id)
  expect(suggestion).toMatchObject({ files: 2, added: 3, removed: 3, branch: 'main', canPush: true, whyNot: null, message: expect.stringMatching(/^Change the lines\n\nI changed them\.\n\n- a\.txt\n- b\.txt$/) })
  const some = await w.reviews.commit(w.id, { message: 'only b', reviewedOnly: true, push: false, by: 'pat' })
  expect(some).toMatchObject({ branch: 'main', pushed: false, detail: null })
  expect(await w.bench.sh('git show --format="%an <%ae> %s" --name-only; git status --porcelain')).toBe('Pat <pat@example.org> only b\n\nb.txt\n M a.txt\n')
  await w.bench.sh(`git init -q --bare ${w.bench.hosted}`)
  const all = await w.reviews.commit(w.id, { message: 'the rest', reviewedOnly: false, push: true, by: 'pat' })
  expect(all).toMatchObject({ pushed: true, detail: expect.stringContaining('berth/demo') })
  expect(await w.bench.sh('git status --porcelain; git log --format=%s -1 berth/demo', w.bench.hosted).catch(() => w.bench.sh('git log --format=%s -1 berth/demo', w.bench.hosted))).toContain('the rest')
  expect(await read()).toMatchObject({ files: [], progress: { decided: 0, total: 0 } })
  expect(await w.reviews.commit(w.id, { message: 'again', reviewedOnly: false, push: false, by: 'pat' }).catch((error: unknown) => error)).toMatchObject({ code: 'conflict', message: 'there is nothing to commit' })
})

test('a commit of what was reviewed never undoes what the agent committed unreviewed', async () => {
  put('b.txt', 'B\n')
  await w.bench.sh('git commit -qam "by the agent"')
  put('c.txt', 'c\n')
  await mark([{ path: 'c.txt', mark: 'accepted' }])
  const only = { message: 'c', reviewedOnly: true, push: false, by: 'pat' }
  expect(await w.reviews.commit(w.id, only).catch((error: unknown) => error)).toMatchObject({ code: 'conflict', message: expect.stringContaining('undo') })
  await mark([{ path: 'b.txt', mark: 'accepted' }])
  expect(await w.reviews.commit(w.id, only)).toMatchObject({ branch: 'main' })
  expect(await w.bench.sh('cat b.txt; git status --porcelain; git show HEAD:b.txt')).toBe('B\nB\n')
})

test('rewinds the files, untracked ones too, and back again', async () => {
  put('new.txt', 'untracked\n')
  w.bench.review.turnEnded()
  await w.bench.review.settled()
  const state = await w.bench.treeOf()
  threeEdits()
  await w.bench.sh('rm new.txt b.txt; echo other > other.txt')
  const later = await w.bench.treeOf()
  const [checkpoint] = await w.reviews.checkpoints(w.id)
  expect(checkpoint).toMatchObject({ reason: 'end of turn 1', turn: 1, files: 1 })
  const rewound = await w.reviews.rewind(w.id, { commit: checkpoint?.commit ?? '', conversation: true, by: 'pat' })
  expect(rewound).toMatchObject({ files: 4, conversation: 'unsupported' })
  expect(await w.bench.treeOf()).toBe(state)
  expect(await w.reviews.rewind(w.id, { commit: rewound.before.slice(0, 12), conversation: false, by: 'pat' })).toMatchObject({ conversation: 'kept' })
  expect(await w.bench.treeOf()).toBe(later)
  expect((await w.reviews.checkpoints(w.id)).at(-1)).toMatchObject({ reason: 'what the workspace began with' })
  await w.turn('busy')
  expect(await w.reviews.rewind(w.id, { commit: rewound.before, conversation: false, by: 'pat' }).catch((error: unknown) => error)).toMatchObject({ code: 'workspace_busy' })
})

test('a daemon that lies is refused, and the server goes on', async () => {
  threeEdits()
  const honest = await w.bench.calls['review.read']({ against: null, limitBytes: 100_000 }, w.bench.signal)
  const bomb = await pack('\0'.repeat(40_000_000))
  for (const lie of [{ raw: 'garbage' }, { raw: bomb }, { patch: bomb }, { stat: await pack('1\t1\tx\0'.repeat(10)) }, { patch: await pack('diff --git a/x b/x\n@@ -1,9 +1,9 @@\n') }, { patch: '' }, { tree: 'x' }, { total: -1 }]) {
    w.meddle = (method) => (method === 'review.read' ? Promise.resolve({ ...honest, ...lie }) : undefined)
    const refused: unknown = await read().catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(Error)
  }
  w.meddle = null
  expect((await read()).files).toHaveLength(1)
})

test('a daemon that does not know reviews, or whose directory is no repository, is said so', async () => {
  w.meddle = (method) => Promise.reject(new BerthError('unsupported', `this daemon does not know ${method}`, { hint: 'stop and start the workspace to get a newer one' }))
  expect(await read().catch((error: unknown) => error)).toMatchObject({ code: 'unsupported', hint: 'stop and start the workspace to get a newer one' })
  w.meddle = null
  await w.bench.sh('rm -rf .git')
  expect(await read().catch((error: unknown) => error)).toMatchObject({ code: 'unsupported', message: expect.stringContaining('not a git repository') })
})

test('where the reviewed tree was collected, the review begins anew', async () => {
  threeEdits()
  await mark([{ path: 'a.txt', mark: 'accepted' }])
  put('b.txt', 'later\n')
  await w.bench.sh('git update-ref -d refs/berth/reviewed; git for-each-ref --format="delete %(refname)" refs/berth/checkpoints | git update-ref --stdin; git gc -q --prune=now')
  const review = await read()
  expect(review.files.filter(({ hunks }) => hunks.some((hunk) => hunk.mark === 'open')).map(({ path }) => path)).toEqual(['a.txt', 'b.txt'])
  expect((await mark(review.files.map(({ path }) => ({ path, mark: 'accepted' as const })))).review).toMatchObject({ reviewed: review.tree })
})

test('two people who decide at the same moment both get what they decided', async () => {
  threeEdits()
  const review = await read()
  const [first, second, third] = file(review, 'a.txt').hunks.map(({ hunkId }) => hunkId)
  const decide = (hunkId: string | undefined, to: 'accepted' | 'rejected', by: string) => w.reviews.mark(w.id, { tree: review.tree, marks: [{ path: 'a.txt', hunkId: hunkId ?? '', mark: to }] }, by)
  const answers = await Promise.all([decide(first, 'accepted', 'pat'), decide(second, 'rejected', 'ana'), decide(third, 'accepted', 'ana')])
  expect(answers.flatMap(({ gone }) => gone)).toEqual([])
  expect(file(await read(), 'a.txt').hunks.map((hunk) => hunk.mark)).toEqual(['accepted', 'rejected', 'accepted'])
  const sent = await Promise.all([w.reviews.send(w.id, null, 'pat'), w.reviews.send(w.id, null, 'ana')])
  expect(sent.map((one) => one.sent).toSorted()).toEqual([0, 1])
  expect(prompts()).toHaveLength(1)
})
