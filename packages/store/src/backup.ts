/**
 * `berth backup` and `berth restore`: every row of every table as zstd'd lines of JSON. Logical, so it is also the
 * way to another major version of PostgreSQL and to another server.
 *
 * Line one is the header; then for each table a line that names it, its rows, one a line (each an object by column,
 * JSON columns as JSON); the last line counts them, so a file that was cut off is noticed before anything is kept.
 * The master key is not in it: without that file the sealed secrets in a backup are closed for ever.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress, createZstdDecompress } from 'node:zlib'
import { BerthError, VERSION } from '@berth/wire'
import { z } from 'zod'
import type { Queries, Sql, Transaction } from './address.ts'
import { raiseLinkEpochs } from './links.ts'
import { appliedMigrations, MIN_SERVER_VERSION } from './migrate.ts'

export const BACKUP_FORMAT = 1
const ROWS_AT_ONCE = 200
/** Parents before children, so that foreign keys hold at each row. A test compares it with the schema. */
export const TABLES = [
  'users', 'organisations', 'memberships', 'installation', 'tokens', 'sign_in_codes', 'workspaces', 'workspace_secrets', 'machines',
  'streams', 'events', 'journals', 'links', 'boot_tokens', 'link_tokens', 'approvals', 'prompts', 'viewers', 'sightings',
  'reviews', 'review_marks', 'review_comments', 'user_settings', 'push_devices', 'decision_tokens', 'notifications', 'server_keys',
  'previews', 'preview_grants', 'git_hosts', 'deploy_keys', 'commit_identities', 'signing_keys', 'repository_tokens', 'hosted_repositories', 'git_policies', 'github_apps', 'github_setups', 'github_deliveries', 'github_hooks', 'pull_watches', 'project_secrets', 'audit', 'model_keys', 'model_usage', 'sessions',
  'model_fallbacks', 'model_usage_days', 'model_budgets', 'egress_policies', 'egress_refusals', 'injections', 'cost_intervals', 'cost_limits', 'provider_notes', 'pools',
  'user_identities', 'passkeys', 'invitations', 'workspace_grants', 'repository_access', 'device_logins', 'sign_in_steps', 'sign_in_failures', 'saved_states',
] as const
type Table = (typeof TABLES)[number]

const Header = z.object({ berthBackup: z.number().int(), migrations: z.number().int(), version: z.string(), madeAt: z.number() })
const Line = z.union([z.object({ table: z.enum(TABLES) }), z.object({ end: z.number().int() }), z.object({ row: z.record(z.string(), z.unknown()) })])

export interface BackupSummary { readonly rows: number; readonly madeAt: number }

