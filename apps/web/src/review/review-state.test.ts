import { afterEach, beforeEach, expect, test } from 'bun:test'
import { randomIds } from '@berth/wire'
import type { HunkMark, Review } from '@berth/wire/review'
import { endpoint } from '../state/session.ts'
import { openReview, type ReviewRoom } from './review-state.ts'

const review = (mark: HunkMark): Review => ({
  reviewed: 'r', tree: 't', omitted: 0, comments: [], progress: { decided: 0, total: 1 }, unsent: 0, busy: false,
  files: [{ path: 'a', oldPath: null, status: 'modified', kind: 'text', oldMode: null, newMode: null, before: null, after: null, added: 1, removed: 0, crlf: false, huge: false, mark: 'open', reason: null, hunks: [{ hunkId: 'h', oldStart: 1, oldLines: 0, newStart: 1, newLines: 1, section: '', lines: ['+x'], mark, reason: null }] }],
})
const UNIT = [{ path: 'a', hunkId: 'h' }]

let room: ReviewRoom
let answers: { readings: (() => Promise<HunkMark>)[]; refuse: boolean }
let server: Bun.Server<undefined>
beforeEach(() => {
  answers = { readings: [], refuse: false }
  server = Bun.serve({
    port: 0,
    async fetch(request) {
      if (request.method === 'GET') return Response.json(review(await (answers.readings.shift() ?? (async () => 'open' as const))()))
      if (answers.refuse) return Response.json({ code: 'daemon_unreachable', message: 'the machine does not answer' }, { status: 503 })
      const { marks } = (await request.json()) as { marks: { mark: HunkMark }[] }
      return Response.json({ review: review(marks[0]?.mark ?? 'open'), gone: [], because: null })
    },
  })
  endpoint.url = server.url.href
  room = openReview(randomIds.workspace())
})
afterEach(async () => {
  room.close()
  endpoint.url = ''
  await server.stop(true)
})

const shown = () => room.review.value?.files[0]?.hunks[0]?.mark
const rested = () => new Promise<void>((resolve) => {
  const stop = room.acting.subscribe((acting) => { if (!acting) queueMicrotask(() => { stop(); resolve() }) })
})

test('what could not be taken back can be taken back later', async () => {
  await room.read()
  await room.mark(UNIT, 'accepted', { words: 'Accepted line 1' })
  expect([shown(), room.canUndo.value]).toEqual(['accepted', true])
  answers.refuse = true
  room.undo()
  await rested()
  expect([shown(), room.canUndo.value, room.refusal.value?.code]).toEqual(['accepted', true, 'daemon_unreachable'])
  answers.refuse = false
  room.undo()
  await rested()
  expect([shown(), room.canUndo.value, room.refusal.value]).toEqual(['open', false, null])
})

test('a reading that was asked for before a decision does not take it away again', async () => {
  await room.read()
  const late = Promise.withResolvers<HunkMark>()
  answers.readings.push(() => late.promise)
  const reading = room.read()
  await room.mark(UNIT, 'accepted', { words: 'Accepted line 1' })
  late.resolve('open')
  await reading
  expect(shown()).toBe('accepted')
})
