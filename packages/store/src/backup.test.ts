import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getTableName, is } from 'drizzle-orm'
import { PgTable } from 'drizzle-orm/pg-core'
import { randomIds } from '@berth/wire'
import { backup, restore, TABLES } from './backup.ts'
import { EPOCHS_PER_INSTALLATION_EPOCH } from './links.ts'
import * as schema from './schema.ts'
import { aLinkedWorkspace, entries, openLink, refusal } from './store-fixtures.ts'
import { openTestDatabase, type TestDatabase } from './testing.ts'

let from: TestDatabase
let to: TestDatabase
let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-test-backup-'))
  from = await openTestDatabase()
  to = await openTestDatabase()
})
afterAll(async () => {
  await from?.close()
  await to?.close()
  await rm(dir, { recursive: true, force: true })
})

const dump = async ({ sql }: TestDatabase, table: string) =>
  (await sql<{ row: string }[]>`select to_jsonb(t)::text as row from ${sql(table)} t order by 1`).map(({ row }) => row)

describe('backup and restore', () => {
  it('knows every table of the schema', () => {
    const declared = Object.values(schema).filter((value) => is(value, PgTable)).map((table) => getTableName(table))
    expect([...TABLES].sort()).toEqual(declared.sort())
  })

  it('brings everything back, as another installation epoch with the reaper held', async () => {
    const now = 5000
    const linked = await aLinkedWorkspace(from.store, now, {
      secrets: { env: { TOKEN: 'hush-hush-hush' }, homeFiles: [] }, prompt: { promptId: randomIds.prompt(), text: 'line one\nline two\u2028three' },
    })
    await linked.upload(entries(450), 'journal')
    const file = join(dir, 'a.zst')
    const { rows } = await backup(from.sql, file)
    expect(rows).toBeGreaterThan(450)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await readdir(dir)).filter((name) => name.includes('partial'))).toEqual([])

    expect((await restore(to.sql, file)).rows).toBe(rows)
    for (const table of ['users', 'organisations', 'events', 'journals', 'prompts', 'workspace_secrets', 'approvals']) {
      expect(await dump(to, table)).toEqual(await dump(from, table))
    }
    const [before, after] = [await from.store.installation.installation(), await to.store.installation.installation()]
    expect(after).toMatchObject({ id: before.id, epoch: before.epoch + 1 })
    expect(after.reaperHeld).toContain('restored')
    expect(await to.store.secrets(linked.id)).toEqual({ env: { TOKEN: 'hush-hush-hush' }, homeFiles: [] })

    // The daemon's old link may not write; its new one has an epoch that no copy has minted.
    const batch = { workspaceId: linked.id, journalId: 'journal', entries: entries(1, 451) }
    expect(await to.store.links.upload({ ...batch, epoch: linked.epoch }, now)).toEqual({ kind: 'fenced' })
    const link = await openLink(to.store, linked.id, { now, lastN: 451 })
    expect(link.epoch).toBeGreaterThan(after.epoch * EPOCHS_PER_INSTALLATION_EPOCH)
    expect(link.journal).toEqual({ do: 'continue', ackedN: 450 })
    expect(await to.store.links.upload({ ...batch, epoch: link.epoch }, now)).toEqual({ kind: 'stored', ackedN: 451 })
    await to.store.prompts.add(linked.id, { promptId: randomIds.prompt(), text: 'later', by: 'me' }, now)
    expect((await to.store.prompts.pending(linked.id)).map(({ text }) => text)).toEqual(['line one\nline two\u2028three', 'later'])
  })

  it('refuses a database in use, and replaces it when told to', async () => {
    const file = join(dir, 'b.zst')
    await backup(from.sql, file)
    expect(await refusal(restore(to.sql, file))).toMatchObject({ code: 'conflict' })
    const before = await to.store.installation.installation()
    await restore(to.sql, file, { replace: true })
    expect((await to.store.installation.installation()).epoch).toBe(before.epoch + 1)
  })

  it('keeps what is there when the file is cut off, damaged, or something else', async () => {
    const file = join(dir, 'c.zst')
    await backup(from.sql, file)
    const before = await dump(to, 'events')
    await truncate(file, Math.floor((await stat(file)).size / 2))
    expect(await refusal(restore(to.sql, file, { replace: true }))).toMatchObject({ code: 'bad_request' })
    await writeFile(file, 'not a backup')
    expect(await refusal(restore(to.sql, file, { replace: true }))).toMatchObject({ code: 'bad_request' })
    await writeFile(file, Bun.zstdCompressSync(`${JSON.stringify({ berthBackup: 99, migrations: 1, version: '9.0.0', madeAt: 1 })}\n`))
    expect(await refusal(restore(to.sql, file, { replace: true }))).toMatchObject({ code: 'unsupported' })
    expect(await dump(to, 'events')).toEqual(before)
    expect(before.length).toBeGreaterThan(450)
  })

  it('holds no plain secret and no master key', async () => {
    const file = join(dir, 'd.zst')
    await backup(from.sql, file)
    const text = Buffer.from(await Bun.zstdDecompress(await readFile(file))).toString('utf8')
    expect(text).toContain('workspace_secrets')
    expect(text).not.toContain('hush-hush-hush')
    expect(text).not.toContain(Buffer.alloc(32, 7).toString('hex'))
  })
})
