/**
 * Databases for tests: one PostgreSQL for the whole test process (not durable, gone with it), and in it a fresh
 * database for each call, copied from one that is already migrated.
 */
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Store } from '@berth/core'
import { VERSION } from '@berth/wire'
import { connect, type DatabaseAddress, type Sql } from './address.ts'
import { type Embedded, startEmbedded } from './embedded/start.ts'
import { migrateDatabase } from './migrate.ts'
import { openStore, type StoreOptions } from './open-store.ts'

export interface TestDatabase {
  readonly store: Store
  /** For looking behind the store. */
  readonly sql: Sql
  readonly address: DatabaseAddress
  /** Of the same database, for programs that take DATABASE_URL. */
  readonly url: string
  close(): Promise<void>
}

const TEMPLATE = 'berth_template'
const CONNECTIONS = 3
let cluster: Promise<{ embedded: Embedded; admin: Sql }> | null = null
let databases = 0

async function startCluster(): Promise<{ embedded: Embedded; admin: Sql }> {
  const home = await mkdtemp(join(tmpdir(), 'berth-test-pg-'))
  // The database's own user passes through it.
  await chmod(home, 0o711)
  const embedded = await startEmbedded({ home, durable: false })
  removeAfterUs(home, embedded.pid)
  const admin = connect(embedded.address, { max: 1 })
  await admin`create database ${admin(TEMPLATE)}`
  await migrateDatabase({ address: named(embedded, TEMPLATE), version: VERSION })
  return { embedded, admin }
}

/**
 * However the tests end, also by a kill: the pipe closes, the database (which follows us by itself) is waited for,
 * and its files are removed.
 */
function removeAfterUs(home: string, pid: number): void {
  const script = 'trap "" INT TERM HUP; cat >/dev/null; while kill -0 "$2" 2>/dev/null; do sleep 0.1; done; rm -rf "$1"'
  Bun.spawn(['sh', '-c', script, 'sh', home, String(pid)], { cwd: '/', stdin: 'pipe', stdout: 'ignore', stderr: 'ignore' }).unref()
}

const named = ({ address }: Embedded, database: string): DatabaseAddress => (address.kind === 'socket' ? { ...address, database } : address)

/** A database that holds nothing, not even the schema, unless `migrated`. */
export async function createTestDatabase({ migrated }: { migrated: boolean }): Promise<{ address: DatabaseAddress; drop(): Promise<void> }> {
  const { embedded, admin } = await (cluster ??= startCluster())
  const database = `test_${++databases}`
  if (migrated) await admin`create database ${admin(database)} template ${admin(TEMPLATE)}`
  else await admin`create database ${admin(database)}`
  return {
    address: named(embedded, database),
    async drop() { await admin`drop database if exists ${admin(database)} with (force)` },
  }
}

export const TEST_MASTER_KEY = new Uint8Array(32).fill(7)

export async function openTestDatabase(options: Partial<Omit<StoreOptions, 'database'>> = {}): Promise<TestDatabase> {
  const { address, drop } = await createTestDatabase({ migrated: true })
  const store = await openStore({ masterKey: TEST_MASTER_KEY, ownerName: 'tester', connections: CONNECTIONS, ...options, database: address })
  const sql = connect(address, { max: CONNECTIONS })
  return {
    store, sql, address, url: urlOf(address),
    async close() {
      await store.close()
      await sql.end({ timeout: 1 })
      await drop()
    },
  }
}

function urlOf(address: DatabaseAddress): string {
  if (address.kind === 'url') return address.url
  const url = new URL(`postgres://${address.user}@localhost/${address.database}`)
  url.searchParams.set('host', dirname(address.path))
  return url.href
}
