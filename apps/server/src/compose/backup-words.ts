/**
 * `backup` and `restore`, words of the server's process. A backup is taken of the database as it stands, whether a
 * server runs on it or not; a restore needs the home for itself.
 */
import { mkdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { backup, connect, findEmbedded, beginRotation, endRotation, loadMasterKey, migrateDatabase, noteRotation, opensSecrets, reseal, restore, startEmbedded } from '@berth/store'
import type { BackupSummary, DatabaseAddress, EmbeddedOptions, Sql } from '@berth/store'
import { BerthError, VERSION } from '@berth/wire'
import type { Carried } from './carried.ts'
import { readConfig } from './config.ts'
import { requireExternalDatabase } from './external-database.ts'
import { forgetAuditHeads } from './audit-heads.ts'
import { backupsDir, defaultHome, lockHome, prepareHome } from './home.ts'
import { messageOf } from '../thrown.ts'

export const BACKUP_WORDS = ['backup', 'restore', 'rotate-keys'] as const
export type BackupWord = (typeof BACKUP_WORDS)[number]

interface Words {
  readonly home: string
  readonly file: string
  /** Prints the master key, instead of the file. */
  readonly keyCommand: string | undefined
  readonly replace: boolean
  readonly json: boolean
  readonly databaseUrl: string | undefined
  readonly carried: Carried | undefined
  readonly out: (line: string) => void
}

export interface WordsContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly carried?: Carried
  readonly out: (line: string) => void
}

export async function runBackupWord(word: BackupWord, args: readonly string[], { env, carried, out }: WordsContext): Promise<void> {
  const { values, positionals } = parsed(word, args)
  const [file, ...more] = positionals
  if (word !== 'rotate-keys' && (file === undefined || more.length > 0)) throw new BerthError('bad_request', `${word} takes one file`, { hint: `berth ${word} <file>` })
  const home = values.home ?? defaultHome(env)
  const databaseUrl = env['DATABASE_URL'] || (await readConfig(home)).databaseUrl
  const words: Words = { home, file: resolve(file ?? ''), keyCommand: env['BERTH_MASTER_KEY_COMMAND'], replace: values.replace ?? false, json: values.json ?? false, databaseUrl, carried, out }
  if (word === 'rotate-keys') return rotateKeys(words)
  await (word === 'backup' ? backUp(words) : putBack(words))
}

function parsed(word: BackupWord, args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: { home: { type: 'string' }, json: { type: 'boolean' }, ...(word === 'restore' ? { replace: { type: 'boolean' } } : {}) } as const }) as
      { values: { home?: string; json?: boolean; replace?: boolean }; positionals: string[] }
  } catch (cause) {
    throw new BerthError('bad_request', messageOf(cause), { hint: `berth ${word} <file>`, cause })
  }
}

async function backUp(words: Words): Promise<void> {
  const { file, out, json } = words
  if (await stat(file).catch(() => null)) throw new BerthError('conflict', `${file} exists`, { hint: 'name a new file' })
  await requireDirectory(file)
  const summary = await withDatabase(words, (sql) => backup(sql, file))
  if (json) return out(JSON.stringify({ file, ...summary, masterKey: join(words.home, 'master.key') }))
  out(`Wrote ${summary.rows} rows to ${file}.`)
  out(`Machines and their disks are not in it. Secrets in it open only with ${join(words.home, 'master.key')}: keep a copy of that elsewhere.`)
}

/**
 * The home for itself: what is sealed under two keys at once is only for as long as this takes, or for as long as it was
 * broken off, when the server opens both and the word goes on where it ended. A command gives the keys as its owner wants
 * them, the new one first.
 */
async function rotateKeys(words: Words): Promise<void> {
  const { home, keyCommand, json, out } = words
  await prepareHome(home)
  const unlock = lockHome(home)
  const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
  try {
    const own = keyCommand === undefined || keyCommand === ''
    const key = own ? await beginRotation(home, random) : await loadMasterKey(home, random, keyCommand)
    const done = await withOwnDatabase(words, async (_, sql) => {
      const sealed = await reseal(sql, key, random)
      await noteRotation(sql, key, { sealed, now: Date.now() })
      return sealed
    })
    if (own) await endRotation(home, random)
    if (json) return out(JSON.stringify({ ...done, source: own ? 'file' : 'command' }))
    out(`Sealed ${done.secrets} secrets and keyed ${done.records} records anew.`)
    out(own ? `Copy ${join(home, 'master.key')} to where you keep it; older copies open older backups only.` : 'The older keys need not be printed any more; keep them for older backups.')
  } finally {
    unlock()
  }
}

