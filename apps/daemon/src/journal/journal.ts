/**
 * The daemon's durable memory (contract: `Journal` in contracts.ts) and what the link's uploader reads of it.
 *
 * Entries are numbered 1, 2, 3 … under a random journal id. Acked entries are kept for a while, because a server
 * restored from a backup asks for them again. The newest entry is never removed, so the numbers never start over.
 */
import { Database } from 'bun:sqlite'
import { chmodSync, closeSync, openSync, renameSync, rmSync } from 'node:fs'
import { randomIds } from '@berth/wire'
import type { EventBody, EventId } from '@berth/wire'
import type { JournalEntry } from '@berth/wire/daemon'
import type { Journal } from '../contracts.ts'
import { cutBody } from './cut.ts'
import { createMasker } from './mask.ts'
import { createTransactions } from './transactions.ts'

export const KEEP_ACKED_MS = 7 * 24 * 60 * 60_000
export const KEEP_BYTES = 256 * 1024 * 1024
/** With the server away for very long the oldest entries go, and the upload says so by a `gap`. */
const KEEP_UNACKED_BYTES = 1024 * 1024 * 1024
/** Keys guard against the same thing read twice after a crash; nothing is read twice a month later. */
const KEEP_KEYS_MS = 30 * 24 * 60 * 60_000
const PRUNE_EVERY = 500
const PRUNE_CHUNK = 1000

export interface UploadJournal extends Journal {
  readonly id: string
  /** The oldest entry kept; 1 when empty. */
  readonly firstN: number
  /** 0: nothing was ever journaled. */
  readonly lastN: number
  readonly ackedN: number
  /** Entries with n > `n`, in order, at most `limit` of them. */
  after(n: number, limit: number): JournalEntry[]
  /** The server has stored everything up to n, and nothing after it: one restored from a backup has less than before. */
  acked(n: number): void
  /** A new journal id; entries from `from` on are renumbered from 1, behind a `gap` event when given. */
  rotate(options: { from: number; gap?: { from: number; to: number; why: string } }): void
  onAppend(listener: () => void): () => void
  /** Of these names, and every key of what was journaled, the newest first. */
  memory(isKept: (name: string) => boolean): { values: Record<string, string>; keys: string[] }
  /** What another machine's journal remembered, in the order in which it told. */
  recall(memory: { values: Readonly<Record<string, string>>; keys: readonly string[] }): void
  /** What `mask` was told so far. Secret. */
  readonly secrets: ReadonlySet<string>
  close(): void
}

export interface JournalOptions {
  readonly path: string
  /** Wall time, for the ages of entries. */
  readonly now?: () => number
  readonly keepBytes?: number
}

interface Row { n: number; id: string; at: number; body: string }

export function openJournal(options: JournalOptions): UploadJournal {
  const now = options.now ?? Date.now
  const opened = openOrSetAside(options.path)
  const { db } = opened
  const listeners = new Set<() => void>()
  let masker = createMasker([])
  const secrets = new Set<string>()
  const statements = prepare(db)
  const meta = (name: string): string => statements.getMeta.get(name)?.value ?? ''
  let [appended, sincePrune] = [false, 0]
  let state = load()

  function load(): { id: string; lastN: number; ackedN: number } {
    return { id: meta('id'), lastN: statements.lastN.get()?.n ?? 0, ackedN: Number(meta('acked')) }
  }

  const transactions = createTransactions(db, {
    undone(outermost) {
      if (outermost) appended = false
      state = load()
    },
    committed() {
      if (!appended) return
      appended = false
      for (const listener of listeners) listener()
      if (sincePrune < PRUNE_EVERY) return
      sincePrune = 0
      prune()
    },
  })

  function insert(body: EventBody, at: number): void {
    state.lastN += 1
    // The masker keeps the shape: it only rewrites strings.
    statements.insert.run(state.lastN, randomIds.event(), at, cutBody(masker(body) as EventBody))
    appended = true
    sincePrune += 1
  }

  function prune(): void {
    const limits = { acked: Math.min(state.ackedN, state.lastN - 1), newestOld: state.lastN - 1, keepBytes: options.keepBytes ?? KEEP_BYTES, now: now() }
    transactions.run(() => { dropWhatIsOver(db, statements, limits) })
  }

  function begin(ackedN: number): void {
    state.id = crypto.randomUUID()
    state.ackedN = ackedN
    statements.setMeta.run('id', state.id)
    statements.setMeta.run('acked', String(ackedN))
  }

  const journal: UploadJournal = {
    get id() { return state.id },
    get firstN() { return statements.firstN.get()?.n ?? 1 },
    get lastN() { return state.lastN },
    get ackedN() { return state.ackedN },
    append(body, { key } = {}) {
      transactions.run(() => {
        if (key !== undefined && statements.addKey.run(key, now()).changes === 0) return
        insert(body, now())
      })
    },
    get: (name) => statements.getValue.get(name)?.value ?? null,
    set(name, value) {
      if (value === null) statements.dropValue.run(name)
      else statements.setValue.run(name, value)
    },
    transaction: transactions.run,
    mask(values) {
      for (const value of values) secrets.add(value)
      masker = createMasker(secrets)
    },
    after: (n, limit) => statements.after.all(n, limit).map((row) => ({ n: row.n, id: row.id as EventId, ageMs: Math.max(0, now() - row.at), body: JSON.parse(row.body) as JournalEntry['body'] })),
    acked(n) {
      const reached = Math.min(n, state.lastN)
      if (reached === state.ackedN) return
      state.ackedN = reached
      statements.setMeta.run('acked', String(reached))
    },
    rotate({ from, gap }) {
      transactions.run(() => {
        const rows = statements.after.all(from - 1, Number.MAX_SAFE_INTEGER)
        db.run('DELETE FROM entry')
        begin(0)
        state.lastN = 0
        if (gap !== undefined) insert({ type: 'gap', ...gap }, now())
        for (const row of rows) statements.insert.run((state.lastN += 1), row.id, row.at, row.body)
        appended = true
      })
    },
    memory: (isKept) => memoryOf(statements, isKept),
    recall: (memory) => transactions.run(() => { recallInto(statements, memory, now()) }),
    secrets,
    onAppend(listener) { listeners.add(listener); return () => { listeners.delete(listener) } },
    close() { db.close() },
  }
  if (state.id === '') transactions.run(() => { begin(0) })
  if (opened.setAside !== null) journal.append(setAsideNotice(opened.setAside))
  return journal
}

