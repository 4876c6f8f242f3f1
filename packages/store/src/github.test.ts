import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import type { WorkspaceId } from '@berth/wire'
import { openTestDatabase } from './testing.ts'
import type { TestDatabase } from './testing.ts'

setDefaultTimeout(60_000)
let database: TestDatabase
beforeAll(async () => { database = await openTestDatabase() })
afterAll(() => database?.close())

const NOW = 1_000_000
const HOST = 'https://github.com'
const org = async () => (await database.store.access.bootstrap(NOW)).orgId

test('the key of an app is kept sealed, opens for its own GitHub, and is replaced whole', async () => {
  const { github } = database.store
  const orgId = await org()
  const key = { privateKey: 'canary-pem', clientId: 'Iv', clientSecret: 'canary-client', webhookSecret: 'canary-hook' }
  const app = { orgId, origin: HOST, appId: 7, slug: 'berth', name: 'Berth', htmlUrl: `${HOST}/apps/berth`, key }
  expect(await github.put(app, NOW)).toEqual({ origin: HOST, appId: 7, slug: 'berth', name: 'Berth', htmlUrl: `${HOST}/apps/berth`, addedAt: NOW, lastUsedAt: null })
  expect(JSON.stringify(await database.sql`select * from github_apps`)).not.toContain('canary')
  expect((await github.key(orgId, HOST))?.key).toEqual(key)
  expect(await github.key(orgId, 'https://github.example')).toBeNull()
  await database.sql`update github_apps set origin = 'https://evil.example'`
  await expect(github.key(orgId, 'https://evil.example')).rejects.toThrow('sealed under another master key')
  await database.sql`update github_apps set origin = ${HOST}`
  await github.put({ ...app, appId: 8 }, NOW + 1)
  expect((await github.list(orgId)).map(({ appId }) => appId)).toEqual([8])
  expect(await github.remove(orgId, HOST)).toBe(true)
  expect(await github.remove(orgId, HOST)).toBe(false)
})

test('a setup is taken once, while it lasts, and the next one ends it', async () => {
  const { github } = database.store
  const orgId = await org()
  const begin = (stateHash: string) => github.beginSetup({ orgId, stateHash, origin: HOST, organization: null, name: 'berth', by: 'ada', expiresAt: NOW + 10 })
  await begin('first')
  await begin('second')
  expect(await github.setup('first', NOW)).toBeNull()
  expect(await github.setup('second', NOW)).toEqual({ orgId, origin: HOST, organization: null, name: 'berth', by: 'ada' })
  expect(await github.setup('second', NOW + 10)).toBeNull()
  expect(await Promise.all([github.takeSetup('second', NOW), github.takeSetup('second', NOW)])).toContain(null)
  expect(await github.takeSetup('second', NOW)).toBeNull()
})

test('a delivery is taken in once, also by two at the same time, and what never came is known', async () => {
  const { github } = database.store
  const orgId = await org()
  const at = { orgId, origin: HOST }
  const one = { ...at, guid: 'g1', event: 'push', action: null }
  expect((await Promise.all([github.takeDelivery(one, NOW), github.takeDelivery(one, NOW)])).toSorted()).toEqual([false, true])
  expect(await github.takeDelivery({ ...one, origin: 'https://other.example' }, NOW)).toBe(true)
  expect(await github.untaken(at, ['g0', 'g1', 'g2'])).toEqual(['g0', 'g2'])
  expect(await github.untaken(at, [])).toEqual([])
  await github.forgetDeliveries(NOW + 1)
  expect(await github.untaken(at, ['g1'])).toEqual(['g1'])
})

test('how far deliveries are known never goes back, and begins anew with another app', async () => {
  const { github } = database.store
  const at = { orgId: await org(), origin: HOST, appId: 7 }
  expect(await github.hook(at)).toEqual({ heardAt: null, caughtUpTo: null })
  await github.noteHook(at, { caughtUpTo: NOW })
  await github.noteHook(at, { heardAt: NOW - 5, caughtUpTo: NOW - 5 })
  expect(await github.hook(at)).toEqual({ heardAt: NOW - 5, caughtUpTo: NOW })
  await github.noteHook({ ...at, appId: 8 }, { heardAt: NOW - 9 })
  expect(await github.hook(at)).toEqual({ heardAt: null, caughtUpTo: null })
  expect(await github.hook({ ...at, appId: 8 })).toEqual({ heardAt: NOW - 9, caughtUpTo: null })
})

test('what an agent was told of is kept, and only where somebody wants it told', async () => {
  const { github } = database.store
  const id = 'ws_0000000000000000' as WorkspaceId
  expect(await github.watch(id)).toBeNull()
  await github.noteTold(id, 'abc failed')
  expect(await github.watch(id)).toBeNull()
  await github.setWatch(id, { tell: true, by: 'ada' })
  await github.noteTold(id, 'abc failed')
  await github.setWatch(id, { tell: false, by: 'bob' })
  expect(await github.watch(id)).toEqual({ tell: false, by: 'bob', told: 'abc failed' })
  await github.noteTold(id, 'def passed')
  expect(await github.watch(id)).toMatchObject({ told: 'def passed' })
})
