/** Brings a database to the schema of this release. */
import { join } from 'node:path'
import { BerthError } from '@berth/wire'
import { drizzle } from 'drizzle-orm/postgres-js'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { migrate as runMigrations } from 'drizzle-orm/postgres-js/migrator'
import { connect, type DatabaseAddress, type Queries, type Sql } from './address.ts'

/** The oldest release that can serve this schema. Raised when a migration contracts. */
export const MIN_SERVER_VERSION = '0.1.0'
/** Any number, the same in every server: only one migrates at a time. */
const MIGRATION_LOCK = 7_106_227

const migrationsFolder = join(import.meta.dir, '..', 'migrations')

export interface MigrateOptions {
  readonly address: DatabaseAddress
  readonly version: string
  /** Where the SQL is; absent: beside this package's source. */
  readonly folder?: string
  /** Called before the schema of a database that is already in use changes. */
  readonly beforeChange?: (sql: Sql, applied: number) => Promise<void>
}

/** How many migrations ran. */
export async function migrateDatabase({ address, version, folder = migrationsFolder, beforeChange }: MigrateOptions): Promise<number> {
  // One connection, because the advisory lock belongs to it.
  const sql = connect(address, { max: 1, applicationName: 'berth migrate' })
  try {
    await sql`select pg_advisory_lock(${MIGRATION_LOCK})`
    const known = readMigrationFiles({ migrationsFolder: folder })
    const applied = await appliedMigrations(sql)
    await refuseOldServer(sql, version, applied)
    const missing = known.length - applied
    if (missing <= 0) return 0
    if (applied > 0) await beforeChange?.(sql, applied)
    // A client of its own: drizzle changes how the one it gets writes JSON, and reads columns by their own names.
    const client = connect(address, { max: 1, applicationName: 'berth migrate', columnNames: 'database' })
    try { await runMigrations(drizzle(client), { migrationsFolder: folder }) } finally { await client.end() }
    const now = await appliedMigrations(sql)
    if (now !== known.length) throw new BerthError('database_unavailable', `the database is at migration ${now} of ${known.length} after migrating`, { hint: 'a migration older than the newest applied one was added; this release is broken' })
    await sql`update installation set min_server_version = ${MIN_SERVER_VERSION}`
    return missing
  } finally {
    await sql.end({ timeout: 5 })
  }
}

export async function appliedMigrations(sql: Queries): Promise<number> {
  const [table] = await sql<{ name: string | null }[]>`select to_regclass('drizzle.__drizzle_migrations')::text as name`
  if (table === undefined || table.name === null) return 0
  const [row] = await sql<{ count: number }[]>`select count(*) as count from drizzle.__drizzle_migrations`
  return row?.count ?? 0
}

async function refuseOldServer(sql: Sql, version: string, applied: number): Promise<void> {
  if (applied === 0) return
  const [row] = await sql<{ minServerVersion: string }[]>`select min_server_version as "minServerVersion" from installation`
  if (row === undefined || compareVersions(version, row.minServerVersion) >= 0) return
  throw new BerthError('unsupported', `this database needs berth ${row.minServerVersion} or newer, this is ${version}`, { hint: 'update berth, or restore a backup made by this release' })
}

/** By number, part by part; a pre-release counts as its release. */
export function compareVersions(left: string, right: string): number {
  const parts = (version: string) => (version.split(/[-+]/)[0] ?? '').split('.').map((part) => Number.parseInt(part, 10) || 0)
  const [a, b] = [parts(left), parts(right)]
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
