import { afterAll, beforeAll, expect, it } from 'bun:test'
import { aWorkspace } from './store-fixtures.ts'
import { openTestDatabase, type TestDatabase } from './testing.ts'

let db: TestDatabase
beforeAll(async () => { db = await openTestDatabase() }, 60_000)
afterAll(async () => db?.close())
const NOW = 1_000_000

it('keeps what is known of a project, and asks it again from another state each time', async () => {
  const outline = ['go.mod', '.devcontainer/devcontainer.json']
  const { id, record } = await aWorkspace(db.store, NOW, { project: { revision: 1, outline, from: 'source' } })
  expect(record.workspace.project).toEqual({ revision: 1, outline, from: 'source' })
  await db.store.askProjectAgain(id, 'save', NOW)
  // What a command line saw then says nothing of now.
  expect((await db.store.getWorkspace(id))?.workspace.project).toEqual({ revision: 2, outline: null, from: 'save', askedAt: NOW })
  await db.store.askProjectAgain(id, 'source', NOW)
  expect((await db.store.getWorkspace(id))?.workspace.project).toEqual({ revision: 3, outline: null, from: 'source', askedAt: NOW })
})

it('knows a workspace that is older than projects, and can ask it too', async () => {
  const { id, record } = await aWorkspace(db.store, NOW)
  expect(record.workspace.project).toBeNull()
  await db.store.askProjectAgain(id, 'save', NOW)
  expect((await db.store.getWorkspace(id))?.workspace.project).toEqual({ revision: 1, outline: null, from: 'save', askedAt: NOW })
})
