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
  const { id: workspaceId, row: { orgId } } = await aWorkspace(database.store, NOW)
  const used = { workspaceId, vendor: 'anthropic' as const, model: 'claude-opus-5-5', requests: 1, inputTokens: 10, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 4, costMicros: 80 }
  await Promise.all(Array.from({ length: 20 }, () => modelUsage.add(used, NOW)))
  await modelUsage.add({ ...used, model: 'other', costMicros: 1 }, NOW)
  expect(await modelUsage.costMicros(workspaceId)).toBe(1601)
  expect((await modelUsage.list(orgId, workspaceId)).find(({ model }) => model === used.model)).toMatchObject({ requests: 20, inputTokens: 200, outputTokens: 40, cacheReadTokens: 60, cacheWriteTokens: 80, costMicros: 1600 })
})
