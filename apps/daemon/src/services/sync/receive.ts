/**
 * `sync-in DIR`: files of a person as they change, from standard input. It runs as the agent's user, so it reaches nothing
 * that the agent could not; and what is not as the person's side believes is left alone.
 */
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { closeSync, constants, lstatSync, mkdirSync, openSync, readlinkSync, readSync, renameSync, rmdirSync, rmSync, symlinkSync, unlinkSync, writeSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { createSyncDecoder, encodeSyncFrame, refusePath, SYNC_RESULTS_LIMIT } from '@berth/wire/sync-frames'
import type { SyncChange, SyncEntry, SyncResult } from '@berth/wire/sync-frames'
import { safeEnvironment } from '../git/safe-git.ts'

const LINK = '120000'
/** Symlinks are short. */
const LINK_LIMIT = 4096
const FILTER_WITHIN_MS = 10_000

export async function receiveMain(argv: readonly string[]): Promise<number> {
  const [dir] = argv
  if (dir === undefined) return 2
  const out = Bun.stdout.writer()
  const say = (bytes: Uint8Array): void => { void out.write(bytes) }
  const receiver = createReceiver(dir)
  const decode = createSyncDecoder()
  let results: SyncResult[] = []
  const tell = (): void => {
    for (let at = 0; at < results.length; at += SYNC_RESULTS_LIMIT) say(encodeSyncFrame({ kind: 'results', results: results.slice(at, at + SYNC_RESULTS_LIMIT) }))
    results = []
  }
  say(encodeSyncFrame({ kind: 'ready' }))
  await out.flush()
  try {
    for await (const chunk of Bun.stdin.stream()) {
      for (const frame of decode(chunk)) {
        const done = frame.kind === 'change' ? receiver.begin(frame.change) : frame.kind === 'data' ? receiver.data(frame.bytes) : null
        if (done !== null) results.push(done)
        if (frame.kind === 'flush') {
          tell()
          say(encodeSyncFrame({ kind: 'flushed', number: frame.number }))
        }
      }
      tell()
      await out.flush()
    }
  } finally {
    receiver.close()
  }
  return 0
}

export interface Receiver {
  /** Null: its content follows. */
  begin(change: SyncChange): SyncResult | null
  data(bytes: Uint8Array): SyncResult | null
  /** What has not come whole is gone. */
  close(): void
}

/** What stands at a path; `stats` tells later whether it still does. */
type There = { readonly kind: 'nothing' } | { readonly kind: 'blob'; readonly entry: SyncEntry; readonly stats: BigIntStats } | { readonly kind: 'other'; readonly why: string }
/** `staging` null: it is read and thrown away, for the reason in `refused`. */
interface Coming { readonly change: SyncChange; readonly there: There; readonly refused: SyncResult | null; readonly staging: string | null; file: number | null; left: number; link: Uint8Array }

export function createReceiver(dir: string): Receiver {
  let coming: Coming | null = null
  let serial = 0
  const at = (path: string): Buffer => Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(path, 'latin1')])

  const finish = (one: Coming): SyncResult => {
    coming = null
    if (one.file !== null) closeSync(one.file)
    one.file = null
    if (one.refused !== null || one.change.now === null || one.staging === null) return one.refused ?? failed(one.change, 'nothing came')
    return attempt(one.change, () => {
      if (one.change.now?.mode === LINK) symlinkSync(Buffer.from(one.link), one.staging ?? '')
      // The agent may have changed it while the content was on its way.
      if (!sameStats(one.there, at(one.change.path))) {
        drop(one)
        return kept(one.change, 'it changed in this very moment')
      }
      renameSync(one.staging ?? '', at(one.change.path))
      return written(one.change)
    }, () => drop(one))
  }
  const open = (change: SyncChange, there: There): Coming => {
    const size = change.now?.size ?? 0
    makeParents(at, change.path)
    const staging = `${stagingDir(dir)}/.berth-sync-${process.pid}-${serial++}`
    const isLink = change.now?.mode === LINK
    if (isLink && size > LINK_LIMIT) throw new Error('the link is too long')
    const file = isLink ? null : openSync(staging, 'wx', change.now?.mode === '100755' ? 0o777 : 0o666)
    return { change, there, refused: null, staging, file, left: size, link: new Uint8Array(0) }
  }

  return {
    begin(change) {
      const refusal = refusePath(change.path)
      const there: There = refusal === null ? attempted(() => whatIsThere(at, change.path)) : { kind: 'other', why: refusal }
      const verdict = refusal === null ? judge(dir, change, there) : failed(change, refusal)
      if (change.now === null) return verdict ?? attempt(change, () => remove(at, change.path, change))
      const passing = (refused: SyncResult): Coming => ({ change, there, refused, staging: null, file: null, left: change.now?.size ?? 0, link: new Uint8Array(0) })
      let next: Coming | null = null
      const broken = verdict ?? attempt(change, () => { next = open(change, there); return null })
      // What is refused still comes: it is on its way already.
      const one = next ?? passing(broken ?? failed(change, 'it cannot be opened'))
      if (one.left === 0) return finish(one)
      coming = one
      return null
    },
    data(bytes) {
      const one = coming
      if (one === null || bytes.length > one.left) throw new RangeError('more content than was said')
      one.left -= bytes.length
      if (one.change.now?.mode === LINK) one.link = Buffer.concat([one.link, bytes])
      else if (one.file !== null) {
        const broken = attempt(one.change, () => { writeAll(one.file ?? -1, bytes); return null })
        if (broken !== null) {
          closeSync(one.file)
          drop(one)
          coming = { ...one, file: null, staging: null, refused: broken }
        }
      }
      return one.left === 0 && coming !== null ? finish(coming) : null
    },
    close() {
      if (coming === null) return
      if (coming.file !== null) closeSync(coming.file)
      drop(coming)
    },
  }
}

