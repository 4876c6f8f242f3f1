import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { aWorkspace } from './store-fixtures.ts'
import { openTestDatabase } from './testing.ts'
import type { TestDatabase } from './testing.ts'

setDefaultTimeout(60_000)
let database: TestDatabase
beforeAll(async () => { database = await openTestDatabase() })
afterAll(() => database?.close())

const NOW = 1_000_000

test('a key is kept sealed, for its vendor and its address, and is replaced whole', async () => {
  const { modelKeys, access } = database.store
  const { orgId } = await access.bootstrap(NOW)
  await modelKeys.put({ orgId, vendor: 'anthropic', baseUrl: 'https://api.example', key: 'canary-1', limitMicros: 5 }, NOW)
  expect(JSON.stringify(await database.sql`select * from model_keys`)).not.toContain('canary-1')
  expect(await modelKeys.key(orgId, 'anthropic')).toEqual({ baseUrl: 'https://api.example', key: 'canary-1', limitMicros: 5 })
  expect(await modelKeys.key(orgId, 'openai')).toBeNull()
  await database.sql`update model_keys set base_url = 'https://evil.example'`
  await expect(modelKeys.key(orgId, 'anthropic')).rejects.toThrow('sealed under another master key')
  await modelKeys.put({ orgId, vendor: 'anthropic', baseUrl: 'https://api.example', key: 'canary-2', limitMicros: null }, NOW + 1)
  expect((await modelKeys.list(orgId)).map(({ vendor, limitMicros, addedAt }) => ({ vendor, limitMicros, addedAt }))).toEqual([{ vendor: 'anthropic', limitMicros: null, addedAt: NOW + 1 }])
  expect(await modelKeys.remove(orgId, 'anthropic')).toBe(true)
  expect(await modelKeys.remove(orgId, 'anthropic')).toBe(false)
})

test('what is used is added up, also when answers end at once', async () => {
  const { modelUsage } = database.store
  const { id: workspaceId, row: { orgId, creatorId: userId } } = await aWorkspace(database.store, NOW)
  const used = { workspaceId, vendor: 'anthropic' as const, model: 'claude-opus-5-5', requests: 1, inputTokens: 10, outputTokens: 2, orgId, userId, sessionId: null, keyName: null, estimated: 0, unpricedTokens: 0, cacheReadTokens: 3, cacheWriteTokens: 4, costMicros: 80 }
  await Promise.all(Array.from({ length: 20 }, () => modelUsage.add(used, NOW)))
  await modelUsage.add({ ...used, model: 'other', costMicros: 1 }, NOW)
  expect(await modelUsage.costMicros(workspaceId)).toBe(1601)
  expect((await modelUsage.list(orgId, workspaceId)).find(({ model }) => model === used.model)).toMatchObject({ requests: 20, inputTokens: 200, outputTokens: 40, cacheReadTokens: 60, cacheWriteTokens: 80, costMicros: 1600 })
})

