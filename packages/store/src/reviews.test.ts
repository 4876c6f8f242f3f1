import { afterAll, beforeAll, describe, expect, it, setDefaultTimeout } from 'bun:test'
import type { Decided } from '@berth/core'
import { randomIds } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { aWorkspace } from './store-fixtures.ts'
import { openTestDatabase } from './testing.ts'
import type { TestDatabase } from './testing.ts'

setDefaultTimeout(60_000)
let database: TestDatabase
beforeAll(async () => { database = await openTestDatabase() })
afterAll(() => database?.close())

const NOW = 1_000_000
const fresh = async (): Promise<WorkspaceId> => (await aWorkspace(database.store, NOW)).id
const mark = (over: Partial<Decided> = {}): Decided => ({
  path: 'a\nb', hunkId: 'h', mark: 'rejected', reason: 'why', by: 'pat', at: NOW, appliedAt: null, toldAt: null,
  piece: { file: { path: 'a\nb', oldPath: null, status: 'modified', kind: 'text', from: { mode: '100644', oid: '1'.repeat(40) }, to: null, before: null, after: null, added: 1, removed: 0, huge: false }, hunk: { hunkId: 'h', oldStart: 1, oldLines: 0, newStart: 1, newLines: 1, section: '', lines: ['+\0\u00ff\\'] } }, ...over,
})
const event = { by: 'pat', what: 'marks', detail: null } as const
const comment = { commentId: 'cmt_1', path: 'a', side: 'new', line: 1, quote: 'q\0', text: 't', by: 'pat', at: NOW, sent: false } as const
const tell = (id: WorkspaceId, over: object = {}) => database.store.reviews.tell(id, { promptId: randomIds.prompt(), text: 'told', by: 'pat', marks: [{ path: 'a\nb', hunkId: 'h' }], comments: [], ...over }, NOW)

describe('reviews', () => {
  it('keep decisions byte by byte, with their event', async () => {
    const id = await fresh()
    const { reviews, events } = database.store
    expect(await reviews.get(id)).toEqual({ reviewedTree: null, decided: [], comments: [], sending: null })
    expect(await reviews.change(id, { tree: { from: null, to: 'one' }, put: [mark()], event }, NOW)).toBe(true)
    expect(await reviews.get(id)).toMatchObject({ reviewedTree: 'one', decided: [mark()] })
    expect((await events.read(id, 0, 10)).at(-1)?.body).toEqual({ type: 'review.changed', by: 'pat', what: 'marks', detail: null })
    await reviews.change(id, { put: [mark({ mark: 'accepted', reason: null })], event }, NOW)
    expect((await reviews.get(id)).decided).toEqual([mark({ mark: 'accepted', reason: null })])
    await reviews.change(id, { drop: [{ path: 'a\nb', hunkId: 'h' }], event }, NOW)
    expect((await reviews.get(id)).decided).toEqual([])
  })

  it('advance by compare-and-set: of two at once one changes anything', async () => {
    const id = await fresh()
    const { reviews } = database.store
    await reviews.change(id, { tree: { from: null, to: 'one' }, event }, NOW)
    const tail = await database.store.events.tail(id)
    const both = await Promise.all(['two', 'three'].map((to) => reviews.change(id, { tree: { from: 'one', to }, put: [mark({ hunkId: to })], event }, NOW)))
    expect(both.toSorted()).toEqual([false, true])
    const { reviewedTree, decided } = await reviews.get(id)
    expect(decided.map(({ hunkId }) => hunkId)).toEqual([reviewedTree ?? ''])
    expect(await database.store.events.tail(id)).toBe(tail + 1)
    expect(await reviews.change(id, { tree: { from: null, to: 'x' }, event }, NOW)).toBe(false)
  })

  it('tell the agent once, whoever sends it', async () => {
    const id = await fresh()
    const { reviews, prompts } = database.store
    await reviews.change(id, { put: [mark()], event }, NOW)
    await reviews.addComment(id, comment, NOW)
    expect((await Promise.all(Array.from({ length: 5 }, () => tell(id, { comments: ['cmt_1'] })))).filter(Boolean)).toHaveLength(1)
    expect(await prompts.pending(id)).toMatchObject([{ text: 'told' }])
    expect(await reviews.get(id)).toMatchObject({ decided: [], comments: [{ commentId: 'cmt_1', quote: 'q\ufffd', sent: true }] })
    expect(await reviews.removeComment(id, 'cmt_1', 'pat', NOW)).toBe(false)
  })

  it('change nothing when a part of what is told is gone', async () => {
    const id = await fresh()
    const { reviews, prompts } = database.store
    await reviews.change(id, { put: [mark(), mark({ hunkId: 'queued', mark: 'queued' })], event }, NOW)
    expect(await tell(id, { comments: ['cmt_none'] })).toBe(false)
    expect(await tell(id, { marks: [{ path: 'a\nb', hunkId: 'h' }, { path: 'a\nb', hunkId: 'queued' }] })).toBe(false)
    expect([await prompts.pending(id), (await reviews.get(id)).decided.length]).toEqual([[], 2])
  })

  it('say where rejections, or a message, wait for the end of a turn', async () => {
    const [queued, sending, quiet] = [await fresh(), await fresh(), await fresh()]
    const { reviews } = database.store
    await reviews.change(queued, { put: [mark({ mark: 'queued' })], event }, NOW)
    await reviews.wishSend(sending, { note: 'note', by: 'pat' }, NOW)
    await reviews.change(quiet, { put: [mark()], event }, NOW)
    expect((await reviews.get(sending))).toMatchObject({ sending: { note: 'note', by: 'pat' }, decided: [] })
    const waiting = await reviews.waiting()
    expect([queued, sending, quiet].map((id) => waiting.includes(id))).toEqual([true, true, false])
    await reviews.wishSend(sending, null, NOW)
    expect(await reviews.waiting()).not.toContain(sending)
  })

  it('keep a bounded number of comments that were not sent', async () => {
    const id = await fresh()
    const { reviews } = database.store
    await database.sql`insert into review_comments select 'many_' || n, ${id}, 'a', 'new', 1, '', 't', 'pat', n, null from generate_series(1, 500) n`
    expect(await reviews.addComment(id, { ...comment, commentId: 'cmt_more' }, NOW).catch((error: unknown) => error)).toMatchObject({ code: 'too_many' })
  })
})
