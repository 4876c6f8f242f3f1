import { afterEach, describe, expect, it } from 'bun:test'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from './address.ts'
import { refusal } from './store-fixtures.ts'
import { restore } from './backup.ts'
import { compareVersions, migrateDatabase } from './migrate.ts'
import { openStore } from './open-store.ts'
import { createTestDatabase, openTestDatabase, TEST_MASTER_KEY } from './testing.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => { for (const cleanup of cleanups.splice(0).toReversed()) await cleanup() })
const own = join(import.meta.dir, '..', 'migrations')

async function emptyDatabase() {
  const database = await createTestDatabase({ migrated: false })
  cleanups.push(database.drop)
  return database.address
}
async function tempDir() {
  const dir = await mkdtemp(join(tmpdir(), 'berth-test-migrate-'))
  cleanups.push(() => rm(dir, { recursive: true, force: true }))
  return dir
}

describe('migrations', () => {
  it('run once when three processes start at the same time', async () => {
    const address = await emptyDatabase()
    const script = `
      const { migrateDatabase } = await import(${JSON.stringify(join(import.meta.dir, 'migrate.ts'))})
      console.log(await migrateDatabase({ address: ${JSON.stringify(address)}, version: '0.1.0' }))`
    const children = Array.from({ length: 3 }, () => Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe', stderr: 'inherit' }))
    const said = await Promise.all(children.map((child) => new Response(child.stdout).text()))
    const known = (await readdir(own)).filter((name) => name.endsWith('.sql')).length
    expect(said.map(Number).sort((a, b) => a - b)).toEqual([0, 0, known])
  }, 30_000)

  it('are preceded by a backup of a database in use, which can be restored', async () => {
    const address = await emptyDatabase()
    const first = await openStore({ database: address, masterKey: TEST_MASTER_KEY, connections: 1 })
    const { userId } = await first.access.bootstrap(1)
    await first.close()
    const folder = await tempDir()
    const backupsDir = join(await tempDir(), 'backups')
    await cp(own, folder, { recursive: true })
    const journal = JSON.parse(await readFile(join(folder, 'meta', '_journal.json'), 'utf8')) as { entries: { idx: number; when: number; tag: string }[] }
    const last = journal.entries.at(-1)!
    journal.entries.push({ ...last, idx: last.idx + 1, when: last.when + 1, tag: 'later' })
    await writeFile(join(folder, 'meta', '_journal.json'), JSON.stringify(journal))
    await writeFile(join(folder, 'later.sql'), 'alter table "users" add column "later" text')
    const second = await openStore({ database: address, masterKey: TEST_MASTER_KEY, connections: 1, migrationsFolder: folder, backupsDir })
    await second.close()
    const files = await readdir(backupsDir)
    expect(files).toHaveLength(1)
    const to = await openTestDatabase()
    cleanups.push(() => to.close())
    await restore(to.sql, join(backupsDir, files[0]!))
    expect(await to.sql`select id from users`).toMatchObject([{ id: userId }])
    const sql = connect(address, { max: 1 })
    expect(await sql`select later from users`).toMatchObject([{ later: null }])
    await sql.end()
    // Nothing to do: no second backup.
    await (await openStore({ database: address, masterKey: TEST_MASTER_KEY, connections: 1, migrationsFolder: folder, backupsDir })).close()
    expect(await readdir(backupsDir)).toHaveLength(1)
  }, 30_000)

  it('keep an older release out of a newer database', async () => {
    const address = await emptyDatabase()
    await (await openStore({ database: address, masterKey: TEST_MASTER_KEY, connections: 1 })).close()
    const sql = connect(address, { max: 1 })
    await sql`update installation set min_server_version = '0.2.0'`
    await sql.end()
    expect(await refusal(migrateDatabase({ address, version: '0.1.9' }))).toMatchObject({ code: 'unsupported' })
    expect(await migrateDatabase({ address, version: '0.2.0' })).toBe(0)
  })

  it('compare versions by number', () => {
    expect(compareVersions('0.10.0', '0.9.9')).toBeGreaterThan(0)
    expect(compareVersions('1.0.0-rc.1', '1.0.0')).toBe(0)
    expect(compareVersions('0.1', '0.1.1')).toBeLessThan(0)
  })
})
