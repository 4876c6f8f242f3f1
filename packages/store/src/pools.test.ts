import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Pool } from '@berth/core'
import { openTestDatabase, type TestDatabase } from './testing.ts'
import { newWorkspace, openLink, refusal, toGeneration } from './store-fixtures.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000
const URL = 'https://git.northquay.example/ledger/api.git'
let db: TestDatabase
beforeAll(async () => { db = await openTestDatabase() })
afterAll(() => db.close())

async function aPool(over: Partial<Pool> = {}): Promise<Pool> {
  const { userId, orgId } = await db.store.access.bootstrap(NOW)
  return db.store.pools.put({ orgId, creatorId: userId, url: URL, branch: null, provider: 'fake', resources: {}, count: 1, budgetMicros: 1000, currency: 'EUR', ...over }, NOW)
}
/** With a machine that is charged for, and its code there. */
async function aMember({ id }: Pool, at = NOW): Promise<string> {
  const { store } = db
  const row = await newWorkspace(store, at, { web: false, source: { kind: 'git', url: URL } })
  const made = await store.pools.add(id, row, 10, at)
  if (made === null) throw new Error('no room')
  await toGeneration(store, row.id, { generation: 1, now: at })
  await store.wake(row.id, at)
  for (const claim of await store.claimDue({ owner: 'fixture', limit: 1000, leaseMs: 1 }, at)) {
    const mine = claim.workspaceId === row.id
    await store.finishTick(claim, { ...(mine ? { machine: { charge: { state: 'running', since: at, price: { currency: 'EUR', microsPerHour: 100, incrementMs: 0 } } } } : {}), nextTickAt: at + 1e9 }, at)
  }
  const { epoch } = await openLink(store, row.id, { now: at })
  await store.links.upload({ workspaceId: row.id, epoch, journalId: 'journal', entries: [{ n: 1, id: `evt_${row.id.slice(3)}` as never, ageMs: 0, body: { type: 'workspace.step', step: 'code', title: 'Code', state: 'done', durationMs: 1, detail: null } }] }, at)
  return row.id
}

test('the same code, branch, provider and size is the same pool, however its address is written', async () => {
  const one = await aPool({ resources: { cpus: 3 } })
  const again = await aPool({ resources: { cpus: 3 }, url: 'git@git.northquay.example:ledger/api.git', count: 4 })
  expect(again).toMatchObject({ id: one.id, count: 4 })
  expect((await aPool({ resources: { cpus: 3 }, branch: 'next' })).id).not.toBe(one.id)
})

test('of those who ask at once one gets the one that is ready', async () => {
  const pool = await aPool({ resources: { cpus: 2 } })
  const member = await aMember(pool)
  const rows = await Promise.all(Array.from({ length: 6 }, (_, at) => newWorkspace(db.store, NOW + 1, { name: `mine-${at}`, secrets: { env: { WHO: String(at) }, homeFiles: [] } })))
  const taken = (await Promise.all(rows.map((row) => db.store.pools.take(pool.id, row, NOW + HOUR)))).filter((record) => record !== null)
  expect(taken.map(({ workspace }) => workspace.id as string)).toEqual([member])
  const [record] = taken
  expect(record?.workspace).toMatchObject({ readyAt: null, web: true, autoStopMs: 1000, wish: { target: 'running', by: 'user', version: 2, at: NOW + HOUR }, pool: { id: pool.id, takenAt: NOW + HOUR } })
  const winner = rows.find(({ name }) => name === record?.workspace.name)
  expect(await db.store.secrets(record?.workspace.id as never)).toMatchObject({ env: winner?.secrets.env ?? {} })
  // It is no pool's any more: it cannot be ended as a member.
  expect(await db.store.pools.end(member as never, 'late', NOW + HOUR)).toBe(false)
  expect((await db.store.pools.members()).map(({ workspace }) => workspace.id as string)).not.toContain(member)
})

test('the same request again is given what it was given, though another is ready', async () => {
  const { store } = db
  const pool = await aPool({ resources: { cpus: 16 }, count: 3 })
  await aMember(pool)
  await aMember(pool, NOW + 1)
  const same = () => newWorkspace(store, NOW, { name: 'asked-twice', idempotencyKey: 'key-of-one-request' })
  const first = await store.pools.take(pool.id, await same(), NOW + HOUR)
  const again = await store.pools.take(pool.id, await same(), NOW + HOUR + 1)
  expect(again?.workspace.id).toBe(first?.workspace.id ?? ('nothing' as never))
  // Made in the ordinary way before there was one, and by both at once.
  const row = { ...(await same()), name: 'made', idempotencyKey: 'key-of-another' }
  const made = await store.createWorkspace(row, NOW + HOUR)
  expect((await store.pools.take(pool.id, { ...(await same()), name: 'made', idempotencyKey: 'key-of-another' }, NOW + HOUR))?.workspace.id).toBe(made.workspace.id)
  await aMember(pool, NOW + 2)
  const twice = await Promise.all([1, 2].map(async () => store.pools.take(pool.id, { ...(await same()), name: 'at-once', idempotencyKey: 'key-at-once' }, NOW + HOUR)))
  expect(new Set(twice.map((record) => record?.workspace.id)).size).toBe(1)
  // Of another request the name is taken.
  expect(await refusal(store.pools.take(pool.id, { ...(await same()), idempotencyKey: 'another' }, NOW + HOUR))).toMatchObject({ code: 'name_taken' })
})

test('the pool pays until it is taken, and who took it from then on', async () => {
  const { store } = db
  const pool = await aPool({ resources: { cpus: 4 } })
  const member = await aMember(pool)
  expect(await store.pools.monthMicros(pool.id, NOW + 2 * HOUR)).toBe(200)
  const row = await newWorkspace(store, NOW, { name: 'payer' })
  await store.pools.take(pool.id, row, NOW + 2 * HOUR)
  expect(await store.pools.monthMicros(pool.id, NOW + 9 * HOUR)).toBe(200)
  const record = await store.getWorkspace(member as never)
  expect(record?.machine?.charge).toMatchObject({ since: NOW + 2 * HOUR, price: { microsPerHour: 100 } })
})

test('none is added beyond the count, to a pool that is gone, or by two at once', async () => {
  const pool = await aPool({ resources: { cpus: 5 } })
  const add = async (): Promise<unknown> => db.store.pools.add(pool.id, await newWorkspace(db.store, NOW), 2, NOW)
  expect((await Promise.all([add(), add(), add(), add()])).filter((made) => made !== null).length).toBe(2)
  await db.store.pools.remove(pool.orgId, pool.id)
  expect(await add()).toBeNull()
})

test('one that is ended, failed or not ready is not taken, and a name that is taken is refused', async () => {
  const pool = await aPool({ resources: { cpus: 6 } })
  const member = await aMember(pool)
  const row = await newWorkspace(db.store, NOW, { name: 'payer' })
  expect(await refusal(db.store.pools.take(pool.id, row, NOW))).toMatchObject({ code: 'name_taken' })
  expect(await db.store.pools.end(member as never, 'too old', NOW)).toBe(true)
  expect(await db.store.pools.take(pool.id, { ...row, name: 'other' }, NOW)).toBeNull()
})
