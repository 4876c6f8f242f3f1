import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NewAuditRecord } from '@berth/core'
import { openTestDatabase, type TestDatabase } from '@berth/store/testing'
import { AUDIT_HEADS_FILE, forgetAuditHeads, rememberAuditHeads } from './audit-heads.ts'
import { createClosers } from './closers.ts'

setDefaultTimeout(60_000)
const NOW = 1_000_000
const record = (subject: string): NewAuditRecord => ({ action: 'git.push', workspaceId: null, actor: 'demo', subject, allowed: true, reason: null, refs: [], tokenExpiresAt: null })

const ends: (() => Promise<void> | void)[] = []
afterEach(async () => { for (const end of ends.splice(0).reverse()) await end() })

async function world() {
  const home = mkdtempSync(join(tmpdir(), 'audit-heads-'))
  const database: TestDatabase = await openTestDatabase()
  ends.push(() => rmSync(home, { recursive: true, force: true }), () => database.close())
  const { orgId } = await database.store.access.bootstrap(NOW)
  const logged: string[] = []
  /** As a server has it from its start to its end. */
  const during = async (work: (audit: TestDatabase['store']['audit']) => Promise<unknown>): Promise<number | null> => {
    const closers = createClosers((line) => void logged.push(line))
    const { audit } = await rememberAuditHeads(database.store, { home, log: (line) => void logged.push(line), closers })
    await work(audit)
    const found = await audit.firstBroken(orgId)
    await closers.closeAll()
    return found
  }
  return { home, orgId, sql: database.sql, store: database.store, logged, during, write: (count: number) => during(async (audit) => { for (let at = 0; at < count; at++) await audit.write(orgId, record(String(at)), NOW) }) }
}
const nothing = async (): Promise<void> => {}

test('what was cut off the end is noticed at once, after a start, and when others were written behind the gap', async () => {
  const { sql, orgId, logged, during, write } = await world()
  expect(await write(5)).toBeNull()
  await during(async (audit) => {
    await sql`delete from audit where n = 5`
    expect(await audit.firstBroken(orgId)).toBe(5)
  })
  expect(await during(nothing)).toBe(5)
  expect(await write(3)).toBe(5)
  expect(await write(1)).toBe(5)
  // Once in each run, and never what it said.
  expect(logged.filter((line) => line.includes('record 5 was changed or taken out'))).toHaveLength(2)
})

test('records that are written at once, by others too, are none that are missing', async () => {
  const { home, sql, store, orgId, during, write } = await world()
  expect(await during((audit) => Promise.all(Array.from({ length: 30 }, (_, at) => audit.write(orgId, record(String(at)), NOW))))).toBeNull()
  expect(JSON.parse(readFileSync(join(home, AUDIT_HEADS_FILE), 'utf8'))).toMatchObject({ [orgId]: { n: 30 } })
  // A key that is changed writes one while no server runs.
  await store.audit.write(orgId, record('key'), NOW)
  expect(await write(1)).toBeNull()
  await sql`delete from audit where n = 32`
  expect(await during(nothing)).toBe(32)
})

test('what is written is written, also when it cannot be looked at afterwards', async () => {
  const { home, orgId, store, logged } = await world()
  let away = false
  const list: typeof store.audit.list = (...asked) => (away ? Promise.reject(new Error('the database went')) : store.audit.list(...asked))
  const closers = createClosers(() => {})
  const { audit } = await rememberAuditHeads({ audit: { ...store.audit, list } }, { home, log: (line) => void logged.push(line), closers })
  await audit.write(orgId, record('one'), NOW)
  away = true
  expect(await audit.write(orgId, record('two'), NOW)).toMatchObject({ n: 2 })
  expect(logged.join('\n')).toContain('the database went')
  away = false
  expect(await audit.write(orgId, record('three'), NOW)).toMatchObject({ n: 3 })
  await closers.closeAll()
  expect(JSON.parse(readFileSync(join(home, AUDIT_HEADS_FILE), 'utf8'))).toMatchObject({ [orgId]: { n: 3 } })
})

test('a restored database begins anew, and a file that cannot be read is said', async () => {
  const { home, sql, logged, during, write } = await world()
  await write(4)
  await sql`delete from audit where n > 2`
  await forgetAuditHeads(home)
  expect(await write(1)).toBeNull()
  writeFileSync(join(home, AUDIT_HEADS_FILE), '{"half')
  expect(await during(nothing)).toBeNull()
  expect(logged.join('\n')).toContain(`${AUDIT_HEADS_FILE} cannot be read`)
  expect(await write(1)).toBeNull()
})