async function requireDirectory(file: string): Promise<void> {
  const found = await stat(dirname(file)).catch(() => null)
  if (found?.isDirectory() !== true) throw new BerthError('not_found', `there is no directory ${dirname(file)}`, { hint: 'make it first' })
}

async function putBack(words: Words): Promise<void> {
  const { home, file, replace, json, out } = words
  if (!(await stat(file).catch(() => null))) throw new BerthError('not_found', `there is no file ${file}`, { hint: 'name a file that `berth backup` made' })
  await prepareHome(home)
  const unlock = lockHome(home)
  try {
    const { summary, before, keyFits } = await withOwnDatabase(words, async (address, sql) => {
      await migrateDatabase({ address, version: VERSION, ...(words.carried ? { folder: words.carried.migrations } : {}) })
      const kept = replace ? await keepWhatIsThere(sql, home) : null
      const restored = await restore(sql, file, { replace })
      await forgetAuditHeads(home)
      const masterKey = await loadMasterKey(home, (bytes) => crypto.getRandomValues(new Uint8Array(bytes)), words.keyCommand)
      return { summary: restored, before: kept, keyFits: await opensSecrets(sql, masterKey) }
    })
    if (json) return out(JSON.stringify({ file, ...summary, before, reaperHeld: true, masterKeyFits: keyFits }))
    for (const line of told(words, { summary, before, keyFits })) out(line)
  } finally {
    unlock()
  }
}

function told({ file, home }: Words, { summary, before, keyFits }: { summary: BackupSummary; before: string | null; keyFits: boolean }): string[] {
  return [
    `Restored ${summary.rows} rows from ${file}, made ${new Date(summary.madeAt).toISOString()}.`,
    ...(before === null ? [] : [`What was here before is in ${before}.`]),
    'The reaper is held: machines made since that backup are unknown here and stay. `berth server release-reaper` lets it remove them.',
    ...(keyFits ? [] : [`Secrets of the workspaces were sealed under another master key: put that installation's master.key at ${join(home, 'master.key')}.`]),
  ]
}

/** The undo of a restore that was a mistake. */
async function keepWhatIsThere(sql: Sql, home: string): Promise<string> {
  const dir = backupsDir(home)
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const file = join(dir, `before-restore-${new Date().toISOString().replaceAll(/[:.]/g, '-')}.berth.zst`)
  await backup(sql, file)
  return file
}

/** The database as it is now: a running server's, an external one, or ours started for a moment. */
async function withDatabase<T>(words: Words, work: (sql: Sql) => Promise<T>): Promise<T> {
  if (words.databaseUrl !== undefined) {
    await requireExternalDatabase(words.databaseUrl)
    return connected({ kind: 'url', url: words.databaseUrl }, work)
  }
  const { address, exists } = await findEmbedded(words.home)
  if (!exists) throw new BerthError('not_found', `there is nothing to back up in ${words.home}`, { hint: 'set BERTH_HOME to the home of the server' })
  const unlock = lockUnlessRunning(words.home)
  if (unlock === null) return connected(address, work)
  try {
    return await withOwnDatabase(words, (_, sql) => work(sql))
  } finally {
    unlock()
  }
}

function lockUnlessRunning(home: string): (() => void) | null {
  try {
    return lockHome(home)
  } catch (error) {
    if (error instanceof BerthError && error.code === 'server_running') return null
    throw error
  }
}

/** With the home's lock held. */
async function withOwnDatabase<T>(words: Words, work: (address: DatabaseAddress, sql: Sql) => Promise<T>): Promise<T> {
  const { databaseUrl, home, carried } = words
  if (databaseUrl !== undefined) {
    await requireExternalDatabase(databaseUrl)
    const address: DatabaseAddress = { kind: 'url', url: databaseUrl }
    return connected(address, (sql) => work(address, sql))
  }
  const options: EmbeddedOptions = { home, ...(carried ? { binaries: carried.postgres } : {}) }
  const embedded = await startEmbedded(options)
  try {
    return await connected(embedded.address, (sql) => work(embedded.address, sql))
  } finally {
    await embedded.stop()
  }
}

async function connected<T>(address: DatabaseAddress, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = connect(address, { max: 2, applicationName: 'berth backup' })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}
