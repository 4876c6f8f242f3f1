/** Two organisations on one server, with workspaces of one name. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import type { NewWorkspace } from '@berth/core'
import { openTestDatabase } from '@berth/store/testing'
import type { TestDatabase } from '@berth/store/testing'
import { randomIds } from '@berth/wire'
import type { OrgId, WorkspaceId } from '@berth/wire'
import { leftBehind } from './entering.ts'
import { createPreviewHosts } from './hosts.ts'
import { labelOf } from './label.ts'
import { createSites } from './sites.ts'
import { causedHere } from './visitors.ts'

setDefaultTimeout(60_000)
const NOW = 1_700_000_000_000
const hosts = createPreviewHosts({ port: 7480, base: null, publicUrl: null })
let database: TestDatabase
let first: OrgId
let second: OrgId
beforeAll(async () => {
  database = await openTestDatabase()
  const { orgId, userId } = await database.store.access.bootstrap(NOW)
  first = orgId
  second = randomIds.org()
  await database.sql`insert into organisations ${database.sql({ id: second, name: 'second', createdAt: NOW + 1 })}`
  creator = userId
})
afterAll(() => database?.close())
let creator = ''

async function made(orgId: OrgId, name: string): Promise<{ id: WorkspaceId; name: string }> {
  const id = randomIds.workspace()
  const row = {
    id, orgId, creatorId: creator, name, repository: 'r', branch: null, source: { kind: 'empty' }, sourceReady: true, provider: 'local', image: null, resources: {}, agent: 'plain', command: null, services: [],
    approvalMode: 'ask', acceptNoIsolation: true, sessionId: randomIds.session(), exposures: [], autoStopMs: 0, steps: [], secrets: { env: {}, homeFiles: [] }, prompt: null, idempotencyKey: null,
  } as unknown as NewWorkspace
  await database.store.createWorkspace(row, NOW)
  return { id, name }
}
/** Anew: nothing is remembered. */
async function behind(label: string) {
  const { store } = database
  return createSites({ store, clock: { now: () => NOW }, hosts }).find({ port: 3000, label, onBase: false })
}
const gone = (id: WorkspaceId) => database.sql`update workspaces set deleted_at = ${NOW}, wish_target = 'deleted' where id = ${id}`

test('a name is of the first organisation, whoever was there before; a workspace of another is found by its id', async () => {
  const theirs = await made(second, 'demo')
  expect(await behind('demo')).toBeNull()
  const ours = await made(first, 'demo')
  const { previews } = database.store
  expect([await labelOf(previews, ours), await labelOf(previews, theirs)]).toEqual(['demo', theirs.id.slice(3)])
  expect(await behind('demo')).toMatchObject({ workspaceId: ours.id })
  for (const label of [theirs.id, theirs.id.slice(3)]) expect(await behind(label)).toMatchObject({ workspaceId: theirs.id, labels: [theirs.id, theirs.id.slice(3)] })
  // When it is gone nobody inherits its place, and what browsers keep for it.
  await gone(ours.id)
  expect(await behind('demo')).toBeNull()
})

test('who is called as the id of another takes nothing from it', async () => {
  const theirs = await made(second, 'victim')
  const thief = await made(first, theirs.id.slice(3))
  expect(await behind(theirs.id.slice(3))).toMatchObject({ workspaceId: theirs.id })
  expect(await behind(thief.id)).toMatchObject({ workspaceId: thief.id })
})

test('a page of a workspace of the same name elsewhere is another site', async () => {
  const [theirs] = [await made(second, 'twin'), await made(first, 'twin')]
  const site = await behind(theirs.id.slice(3))
  if (site === null) throw new Error('it is there')
  const from = (origin: string) => causedHere({ method: 'POST', headers: [['host', new URL(site.origin).host], ['origin', origin]] }, site, hosts)
  expect(from('http://8000--twin.localhost:7480')).toBe(false)
  expect(from(`http://8000--${theirs.id.slice(3)}.localhost:7480`)).toBe(true)
})

test('what a deleted workspace left in a browser is cleared where another one took its name', async () => {
  const before = await made(first, 'again')
  await gone(before.id)
  const after = await made(first, 'again')
  const site = await behind('again')
  if (site === null) throw new Error('it is there')
  expect(site.workspaceId).toBe(after.id)
  const kept = (id: string) => leftBehind(site, { headers: [['cookie', `other=1; berth_preview_of=${id}`]] })
  expect(kept(before.id)).toEqual([['clear-site-data', '"cache", "storage"']])
  expect(kept(after.id)).toEqual([])
  expect(leftBehind(site, { headers: [] })).toEqual([])
})