/** Null: it may be done. */
function judge(dir: string, change: SyncChange, there: There): SyncResult | null {
  if (there.kind === 'other') return kept(change, there.why)
  const entry = there.kind === 'blob' ? there.entry : null
  if (same(entry, change.now)) return { ...written(change), what: 'already' }
  if (same(entry, change.was)) return null
  // Git may keep it in another form than it has on disk: with other line ends, or as a pointer.
  const clean = entry === null || entry.mode === LINK ? null : cleanId(dir, change.path)
  if (entry !== null && clean !== null) {
    if (same({ mode: entry.mode, oid: clean }, change.now)) return { ...written(change), what: 'already' }
    if (same({ mode: entry.mode, oid: clean }, change.was)) return null
  }
  return kept(change, entry === null ? 'it was deleted there' : change.was === null ? 'another file is there' : 'it was changed there')
}

function whatIsThere(at: (path: string) => Buffer, path: string): There {
  for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
    const parent = lstatSync(at(path.slice(0, slash)), { throwIfNoEntry: false })
    if (parent === undefined) return { kind: 'nothing' }
    if (!parent.isDirectory()) return { kind: 'other', why: parent.isSymbolicLink() ? 'a link is in the place of its directory' : 'a file is in the place of its directory' }
  }
  const stats = lstatSync(at(path), { throwIfNoEntry: false, bigint: true })
  if (stats === undefined) return { kind: 'nothing' }
  if (stats.isSymbolicLink()) return { kind: 'blob', stats, entry: { mode: LINK, oid: blobId(readlinkSync(at(path), { encoding: 'buffer' })) } }
  if (!stats.isFile()) return { kind: 'other', why: stats.isDirectory() ? 'a directory is there' : 'something that is no file is there' }
  return { kind: 'blob', stats, entry: { mode: (stats.mode & 0o100n) === 0n ? '100644' : '100755', oid: fileId(at(path), Number(stats.size)) } }
}

function sameStats(there: There, path: Buffer): boolean {
  const now = lstatSync(path, { throwIfNoEntry: false, bigint: true })
  if (there.kind !== 'blob') return now === undefined && there.kind === 'nothing'
  return now !== undefined && (['ino', 'size', 'mtimeNs', 'ctimeNs', 'mode'] as const).every((key) => now[key] === there.stats[key])
}

function remove(at: (path: string) => Buffer, path: string, change: SyncChange): SyncResult {
  unlinkSync(at(path))
  // As git does: a directory with nothing in it goes.
  try {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) rmdirSync(at(path.slice(0, slash)))
  } catch {
    // Something else is in it.
  }
  return written(change)
}

function makeParents(at: (path: string) => Buffer, path: string): void {
  for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
    const parent = at(path.slice(0, slash))
    if (lstatSync(parent, { throwIfNoEntry: false }) === undefined) mkdirSync(parent)
  }
}

/** In git's own directory nobody watches; at the top where there is none, or where it is a link. */
function stagingDir(dir: string): string {
  const own = lstatSync(`${dir}/.git`, { throwIfNoEntry: false })
  const beside = lstatSync(dir)
  if (own?.isDirectory() === true && own.dev === beside.dev) return `${dir}/.git`
  return dir
}

function drop({ staging }: Coming): void {
  if (staging !== null) rmSync(staging, { force: true })
}

const written = ({ n, path, now }: SyncChange): SyncResult => ({ n, path, what: 'written', entry: now === null ? null : { mode: now.mode, oid: now.oid } })
const kept = ({ n, path }: SyncChange, why: string): SyncResult => ({ n, path, what: 'kept', why })
const failed = ({ n, path }: SyncChange, why: string): SyncResult => ({ n, path, what: 'failed', why })

function attempt<T extends SyncResult | null>(change: SyncChange, work: () => T, onFailure?: () => void): T | SyncResult {
  try {
    return work()
  } catch (cause) {
    onFailure?.()
    return failed(change, cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message).slice(0, 200) : 'it went wrong')
  }
}

function attempted(work: () => There): There {
  try {
    return work()
  } catch (cause) {
    return { kind: 'other', why: cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message).slice(0, 200) : 'it cannot be read' }
  }
}

const same = (a: SyncEntry | null, b: SyncEntry | null): boolean => (a === null || b === null ? a === b : a.mode === b.mode && a.oid === b.oid)

function blobHash(size: number): Hash {
  return createHash('sha1').update(`blob ${size}\0`)
}
const blobId = (bytes: Uint8Array): string => blobHash(bytes.length).update(bytes).digest('hex')

function fileId(path: Buffer, size: number): string {
  const hash = blobHash(size)
  // What took its place since may be a pipe that nobody writes to, or a link.
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const piece = Buffer.alloc(Math.min(1024 * 1024, Math.max(1, size)))
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) hash.update(piece.subarray(0, read))
  } finally {
    closeSync(file)
  }
  return hash.digest('hex')
}

/** As git would add it; null where there is no git, or its filter fails. */
function cleanId(dir: string, path: string): string | null {
  const text = Buffer.from(path, 'latin1').toString()
  if (Buffer.from(text).toString('latin1') !== path || Bun.which('git') === null) return null
  const told = Bun.spawnSync(['git', 'hash-object', '--', `./${text}`], { cwd: dir, env: { ...process.env, ...safeEnvironment() }, stdin: 'ignore', stderr: 'ignore', timeout: FILTER_WITHIN_MS })
  return told.exitCode === 0 ? told.stdout.toString().trim() : null
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
}
