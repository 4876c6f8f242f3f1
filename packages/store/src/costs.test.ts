import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { billedMicros, monthAt, monthsBetween, type Charge } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import { aWorkspace } from './store-fixtures.ts'
import { openTestDatabase } from './testing.ts'
import type { TestDatabase } from './testing.ts'

setDefaultTimeout(60_000)
let database: TestDatabase
beforeAll(async () => { database = await openTestDatabase() })
afterAll(() => database?.close())

const HOUR = 3_600_000
const START = Date.UTC(2026, 10, 30, 20)
const charge = (state: Charge['state'], since: number, microsPerHour: number | null, incrementMs = 0): Charge => ({ state, since, price: microsPerHour === null ? null : { currency: 'EUR', microsPerHour, incrementMs } })

/** As the reconciler writes it: with the state, in one transaction. */
async function write(id: WorkspaceId, now: number, to: Charge | null, over: { fence?: number } = {}): Promise<boolean> {
  const { store } = database
  await store.wake(id, 0)
  const claim = (await store.claimDue({ owner: 'test', limit: 1000, leaseMs: 1 }, now)).find(({ workspaceId }) => workspaceId === id)
  if (claim === undefined) throw new Error('it was not due')
  return store.finishTick({ ...claim, fence: claim.fence + (over.fence ?? 0) }, { workspace: { generation: 1 }, machine: { observedAt: now, charge: to }, nextTickAt: now + 1 }, now)
}

test('pieces of time follow each other without a gap, at the price of each, across a month', async () => {
  const { store } = database
  const { id, row: { orgId, creatorId } } = await aWorkspace(store, START)
  const pieces: [Charge | null, number][] = [
    [charge('running', START, 5600, HOUR), START], [charge('stopped', START + 90 * 60_000, 1205), START + 90 * 60_000],
    [charge('running', START + 3 * HOUR, 8123), START + 3 * HOUR], [null, START + 30 * HOUR + 7],
  ]
  for (const [to, now] of pieces) expect(await write(id, now, to)).toBe(true)
  const end = START + 30 * HOUR + 7
  const months = monthsBetween(monthAt(START), monthAt(end), 12)
  const sums = await store.costs.sums(orgId, { months, workspaceId: id }, end + 99 * HOUR)
  expect(sums.map(({ month }) => month)).toEqual(['2026-12', '2026-11'])
  const [december, november] = sums
  const newYear = Date.UTC(2026, 11)
  const third = charge('running', START + 3 * HOUR, 8123)
  const until = (one: Charge, at: number) => billedMicros(one, at)
  expect(november).toMatchObject({
    name: `box-${id.slice(3)}`, userId: creatorId, provider: 'local', currency: 'EUR', runningMs: 90 * 60_000 + HOUR, stoppedMs: 90 * 60_000, unpricedMs: 0,
    micros: until(charge('running', START, 5600, HOUR), START + 90 * 60_000) + until(charge('stopped', START + 90 * 60_000, 1205), START + 3 * HOUR) + until(third, newYear),
  })
  expect(december?.micros).toBe(until(third, end) - until(third, newYear))
  // The same, of all that the organisation spent in that month.
  expect(await store.costs.monthMicros(orgId, { scope: 'user', subject: creatorId }, end)).toBe(december?.micros ?? -1)
  expect((await store.getWorkspace(id))?.machine?.charge ?? null).toBeNull()
})

test('what is always on counts at most its month\'s price in each month, as the charge does that is read back', async () => {
  const { store } = database
  const { id, row: { orgId, creatorId } } = await aWorkspace(store, START)
  const decembers = () => store.costs.monthMicros(orgId, { scope: 'user', subject: creatorId }, Date.UTC(2027, 0) - 1)
  const ofOthers = await decembers()
  const capped: Charge = { state: 'running', since: START, price: { currency: 'EUR', microsPerHour: 5600, incrementMs: HOUR, monthMicros: 3_490_000 } }
  await write(id, START, capped)
  expect((await store.getWorkspace(id))?.machine?.charge).toEqual(capped)
  const [december, january] = [Date.UTC(2026, 11), Date.UTC(2027, 0)]
  const end = january + 5 * HOUR
  const sums = await store.costs.sums(orgId, { months: monthsBetween(monthAt(START), monthAt(end), 12), workspaceId: id }, end)
  expect(sums.map(({ month, micros }) => [month, micros])).toEqual([['2027-01', billedMicros(capped, end) - billedMicros(capped, january)], ['2026-12', 3_490_000], ['2026-11', billedMicros(capped, december)]])
  expect(await decembers() - ofOthers).toBe(3_490_000)
  await write(id, end, null)
})

