/**
 * What exists because of one home: processes, containers, volumes, networks, files, and database rows. Taken before
 * and after a mistake, two inventories must be equal.
 *
 * A deleted workspace keeps its rows (its id is never given again, its events stay readable), so rows of deleted
 * workspaces do not count; rows that time alone makes (sightings, events of a living workspace) are told apart below.
 */
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { connect, type Sql } from '@berth/store'
import { SERVER_FILE } from '@berth/wire/server-file'

export interface Inventory {
  /** `pid command`; a process that was replaced by another one is a difference. */
  readonly processes: readonly string[]
  readonly docker: readonly string[]
  /** `mode path hash` below the home. */
  readonly files: readonly string[]
  /** table → rows; null: no database runs. */
  readonly rows: Readonly<Record<string, number>> | null
}
export interface InventoryOptions {
  /** Environment and labels that mark what belongs to the home even when no server runs now. */
  readonly installation?: string
  /** Directories beside the home that the product writes to (a toolbox, a TMPDIR). */
  readonly beside?: readonly string[]
}

export async function takeInventory(home: string, options: InventoryOptions = {}): Promise<Inventory> {
  const installation = options.installation ?? installationOf(home)
  return {
    processes: processesFor(home, installation).map(({ pid, command }) => `${pid} ${command}`).toSorted(),
    docker: installation === null ? [] : await dockerObjects(installation),
    files: [home, ...(options.beside ?? [])].flatMap((dir) => filesIn(dir)).toSorted(),
    rows: await rowsOf(home),
  }
}

/** Of the running server; null when there is none. */
export function installationOf(home: string): string | null {
  const path = join(home, SERVER_FILE)
  if (!existsSync(path)) return null
  return (JSON.parse(readFileSync(path, 'utf8')) as { installation: string }).installation
}

/** Those that name the home, inherited BERTH_HOME, or belong to one of its machines (whose processes carry the owner's mark). */
export function processesFor(home: string, installation: string | null): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      const environment = readFileSync(`/proc/${name}/environ`, 'utf8')
      const ours = command.includes(home) || environment.includes(`BERTH_HOME=${home}`) || (installation !== null && environment.includes(installation))
      // The database's own workers come and go with its connections.
      if (ours && command !== '' && !command.startsWith('postgres:')) found.push({ pid: Number(name), command: command.slice(0, 160) })
    } catch {
      // It ended while we looked.
    }
  }
  return found
}

async function dockerObjects(installation: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`dev.berth.installation=${installation}`] }))
  const ask = async <T>(path: string): Promise<T> => (await (await fetch(`http://docker/v1.41${path}filters=${filters}`, { unix: '/var/run/docker.sock' })).json()) as T
  if (!existsSync('/var/run/docker.sock')) return []
  const [containers, { Volumes }, networks] = await Promise.all([
    ask<{ Names: string[]; State: string }[]>('/containers/json?all=1&'), ask<{ Volumes: { Name: string }[] | null }>('/volumes?'), ask<{ Name: string }[]>('/networks?'),
  ])
  return [...containers.map(({ Names, State }) => `container ${Names.join()} ${State}`), ...(Volumes ?? []).map(({ Name }) => `volume ${Name}`), ...networks.map(({ Name }) => `network ${Name}`)].toSorted()
}

/** The database's and the logs' files change all the time, and with each record of who did what how far it came; below a machine or a hosted repository only its being there counts. */
const SKIPPED = /^(postgres|logs)(\/|$)|^(home\.lock|audit-heads\.json.*|.*-journal)$/
const ONLY_NAMED = /^(workspaces\/[^/]+\/[^/]+|repos\/[^/]+|agents|[0-9a-f]{16})$/
/** The port of the last time: another one when a server of somebody else took it between two runs. */
const ANY_CONTENT = /^run\/[a-z]+-port$/
const HASHED_LIMIT = 1024 * 1024

function filesIn(root: string): string[] {
  const found: string[] = []
  const walk = (dir: string): void => {
    for (const name of existsSync(dir) ? readdirSync(dir) : []) {
      const path = join(dir, name)
      const shown = relative(root, path)
      if (SKIPPED.test(shown)) continue
      const stats = lstatSync(path)
      const content = stats.isFile() && stats.size < HASHED_LIMIT && !ANY_CONTENT.test(shown) ? createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12) : ''
      found.push(`${stats.mode.toString(8)} ${path} ${content}`)
      if (stats.isDirectory() && !ONLY_NAMED.test(shown)) walk(path)
    }
  }
  walk(root)
  return found
}

const databaseSocket = (home: string): string => join(home, 'postgres/run/.s.PGSQL.5432')

export async function withDatabase<T>(home: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = connect({ kind: 'socket', path: databaseSocket(home), user: 'berth', database: 'postgres' }, { max: 1, applicationName: 'inventory' })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** Who a person's commits are by, learned from the first workspace and kept with the person. */
const OF_PERSONS = new Set(['commit_identities'])
/** Rows that time makes by itself, in a workspace that lives on. */
const BY_TIME = new Set(['sightings', 'events', 'streams', 'viewers'])

async function rowsOf(home: string): Promise<Record<string, number> | null> {
  if (!existsSync(databaseSocket(home))) return null
  return await withDatabase(home, async (sql) => {
    const columns = await sql<{ name: string; perWorkspace: boolean }[]>`
      select t.table_schema || '.' || t.table_name as name,
        bool_or(c.column_name = 'workspace_id') as per_workspace
      from information_schema.tables t join information_schema.columns c using (table_schema, table_name)
      where t.table_type = 'BASE TABLE' and t.table_schema not in ('pg_catalog', 'information_schema') group by 1 order by 1`
    const rows: Record<string, number> = {}
    for (const { name, perWorkspace } of columns) {
      const table = name.split('.')[1] ?? name
      if (BY_TIME.has(table) || OF_PERSONS.has(table)) continue
      const where = table === 'workspaces' ? 'where deleted_at is null' : perWorkspace ? 'where workspace_id in (select id from workspaces where deleted_at is null)' : ''
      const [counted] = await sql.unsafe<{ count: number }[]>(`select count(*)::int as count from ${name.split('.').map((part) => `"${part}"`).join('.')} ${where}`)
      rows[table] = counted?.count ?? 0
    }
    return rows
  })
}
