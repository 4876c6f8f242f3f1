import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { aWorkspace } from './store-fixtures.ts'
import { openTestDatabase } from './testing.ts'
import type { TestDatabase } from './testing.ts'

setDefaultTimeout(60_000)
let database: TestDatabase
beforeAll(async () => { database = await openTestDatabase() })
afterAll(() => database?.close())

const NOW = 1_000_000
const LATER = NOW + 1000
const place = async (port = 3000) => ({ workspaceId: (await aWorkspace(database.store, NOW)).id, port })
const signedIn = async () => {
  const { userId } = await database.store.access.bootstrap(NOW)
  return { userId, ...await database.store.access.issueToken({ userId, kind: 'browser', name: 'b', expiresAt: LATER }, NOW) }
}

test('settings of a port are kept one by one, and one port is primary', async () => {
  const { previews } = database.store
  const at = await place()
  expect(await previews.get(at)).toBeNull()
  expect(await previews.set(at, { label: 'web', primary: true }, NOW)).toMatchObject({ label: 'web', primary: true, access: 'private', hostHeader: 'preview', wake: false })
  await previews.set({ ...at, port: 80 }, { primary: true, wake: true, hostHeader: 'localhost' }, NOW)
  expect((await previews.list(at.workspaceId)).map(({ port, primary, label, wake, hostHeader }) => ({ port, primary, label, wake, hostHeader })))
    .toEqual([{ port: 80, primary: true, label: null, wake: true, hostHeader: 'localhost' }, { port: 3000, primary: false, label: 'web', wake: false, hostHeader: 'preview' }])
  for (let port = 1; port <= 62; port++) await previews.set({ ...at, port: 10_000 + port }, {}, NOW)
  await expect(previews.set({ ...at, port: 9 }, {}, NOW)).rejects.toThrow('named already')
  expect(await previews.set(at, { access: 'public' }, NOW)).toMatchObject({ access: 'public', label: 'web' })
})

test('a ticket enters once, at its port, and the visit ends with the session', async () => {
  const { previews, access } = database.store
  const at = await place()
  const { id: tokenId, userId } = await signedIn()
  const ticket = await previews.issueTicket({ ...at, tokenId, expiresAt: NOW + 10 }, NOW)
  expect(await previews.enter(ticket, { ...at, port: 3001, expiresAt: LATER }, NOW)).toBeNull()
  expect(await previews.enter(ticket, { ...await place(), expiresAt: LATER }, NOW)).toBeNull()
  const tried = await Promise.all([1, 2, 3].map(() => previews.enter(ticket, { ...at, expiresAt: LATER }, NOW)))
  const visits = tried.filter((visit) => visit !== null)
  expect(visits).toHaveLength(1)
  const visit = visits[0] ?? ''
  expect(JSON.stringify(await database.sql`select * from preview_grants`)).not.toContain(visit)
  expect(await previews.visit(visit, at, NOW)).toEqual({ by: 'session', userId, expiresAt: LATER })
  expect(await previews.visit(visit, { ...at, port: 1 }, NOW)).toBeNull()
  expect(await previews.visit(visit, at, LATER)).toBeNull()
  expect(await previews.enter(await previews.issueTicket({ ...at, tokenId, expiresAt: NOW + 10 }, NOW), { ...at, expiresAt: LATER }, NOW + 10)).toBeNull()
  await access.revokeToken(tokenId, userId)
  expect(await previews.visit(visit, at, NOW)).toBeNull()
})

test('a share link opens one port, until a newer one, its end, or private', async () => {
  const { previews } = database.store
  const at = await place()
  const first = await previews.share(at, NOW + 500, NOW)
  expect(await previews.get(at)).toMatchObject({ access: 'link', shareExpiresAt: NOW + 500 })
  expect(JSON.stringify(await database.sql`select * from previews`)).not.toContain(first)
  const visit = await previews.enterByLink(first, { ...at, expiresAt: LATER }, NOW) ?? ''
  expect(await previews.visit(visit, at, NOW)).toEqual({ by: 'link', userId: null, expiresAt: NOW + 500 })
  expect(await previews.visit(visit, at, NOW + 500)).toBeNull()
  expect(await previews.enterByLink(first, { ...at, port: 3001, expiresAt: LATER }, NOW)).toBeNull()
  expect(await previews.enterByLink(first, { ...at, expiresAt: LATER }, NOW + 500)).toBeNull()
  const second = await previews.share(at, null, NOW)
  expect(await previews.visit(visit, at, NOW)).toBeNull()
  expect(await previews.enterByLink(first, { ...at, expiresAt: LATER }, NOW)).toBeNull()
  const again = await previews.enterByLink(second, { ...at, expiresAt: LATER }, NOW) ?? ''
  expect(await previews.visit(again, at, NOW)).toMatchObject({ by: 'link' })
  await previews.set(at, { access: 'private' }, NOW)
  expect(await previews.visit(again, at, NOW)).toBeNull()
  await previews.set(at, { access: 'link' }, NOW)
  expect(await previews.enterByLink(second, { ...at, expiresAt: LATER }, NOW)).toBeNull()
})