test('use is told apart by day, session and key, and a model without a price counts for limits', async () => {
  const { modelUsage, modelBudgets, sessions } = database.store
  const { id: workspaceId, row: { orgId, creatorId: userId } } = await aWorkspace(database.store, NOW)
  const at = Date.UTC(2031, 4, 3)
  const sessionId = [...(await sessions.list([workspaceId])).get(workspaceId) ?? []][0]?.id ?? null
  const used = { orgId, userId, workspaceId, sessionId, keyName: null, vendor: 'openai' as const, model: 'gpt-x', requests: 1, inputTokens: 10, outputTokens: 5, cacheReadTokens: 0, cacheWriteTokens: 0, costMicros: 0, unpricedTokens: 15, estimated: 1 }
  await modelUsage.add(used, at)
  await modelUsage.add({ ...used, keyName: 'backup', estimated: 0 }, at)
  await modelUsage.add({ ...used, costMicros: 7, unpricedTokens: 0 }, at + 86_400_000)
  const days = await modelUsage.days(orgId, { workspaceId, since: '2031-05-01' })
  expect(days.map(({ day, keyName, estimated, unpricedTokens }) => [day, keyName, estimated, unpricedTokens] as const).toSorted((a, b) => `${b[0]}${a[1]}`.localeCompare(`${a[0]}${b[1]}`))).toEqual([['2031-05-04', '', 1, 0], ['2031-05-03', '', 1, 15], ['2031-05-03', 'backup', 0, 15]])
  expect(days[0]?.sessionId).toBe(sessionId)
  for (const [scope, subject] of [['workspace', workspaceId], ['user', userId], ['organisation', orgId]] as const) expect(await modelUsage.monthMicros(orgId, { scope, subject }, at)).toBe(307)
  expect(await modelUsage.monthMicros(orgId, { scope: 'organisation', subject: orgId }, Date.UTC(2031, 5, 1))).toBe(0)
  expect(await modelUsage.costMicros(workspaceId)).toBe(307)
  const budget = { scope: 'user' as const, subject: userId, softMicros: 5, hardMicros: 10 }
  await modelBudgets.put(orgId, budget, at)
  expect(await modelBudgets.list(orgId, at)).toEqual([{ ...budget, usedMicros: 307 }])
  expect(await Promise.all([1, 2, 3].map(() => modelBudgets.tell(orgId, budget, at)))).toContainValues([true, false])
  expect(await modelBudgets.tell(orgId, budget, at)).toBe(false)
  expect(await modelBudgets.tell(orgId, budget, Date.UTC(2031, 5, 1))).toBe(true)
  await modelBudgets.put(orgId, { ...budget, softMicros: null, hardMicros: null }, at)
  expect(await modelBudgets.list(orgId, at)).toEqual([])
})

test('keys are tried in an order: a person\'s own, the first, the others; a login is renewed by one', async () => {
  const { modelKeys, access } = database.store
  const { orgId, userId } = await access.bootstrap(NOW)
  const login = { accessToken: 'canary-a', refreshToken: 'canary-r', expiresAt: 5, tokenUrl: 'https://login.example/token', clientId: 'c' }
  await modelKeys.put({ orgId, vendor: 'gemini', baseUrl: 'https://api.example', key: 'canary-first', limitMicros: 9 }, NOW)
  await modelKeys.putFurther({ orgId, vendor: 'gemini', name: 'second', userId: null, baseUrl: 'https://b.example', key: 'canary-second' }, NOW + 1)
  await modelKeys.putFurther({ orgId, vendor: 'gemini', name: 'mine', userId, baseUrl: 'https://c.example', key: login }, NOW + 2)
  expect(JSON.stringify(await database.sql`select * from model_fallbacks`)).not.toContain('canary')
  const order = await modelKeys.inOrder(orgId, 'gemini', userId)
  expect([order.limitMicros, order.keys.map(({ name, key }) => [name, key])]).toEqual([9, [['mine', 'canary-a'], [null, 'canary-first'], ['second', 'canary-second']]])
  expect((await modelKeys.inOrder(orgId, 'gemini', 'usr_another' as never)).keys.map(({ name }) => name)).toEqual([null, 'second'])
  let renewed = 0
  const renew = () => modelKeys.renewLogin({ orgId, vendor: 'gemini', name: 'mine' }, async (now) => {
    if (now.accessToken !== 'canary-a') return null
    renewed++
    return { ...now, accessToken: 'canary-b', refreshToken: 'canary-s' }
  })
  expect((await Promise.all([renew(), renew(), renew()])).map((one) => one?.accessToken)).toEqual(['canary-b', 'canary-b', 'canary-b'])
  expect(renewed).toBe(1)
  expect((await modelKeys.list(orgId)).filter(({ vendor }) => vendor === 'gemini').map(({ name, kind, personal }) => [name, kind, personal])).toEqual([[undefined, undefined, undefined], ['second', 'key', false], ['mine', 'oauth', true]])
  expect(await modelKeys.removeFurther(orgId, 'gemini', 'mine')).toBe(true)
  expect(await modelKeys.renewLogin({ orgId, vendor: 'gemini', name: 'mine' }, async () => null)).toBeNull()
})