test('what goes on counts until now, a price that becomes known counts from the beginning, and a late writer changes nothing', async () => {
  const { store } = database
  const { id, row: { orgId, creatorId } } = await aWorkspace(store, START)
  const now = START + 2 * HOUR
  await write(id, START + 5, charge('running', START, null))
  const [blind] = await store.costs.sums(orgId, { months: [monthAt(now)], workspaceId: id }, now)
  expect(blind).toMatchObject({ micros: 0, currency: null, unpricedMs: 2 * HOUR, runningMs: 2 * HOUR })
  const known = charge('running', START, 1000)
  await write(id, START + 9, known)
  expect((await store.getWorkspace(id))?.machine?.charge).toEqual(known)
  expect(await store.costs.sums(orgId, { months: [monthAt(now)], workspaceId: id }, now)).toMatchObject([{ micros: 2000, unpricedMs: 0 }])
  expect(await write(id, START + 10, null, { fence: -1 })).toBe(false)
  expect((await store.getWorkspace(id))?.machine?.charge).toEqual(known)
  const standing = await store.costs.standing(orgId, { scope: 'user', subject: creatorId }, null)
  const without = await store.costs.standing(orgId, { scope: 'user', subject: creatorId }, id)
  expect(standing.microsPerHour - without.microsPerHour).toBe(1000)
  expect(standing.running - without.running).toBe(1)
  expect(await store.costs.standing(orgId, { scope: 'user', subject: 'usr_nobody000000' }, null)).toEqual({ running: 0, microsPerHour: 0 })
  // The machine was there although nobody saw it for a while: what is paid for does not overlap.
  await write(id, now, null)
  await write(id, now + 9, charge('running', START, 1000))
  const rows = await database.sql<{ since: number; until: number | null }[]>`select since, until from cost_intervals where workspace_id = ${id} order by since`
  expect(rows.map(({ since, until }) => [since, until])).toEqual([[START, now], [now, null]])
})

test('limits are kept, told of once a month, and removed when nothing is limited', async () => {
  const { costLimits, access } = database.store
  const { orgId } = await access.bootstrap(START)
  const none = { softMicros: null, hardMicros: null, hourlyMicros: null, running: null }
  const of = { scope: 'organisation' as const, subject: orgId }
  await costLimits.put(orgId, { ...of, currency: 'EUR', ...none, softMicros: 5, running: 3 }, START)
  expect(await costLimits.list(orgId, START)).toMatchObject([{ ...of, softMicros: 5, hardMicros: null, running: 3, currency: 'EUR' }])
  expect(await costLimits.organisations()).toEqual([orgId])
  expect([await costLimits.tell(orgId, of, START), await costLimits.tell(orgId, of, START), await costLimits.tell(orgId, of, START + 5 * HOUR)]).toEqual([true, false, true])
  await costLimits.put(orgId, { ...of, currency: 'EUR', ...none }, START)
  expect(await costLimits.list(orgId, START)).toEqual([])
})

test('one provider is chosen at a time, and what was found out about it stays', async () => {
  const { providerNotes: notes } = database.store
  expect(await notes.chosen()).toBeNull()
  const report = { name: 'hetzner', ok: true, detail: 'a project', checkedAt: START, live: 'unverified' as const, findings: [], prices: [] }
  await notes.keepReport(report)
  await notes.choose('hetzner', START)
  await notes.choose('docker', START)
  expect([await notes.chosen(), await notes.report('hetzner'), await notes.report('docker')]).toEqual(['docker', report, null])
  await notes.choose(null, START)
  expect(await notes.chosen()).toBeNull()
})

test('a kept image counts for its organisation from when it was made until it is gone, at its price of each time, and for nobody alone', async () => {
  const { store } = database
  const { row: { orgId, creatorId } } = await aWorkspace(store, START)
  const month = [monthAt(START + HOUR)]
  const image = (name: string, microsPerHour: number) => ({ name, since: START, price: { currency: 'EUR', microsPerHour, incrementMs: 0 } })
  const monthOf = (scope: 'organisation' | 'user') => store.costs.monthMicros(orgId, { scope, subject: scope === 'user' ? creatorId : orgId }, START + 3 * HOUR)
  const [before, mine] = [await monthOf('organisation'), await monthOf('user')]
  const sums = async (now: number) => (await store.costs.sums(orgId, { months: month }, now)).filter((cost) => cost.image !== null && cost.provider === 'ec2')
  for (const now of [START + HOUR, START + HOUR + 5]) await store.costs.keepImages(orgId, 'ec2', { images: [image('ami-1/a', 1000)], complete: true }, now)
  expect(await sums(START + 2 * HOUR)).toEqual([{ month: '2026-11', workspaceId: null, image: 'ami-1/a', name: null, userId: null, provider: 'ec2', currency: 'EUR', runningMs: 0, stoppedMs: 2 * HOUR, micros: 2000, unpricedMs: 0 }])
  // Dearer from now on; a part of a list ends nothing, another provider's whole list neither.
  await store.costs.keepImages(orgId, 'ec2', { images: [image('ami-1/a', 3000)], complete: true }, START + 2 * HOUR)
  await store.costs.keepImages(orgId, 'ec2', { images: [], complete: false }, START + 2 * HOUR + 1)
  await store.costs.keepImages(orgId, 'hetzner', { images: [], complete: true }, START + 2 * HOUR + 1)
  expect((await sums(START + 3 * HOUR)).map(({ micros }) => micros)).toEqual([5000])
  expect([await monthOf('organisation') - before, await monthOf('user') - mine]).toEqual([5000, 0])
  const standing = await store.costs.standing(orgId, { scope: 'organisation', subject: orgId }, null)
  await store.costs.keepImages(orgId, 'ec2', { images: [], complete: true }, START + 3 * HOUR)
  expect(await store.costs.standing(orgId, { scope: 'organisation', subject: orgId }, null)).toEqual(standing)
  expect((await sums(START + 3 * HOUR + 59 * 60_000)).map(({ micros }) => micros)).toEqual([5000])
})
