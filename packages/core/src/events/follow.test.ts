import { expect, it } from 'bun:test'
import type { EventId, StoredEvent, WorkspaceId } from '@berth/wire'
import { follow, FOLLOW_PAGE } from './follow.ts'

const ID = 'ws_0000000000aa' as WorkspaceId
function openLog() {
  const events: StoredEvent[] = []
  const listeners = new Set<(id: WorkspaceId) => void>()
  return {
    listeners,
    append(count = 1) {
      for (let n = 0; n < count; n += 1) events.push({ workspaceId: ID, seq: events.length + 1, id: 'evt_000000000000' as EventId, at: 1, source: 'server', body: { type: 'test' } })
      for (const listener of listeners) listener(ID)
    },
    read: async (_: WorkspaceId, after: number, limit: number) => events.slice(after, after + limit),
    onAppend(listener: (id: WorkspaceId) => void) { listeners.add(listener); return () => void listeners.delete(listener) },
  }
}
async function take(stream: AsyncGenerator<StoredEvent>, count: number): Promise<number[]> {
  const seqs: number[] = []
  while (seqs.length < count) seqs.push((await stream.next()).value?.seq ?? -1)
  return seqs
}
const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

it('replays over several pages, then goes on live, without a hole', async () => {
  const log = openLog()
  log.append(2 * FOLLOW_PAGE + 3)
  const stream = follow(log, { workspaceId: ID, after: 0 }, new AbortController().signal)
  expect(await take(stream, 2 * FOLLOW_PAGE + 3)).toEqual(upTo(1, 2 * FOLLOW_PAGE + 3))
  const next = take(stream, 2)
  log.append()
  log.append()
  expect(await next).toEqual([2 * FOLLOW_PAGE + 4, 2 * FOLLOW_PAGE + 5])
  await stream.return(undefined)
})
it('does not miss an append between its read and its wait', async () => {
  const log = openLog()
  const read = log.read
  let reads = 0
  log.read = async (...args) => {
    const page = await read(...args)
    if ((reads += 1) === 1) log.append()
    return page
  }
  const stream = follow(log, { workspaceId: ID, after: 0 }, new AbortController().signal)
  expect(await take(stream, 1)).toEqual([1])
  await stream.return(undefined)
})
it('starts after its cursor and lets go of the store when it ends', async () => {
  const log = openLog()
  log.append(5)
  const abort = new AbortController()
  const stream = follow(log, { workspaceId: ID, after: 3 }, abort.signal)
  expect(await take(stream, 2)).toEqual([4, 5])
  const end = stream.next()
  abort.abort()
  expect(await end).toEqual({ done: true, value: undefined })
  expect(log.listeners.size).toBe(0)
})
