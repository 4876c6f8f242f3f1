import { afterAll, beforeAll, expect, it } from 'bun:test'
import { aLinkedWorkspace, entries, openLink, refusal, toGeneration } from './store-fixtures.ts'
import { openTestDatabase, type TestDatabase } from './testing.ts'

const NOW = 1_000_000
const LIMITS = { keepMs: 1000, viewerMs: 500, eventsPerWorkspace: 100 }
let db: TestDatabase
beforeAll(async () => { db = await openTestDatabase() }, 60_000)
afterAll(() => db?.close())

it('drops the oldest events above the limit, and says so to whoever asks for them', async () => {
  const { id, upload } = await aLinkedWorkspace(db.store, NOW)
  await upload(entries(150))
  const small = await aLinkedWorkspace(db.store, NOW)
  await small.upload(entries(20))
  const tail = await db.store.events.tail(id)
  const { events } = await db.store.retention.prune(LIMITS, NOW)
  expect(events).toBe(tail - 100)
  expect((await db.store.events.read(id, tail - 100, 1000)).map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, index) => tail - 99 + index))
  expect(await refusal(db.store.events.read(id, tail - 101, 10))).toMatchObject({ code: 'cursor_gone', details: { floor: tail - 100 } })
  expect((await db.store.events.read(small.id, 0, 1000)).length).toBeGreaterThan(20)
  expect((await db.store.retention.prune(LIMITS, NOW)).events).toBe(0)
  // Numbers go on where they were.
  await upload(entries(1, 151))
  expect(await db.store.events.tail(id)).toBe(tail + 1)
})

it('forgets closed links, journals of machines that ended, and viewers who left, in their time', async () => {
  const { id, upload, epoch } = await aLinkedWorkspace(db.store, NOW)
  await upload(entries(2))
  await db.store.links.closeLink(id, epoch, NOW)
  const { userId } = await db.store.access.bootstrap(NOW)
  await db.store.viewers.join({ workspaceId: id, userId, client: 'web' }, NOW)
  await toGeneration(db.store, id, { generation: 2, now: NOW })
  await db.sql`update machines set ended_at = ${NOW} where workspace_id = ${id} and generation = 1`
  const now = await openLink(db.store, id, { now: NOW, journalId: 'second', generation: 2 })
  const left = async () => {
    const [row] = await db.sql<{ links: number; journals: number; viewers: number }[]>`
      select (select count(*) from links where workspace_id = ${id}) as links, (select count(*) from journals where workspace_id = ${id}) as journals,
        (select count(*) from viewers where workspace_id = ${id}) as viewers`
    return row
  }
  await db.store.retention.prune(LIMITS, NOW + 400)
  expect(await left()).toEqual({ links: 2, journals: 1, viewers: 1 })
  await db.store.retention.prune(LIMITS, NOW + 2000)
  expect(await left()).toEqual({ links: 1, journals: 0, viewers: 0 })
  expect(await db.store.links.upload({ workspaceId: id, epoch: now.epoch, journalId: 'second', entries: entries(1) }, NOW)).toEqual({ kind: 'stored', ackedN: 1 })
})
