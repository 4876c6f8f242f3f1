/** Sends files that changed over one connection and hears what became of each. Nothing that comes back is ever written here. */
import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs'
import { createHash } from 'node:crypto'
import type { Endpoint } from '@berth/client'
import type { WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { createSyncDecoder, encodeSyncFrame, SYNC_FRAME_LIMIT, SYNC_STREAM_PATH } from '@berth/wire/sync-frames'
import type { SyncEntry, SyncResult } from '@berth/wire/sync-frames'
import { onAbort } from '../on-abort.ts'
import { reach } from '../ssh/reach-socket.ts'
import { blobId, HASHED_WHOLE, type Content, type LocalFile } from './local-files.ts'
import { onDisk } from './paths.ts'

export interface Outgoing { readonly path: string; readonly was: SyncEntry | null; readonly now: LocalFile | null; /** Instead of what stands in the file. */ readonly content: Content | null }
export interface SyncStream {
  /** Resolves with what became of each when all are done. Rejects when the connection ends before. */
  send(batch: readonly Outgoing[]): Promise<SyncResult[]>
  /** How it ended. */
  readonly ended: Promise<string>
  close(): void
}

/** A machine that does not say so by then has another daemon, or none. */
const READY_MS = 15_000
const SWEEP_EVERY_BYTES = 64 * 1024 * 1024
/** Deleted, its directory became a file, it became a link. */
const VANISHED = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

export async function openSyncStream(endpoint: Endpoint & { readonly token: string }, { id, top, signal }: { id: WorkspaceId; top: string; signal: AbortSignal }): Promise<SyncStream> {
  const decode = createSyncDecoder()
  const ready = Promise.withResolvers<void>()
  let expected = new Set<number>()
  let results: SyncResult[] = []
  let flushed: { number: number; done: PromiseWithResolvers<void> } | null = null
  let serial = 0
  const { pipe, ended } = await reach(endpoint, SYNC_STREAM_PATH(id), {
    async write(bytes) {
      for (const frame of decode(bytes)) {
        if (frame.kind === 'ready') ready.resolve()
        // It may say what it likes of files that nobody asked about.
        if (frame.kind === 'results') results.push(...frame.results.filter(({ n }) => expected.delete(n)))
        if (frame.kind === 'flushed' && flushed?.number === frame.number) flushed.done.resolve()
      }
    },
    end: async () => { pipe.close(1000, 'it ended') },
  }, signal)
  const lost = ended.then(({ reason }) => {
    const error = new BerthError('daemon_unreachable', `the connection to the machine ended: ${reason || 'it was lost'}`)
    ready.reject(error)
    flushed?.done.reject(error)
    return reason
  })
  const late = setTimeout(() => ready.reject(new BerthError('unsupported', "this machine's daemon is older than the server and cannot take a sync", { hint: 'stop and start the workspace' })), READY_MS)
  const listenNoMore = onAbort(signal, () => pipe.close(1000, 'interrupted'))
  try {
    await ready.promise
  } catch (cause) {
    pipe.close(1000, 'given up')
    throw cause
  } finally {
    clearTimeout(late)
    listenNoMore()
  }

  return {
    async send(batch) {
      results = []
      const sent = new Map<number, { path: string; entry: SyncEntry | null }>()
      const done = Promise.withResolvers<void>()
      done.promise.catch(() => {})
      flushed = { number: ++serial, done }
      for (const one of batch) {
        const n = serial * 1_000_000 + sent.size
        expected.add(n)
        const entry = await sendOne(pipe, { n, top, one })
        if (entry === 'gone') expected.delete(n)
        else sent.set(n, { path: one.path, entry })
      }
      await pipe.send(encodeSyncFrame({ kind: 'flush', number: flushed.number }))
      await done.promise
      expected = new Set()
      // Paths and entries are ours; of theirs only the verdict counts.
      return results.flatMap(({ n, what, why }) => {
        const mine = sent.get(n)
        return mine === undefined ? [] : [{ n, path: mine.path, what, entry: mine.entry, ...(why === undefined ? {} : { why }) }]
      })
    },
    ended: lost,
    close: () => pipe.close(1000, 'done'),
  }
}

interface Sending { readonly n: number; readonly top: string; readonly one: Outgoing }
type Pipe = { send(bytes: Uint8Array): Promise<void> }

/** What was really sent: a file may change between the look and the reading. `gone`: nothing was. */
async function sendOne(pipe: Pipe, { n, top, one }: Sending): Promise<SyncEntry | null | 'gone'> {
  const { path, was, now } = one
  const change = (entry: SyncEntry, size: number) => pipe.send(encodeSyncFrame({ kind: 'change', change: { n, path, was, now: { mode: entry.mode, oid: entry.oid, size } } }))
  if (now === null) {
    await pipe.send(encodeSyncFrame({ kind: 'change', change: { n, path, was, now: null } }))
    return null
  }
  if (one.content === null && now.mode !== '120000' && now.size > HASHED_WHOLE) return sendLarge(pipe, { top, one, now }, change)
  const bytes = one.content?.bytes ?? contentOf(top, path, now)
  const entry = { mode: now.mode, oid: one.content?.oid ?? blobId(bytes) }
  await change(entry, bytes.length)
  for (let at = 0; at < bytes.length; at += SYNC_FRAME_LIMIT) await pipe.send(encodeSyncFrame({ kind: 'data', bytes: bytes.subarray(at, at + SYNC_FRAME_LIMIT) }))
  return entry
}

/** What vanished meanwhile is empty for a moment; its deletion is the next thing that is heard. */
function contentOf(top: string, path: string, { mode }: LocalFile): Uint8Array {
  try {
    return mode === '120000' ? readlinkSync(onDisk(top, path), { encoding: 'buffer' }) : readFileSync(onDisk(top, path))
  } catch {
    return new Uint8Array(0)
  }
}

/** Null: no file is there any more. What it is instead, or that it is deleted, is heard of next. */
function openFile(top: string, path: string): number | null {
  try {
    // Not what a link points to, and no waiting for somebody to write to a pipe.
    const file = openSync(onDisk(top, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    if (fstatSync(file).isFile()) return file
    closeSync(file)
    return null
  } catch (cause) {
    if (VANISHED.has((cause as NodeJS.ErrnoException).code ?? '')) return null
    throw cause
  }
}

/** Opened before anything is said of it: so much content follows what was said. */
async function sendLarge(pipe: Pipe, { top, one, now }: Omit<Sending, 'n'> & { now: LocalFile }, change: (entry: SyncEntry, size: number) => Promise<void>): Promise<SyncEntry | 'gone'> {
  const file = openFile(top, one.path)
  if (file === null) return 'gone'
  try {
    const { size } = fstatSync(file)
    const hash = createHash('sha1').update(`blob ${size}\0`)
    await change(now, size)
    const piece = Buffer.alloc(SYNC_FRAME_LIMIT)
    let unswept = 0
    for (let left = size; left > 0;) {
      const read = readSync(file, piece, 0, Math.min(piece.length, left), null)
      // It became shorter: zeros fill it up, and the next event sends it anew.
      const bytes = read > 0 ? piece.subarray(0, read) : Buffer.alloc(Math.min(piece.length, left))
      hash.update(bytes)
      await pipe.send(encodeSyncFrame({ kind: 'data', bytes }))
      left -= bytes.length
      // Frames are garbage as soon as they are sent, and a gigabyte of them would pile up before anybody looks.
      unswept += bytes.length
      if (unswept >= SWEEP_EVERY_BYTES) {
        unswept = 0
        Bun.gc(true)
      }
    }
    return { mode: now.mode, oid: hash.digest('hex') }
  } finally {
    closeSync(file)
  }
}
