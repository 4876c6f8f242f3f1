/** What lies on the server's disk is removed by what the database says of its workspace, and by nothing that it does not say. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTestDatabase, type TestDatabase } from '@berth/store/testing'
import { randomIds } from '@berth/wire'
import { aWorkspace } from '../../../../packages/store/src/store-fixtures.ts'
import { createRepositories } from '../git-hosting/repositories.ts'
import { createUploads } from '../git-hosting/uploads.ts'
import { sweepDeleted } from './sweep-deleted.ts'

let db: TestDatabase
const dir = mkdtempSync(join(tmpdir(), 'berth-sweep-'))
beforeAll(async () => { db = await openTestDatabase() })
afterAll(async () => {
  await db.close()
  rmSync(dir, { recursive: true, force: true })
})

test('only what is of a deleted workspace goes; what is of one that is unknown or cannot be read stays', async () => {
  const [lives, deleted, unreadable] = [await aWorkspace(db.store, 1), await aWorkspace(db.store, 1), await aWorkspace(db.store, 1)]
  await db.sql`update workspaces set deleted_at = 2 where id = ${deleted.id}`
  await db.sql`update workspaces set agent = 'of a later release' where id = ${unreadable.id}`
  expect(await db.store.getWorkspace(unreadable.id)).toBeNull()
  const unknown = randomIds.workspace()
  const repos = join(dir, 'repos')
  for (const id of [lives.id, deleted.id, unreadable.id, unknown]) mkdirSync(join(repos, `${id}.git`), { recursive: true })
  await sweepDeleted({ store: db.store, repositories: createRepositories({ dir: repos }), uploads: createUploads({ dir: join(dir, 'uploads') }) }, [repos])
  expect(readdirSync(repos).toSorted()).toEqual([lives.id, unreadable.id, unknown].map((id) => `${id}.git`).toSorted())
})