/** One consistent moment of a database in use. The file is whole under its name, or not there. */
export async function backup(sql: Sql, toFile: string): Promise<BackupSummary> {
  const partial = `${toFile}.${process.pid}.partial`
  try {
    const summary = await sql.begin('isolation level repeatable read read only', async (tx) => {
      const done = { rows: 0, madeAt: 0 }
      await pipeline(Readable.from(lines(tx, await appliedMigrations(tx), done)), createZstdCompress(), createWriteStream(partial, { mode: 0o600, flags: 'wx' }))
      return done
    })
    const file = await open(partial, 'r+')
    try { await file.sync() } finally { await file.close() }
    await rename(partial, toFile)
    return summary
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

async function* lines(tx: Transaction, migrations: number, done: { rows: number; madeAt: number }): AsyncGenerator<string> {
  const [clock] = await tx<{ now: number }[]>`select (extract(epoch from clock_timestamp()) * 1000)::bigint as now`
  done.madeAt = clock?.now ?? 0
  yield `${JSON.stringify({ berthBackup: BACKUP_FORMAT, migrations, version: VERSION, madeAt: done.madeAt })}\n`
  for (const table of await presentTables(tx)) {
    yield `${JSON.stringify({ table })}\n`
    for await (const rows of tx<{ row: string }[]>`select to_jsonb(t)::text as row from ${tx(table)} t`.cursor(ROWS_AT_ONCE)) {
      done.rows += rows.length
      yield rows.map(({ row }) => `{"row":${row}}\n`).join('')
    }
  }
  yield `${JSON.stringify({ end: done.rows })}\n`
}

/** Before a migration the newest tables are not there yet. */
async function presentTables(sql: Queries): Promise<Table[]> {
  const rows = await sql<{ name: string }[]>`select table_name as name from information_schema.tables where table_schema = 'public'`
  const names = new Set(rows.map((row) => row.name))
  return TABLES.filter((table) => names.has(table))
}

export interface RestoreOptions {
  /** Deletes what is there. Without it a database in use is refused. */
  readonly replace?: boolean
}

/**
 * All of it or nothing. What the backup knew may be older than the world: daemons get new epochs, above every one
 * this or the copied database has minted, and the reaper waits for a person.
 */
export async function restore(sql: Sql, fromFile: string, options: RestoreOptions = {}): Promise<BackupSummary> {
  return sql.begin(async (tx) => {
    const [before] = await tx<{ epoch: number }[]>`select epoch from installation`
    await requireEmpty(tx, options.replace ?? false)
    const summary = await readInto(tx, fromFile)
    await tx`
      update installation set min_server_version = ${MIN_SERVER_VERSION}, epoch = greatest(epoch, ${before?.epoch ?? 0}) + 1,
        reaper_held = 'restored from a backup: machines made since then are unknown here'`
    await raiseLinkEpochs(tx)
    await tx`select setval(pg_get_serial_sequence('prompts', 'position'), (select coalesce(max(position), 0) + 1 from prompts), false)`
    await tx`update links set closed_at = coalesce(closed_at, last_seen_at)`
    await tx`update machines set linked_at = null`
    // Nobody holds a claim on a restored database, and everything is due for a look.
    await tx`update workspaces set lease_owner = null, lease_until = null, fence = fence + 1, next_tick_at = 0`
    await tx`delete from sightings`
    await tx`delete from viewers`
    return summary
  })
}

async function requireEmpty(tx: Transaction, replace: boolean): Promise<void> {
  const [row] = await tx<{ used: boolean }[]>`select exists (select from users) or exists (select from workspaces) as used`
  if (row?.used === true && !replace) {
    throw new BerthError('conflict', 'this database is in use', { hint: 'restore into a fresh home, or say `--replace` to delete what is here' })
  }
  await tx`truncate ${tx(TABLES as unknown as string[])}`
}

async function readInto(tx: Transaction, fromFile: string): Promise<BackupSummary> {
  try {
    return await readRows(tx, fromFile)
  } catch (error) {
    const { code } = error as { code?: string }
    if (code?.startsWith('ZSTD_') === true || code === 'Z_BUF_ERROR') throw broken('it cannot be unpacked', error)
    throw error
  }
}

async function readRows(tx: Transaction, fromFile: string): Promise<BackupSummary> {
  const source = createReadStream(fromFile)
  const unpacked = createZstdDecompress()
  // What it throws comes out of the iteration too; without a handler of its own it would end the process.
  pipeline(source, unpacked).catch(() => {})
  let header: z.infer<typeof Header> | null = null
  let table: Table | null = null
  let rows = 0
  let ended = false
  let batch: Record<string, unknown>[] = []
  const flush = async () => {
    if (table !== null && batch.length > 0) await insertRows(tx, table, batch)
    batch = []
  }
  for await (const text of linesOf(unpacked)) {
    if (header === null) { header = checkedHeader(text, await appliedMigrations(tx)); continue }
    const line = parseLine(text)
    if ('row' in line) {
      rows++
      if (batch.push(line.row) >= ROWS_AT_ONCE) await flush()
      continue
    }
    await flush()
    if ('table' in line) table = line.table
    else ended = line.end === rows
  }
  if (header === null || !ended) throw broken('it ends too early')
  return { rows, madeAt: header.madeAt }
}

const broken = (why: string, cause?: unknown) => new BerthError('bad_request', `this backup is damaged: ${why}`, { hint: 'use another backup; nothing was changed', cause })

function checkedHeader(text: string, migrations: number): z.infer<typeof Header> {
  const header = Header.safeParse(jsonOf(text))
  if (!header.success) throw new BerthError('bad_request', 'this file is not a backup', { hint: 'it is made by `berth backup`' })
  const { berthBackup, migrations: made, version } = header.data
  if (berthBackup > BACKUP_FORMAT || made > migrations) {
    throw new BerthError('unsupported', `this backup was made by berth ${version}, which is newer`, { hint: 'update berth and restore again' })
  }
  return header.data
}

function parseLine(text: string): z.infer<typeof Line> {
  const line = Line.safeParse(jsonOf(text))
  if (!line.success) throw broken('a line is not what it should be')
  return line.data
}

/** By newline only: JSON text may hold other separators of lines, which `readline` would cut at. */
async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  const parts: string[] = []
  for await (const chunk of stream) {
    const pieces = decoder.decode(chunk, { stream: true }).split('\n')
    for (const piece of pieces.slice(0, -1)) {
      yield parts.join('') + piece
      parts.length = 0
    }
    parts.push(pieces.at(-1) ?? '')
  }
  if (parts.join('') !== '') yield parts.join('')
}

function jsonOf(text: string): unknown {
  try { return JSON.parse(text) } catch { return null }
}

/** Columns that the backup does not know (it is older than the schema) get their defaults. */
async function insertRows(tx: Transaction, table: Table, rows: readonly Record<string, unknown>[]): Promise<void> {
  const known = await tx<{ name: string }[]>`
    select column_name as name from information_schema.columns
    where table_schema = 'public' and table_name = ${table} order by ordinal_position`
  const columns = known.map(({ name }) => name).filter((name) => rows.some((row) => name in row))
  await tx`
    insert into ${tx(table)} (${tx(columns)}) overriding system value
    select ${tx(columns)} from jsonb_populate_recordset(null::${tx(table)}, ${JSON.stringify(rows)}::text::jsonb)`
}
