import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import type { NewAuditRecord } from '@berth/core'
import { headOf } from './audit.ts'
import { openTestDatabase } from './testing.ts'
import type { TestDatabase } from './testing.ts'

setDefaultTimeout(60_000)
let database: TestDatabase
beforeAll(async () => { database = await openTestDatabase() })
afterAll(() => database?.close())

const NOW = 1_000_000
const org = async () => (await database.store.access.bootstrap(NOW)).orgId

test('a credential is kept sealed, opens for its own origin, and is replaced whole', async () => {
  const { gitHosts } = database.store
  const orgId = await org()
  const first = await gitHosts.put({ orgId, origin: 'https://git.example', username: 'me', token: 'canary-1' }, NOW)
  expect(JSON.stringify(await database.sql`select * from git_hosts`)).not.toContain('canary-1')
  expect(await gitHosts.credential(orgId, 'https://git.example')).toEqual({ id: first.id, username: 'me', kind: 'generic', token: 'canary-1' })
  expect(await gitHosts.credential(orgId, 'https://git.example:8443')).toBeNull()
  // Moved to another host's row it does not open.
  await database.sql`update git_hosts set origin = 'https://evil.example'`
  await expect(gitHosts.credential(orgId, 'https://evil.example')).rejects.toThrow('sealed under another master key')
  await database.sql`update git_hosts set origin = 'https://git.example'`
  const second = await gitHosts.put({ orgId, origin: 'https://git.example', username: 'you', token: 'canary-2' }, NOW)
  expect((await gitHosts.list(orgId)).map(({ id, username }) => ({ id, username }))).toEqual([{ id: second.id, username: 'you' }])
  expect(await gitHosts.remove(orgId, first.id)).toBeNull()
  expect(await gitHosts.remove(orgId, second.id)).toMatchObject({ origin: 'https://git.example' })
})

test('when a credential was used last is written at most once a minute', async () => {
  const { gitHosts } = database.store
  const orgId = await org()
  const { id } = await gitHosts.put({ orgId, origin: 'https://used.example', username: 'me', token: 'canary-3' }, NOW)
  const lastUsed = async () => (await gitHosts.list(orgId)).find((host) => host.id === id)?.lastUsedAt
  expect(await lastUsed()).toBeNull()
  const seen: unknown[] = []
  for (const at of [NOW, NOW + 59_000, NOW + 61_000]) {
    await gitHosts.used(id, at)
    seen.push(await lastUsed())
  }
  expect(seen).toEqual([NOW, NOW, NOW + 61_000])
  await gitHosts.remove(orgId, id)
})

const record = (subject: string): NewAuditRecord => ({ action: 'git.push', workspaceId: null, actor: 'demo', subject, allowed: true, reason: null, refs: [{ ref: 'refs/heads/berth/demo', from: '0', to: '1', refused: null }], tokenExpiresAt: null })

test('records follow one another, also when they are written at once; one that was changed or taken out is noticed', async () => {
  const { audit } = database.store
  const orgId = await org()
  await Promise.all(Array.from({ length: 20 }, (_, at) => audit.write(orgId, record(`https://git.example/${at}`), NOW + at)))
  expect((await audit.list(orgId, { limit: 500 })).map(({ n }) => n)).toEqual(Array.from({ length: 20 }, (_, at) => 20 - at))
  expect((await audit.list(orgId, { limit: 2, before: 5 })).map(({ n }) => n)).toEqual([4, 3])
  expect(await audit.firstBroken(orgId)).toBeNull()
  const [newest, ...older] = await audit.list(orgId, { limit: 500 })
  if (newest === undefined) throw new Error('nothing was written')
  for (const each of [newest, ...older]) expect(await audit.firstBroken(orgId, headOf(each))).toBeNull()
  // Cut off at the end, alone or with another in its place: the chain holds, and what was seen tells.
  await database.sql`delete from audit where n = 20`
  expect([await audit.firstBroken(orgId), await audit.firstBroken(orgId, headOf(newest))]).toEqual([null, 20])
  await audit.write(orgId, record('https://git.example/another'), NOW)
  expect([await audit.firstBroken(orgId), await audit.firstBroken(orgId, headOf(newest))]).toEqual([null, 20])
  for (const [change, undo, broken] of [
    [`update audit set allowed = false where n = 7`, `update audit set allowed = true where n = 7`, 7],
    [`update audit set refs = '[]' where n = 9`, `update audit set refs = '[{"ref":"refs/heads/berth/demo","from":"0","to":"1","refused":null}]' where n = 9`, 9],
    [`update audit set n = 1000 where n = 4`, `update audit set n = 4 where n = 1000`, 4],
    [`update audit set hash = repeat('0', 64) where n = 12`, null, 12],
  ] as const) {
    await database.sql.unsafe(change)
    expect(await audit.firstBroken(orgId)).toBe(broken)
    if (undo === null) continue
    await database.sql.unsafe(undo)
    expect(await audit.firstBroken(orgId)).toBeNull()
  }
})