function memoryOf(statements: ReturnType<typeof prepare>, isKept: (name: string) => boolean): { values: Record<string, string>; keys: string[] } {
  const values = statements.values.all().filter(({ name }) => isKept(name)).map(({ name, value }) => [name, value] as const)
  return { values: Object.fromEntries(values), keys: statements.keys.all().map(({ key }) => key) }
}
function recallInto(statements: ReturnType<typeof prepare>, { values, keys }: Parameters<UploadJournal['recall']>[0], at: number): void {
  for (const [name, value] of Object.entries(values)) statements.setValue.run(name, value)
  // The newest stays the newest, should it be told again.
  keys.forEach((key, behind) => statements.addKey.run(key, at - behind))
}

/** `newestOld`: everything but the newest entry, which keeps the count. */
function dropWhatIsOver(db: Database, statements: ReturnType<typeof prepare>, limits: { acked: number; newestOld: number; keepBytes: number; now: number }): void {
  statements.dropOld.run(limits.acked, limits.now - KEEP_ACKED_MS)
  statements.dropKeys.run(limits.now - KEEP_KEYS_MS)
  while (sizeOf(db) > limits.keepBytes) if (statements.dropOldest.run(limits.acked, PRUNE_CHUNK).changes === 0) break
  while (sizeOf(db) > Math.max(KEEP_UNACKED_BYTES, limits.keepBytes)) if (statements.dropOldest.run(limits.newestOld, PRUNE_CHUNK).changes === 0) break
}

function sizeOf(db: Database): number {
  const pragma = (name: string): number => Number(Object.values(db.query(`PRAGMA ${name}`).get() as Record<string, number>)[0] ?? 0)
  return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
}

/** A file that is not a database any more is kept for whoever wants to look, and a new journal begins. */
function openOrSetAside(path: string): { db: Database; setAside: string | null } {
  try {
    return { db: open(path), setAside: null }
  } catch (error) {
    const code = (error as { code?: string }).code ?? ''
    if (!/^SQLITE_(NOTADB|CORRUPT)/.test(code)) throw error
    const setAside = `${path}.unreadable`
    renameSync(path, setAside)
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
    return { db: open(path), setAside }
  }
}

function setAsideNotice(path: string): EventBody {
  return { type: 'workspace.notice', level: 'warning', code: 'journal_unreadable', message: `the daemon's journal could not be read and was set aside as ${path}`, hint: null }
}

function open(path: string): Database {
  // Made before sqlite does, so that it is never readable for others; its -wal and -shm get the same mode.
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
  const db = new Database(path, { create: true, strict: true })
  try {
    db.run('PRAGMA journal_mode = WAL')
    db.run('PRAGMA synchronous = FULL')
    db.run('PRAGMA busy_timeout = 5000')
    db.run(`CREATE TABLE IF NOT EXISTS entry (n INTEGER PRIMARY KEY, id TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS key (key TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS kv (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;`)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function prepare(db: Database) {
  return {
    getMeta: db.query<{ value: string }, [string]>('SELECT value FROM meta WHERE name = ?'),
    setMeta: db.query<null, [string, string]>('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)'),
    getValue: db.query<{ value: string }, [string]>('SELECT value FROM kv WHERE name = ?'),
    setValue: db.query<null, [string, string]>('INSERT OR REPLACE INTO kv (name, value) VALUES (?, ?)'),
    dropValue: db.query<null, [string]>('DELETE FROM kv WHERE name = ?'),
    values: db.query<{ name: string; value: string }, []>('SELECT name, value FROM kv'),
    keys: db.query<{ key: string }, []>('SELECT key FROM key ORDER BY at DESC, key'),
    addKey: db.query<null, [string, number]>('INSERT OR IGNORE INTO key (key, at) VALUES (?, ?)'),
    dropKeys: db.query<null, [number]>('DELETE FROM key WHERE at < ?'),
    insert: db.query<null, [number, string, number, string]>('INSERT INTO entry (n, id, at, body) VALUES (?, ?, ?, ?)'),
    firstN: db.query<{ n: number }, []>('SELECT n FROM entry ORDER BY n LIMIT 1'),
    lastN: db.query<{ n: number }, []>('SELECT n FROM entry ORDER BY n DESC LIMIT 1'),
    after: db.query<Row, [number, number]>('SELECT n, id, at, body FROM entry WHERE n > ? ORDER BY n LIMIT ?'),
    dropOld: db.query<null, [number, number]>('DELETE FROM entry WHERE n <= ? AND at < ?'),
    dropOldest: db.query<null, [number, number]>('DELETE FROM entry WHERE n IN (SELECT n FROM entry WHERE n <= ? ORDER BY n LIMIT ?)'),
  }
}
