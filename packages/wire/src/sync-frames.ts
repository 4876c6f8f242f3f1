/**
 * Files of a person's directory as they change, over a byte stream (`berth sync`). Each frame is `u8 kind | u32be length |
 * payload`. The person's side says `change` (JSON SyncChange) and, for a file or link that has `size` bytes, as many `data`
 * frames as hold them; `flush` (JSON number) asks for a `flushed` of that number when everything before is done. The machine
 * says `ready` once and `results` (JSON SyncResult[]) as they come. Paths are bytes, one character each.
 * Without run-time dependencies: the command line and the machine need nothing else.
 */
import type { WorkspaceId } from './ids.ts'

/** WebSocket, as `reach.ts` describes them. */
export const SYNC_STREAM_PATH = (id: WorkspaceId) => `/api/v1/workspaces/${id}/sync/stream`

/** As git knows it: 100644, 100755 or 120000, and the id of the blob as it would be added. */
export interface SyncEntry { readonly mode: string; readonly oid: string }
export interface SyncChange {
  readonly n: number
  readonly path: string
  /** What the person's side believes is there. Null: nothing. Else it is left alone. */
  readonly was: SyncEntry | null
  /** Null: it is to be deleted. */
  readonly now: (SyncEntry & { readonly size: number }) | null
}
export interface SyncResult {
  readonly n: number
  readonly path: string
  /** `already`: it was as it should be. `kept`: something else is there. `failed`: it could not be written. */
  readonly what: 'written' | 'already' | 'kept' | 'failed'
  /** What is there now as far as it is the person's; absent when kept or failed. */
  readonly entry?: SyncEntry | null
  readonly why?: string
}
export type SyncFrame =
  | { readonly kind: 'change'; readonly change: SyncChange }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'flush' | 'flushed'; readonly number: number }
  | { readonly kind: 'results'; readonly results: readonly SyncResult[] }
  | { readonly kind: 'ready' }

export const SYNC_FRAME_LIMIT = 256 * 1024
export const SYNC_PATH_LIMIT = 4096
/** Of one `results` frame. */
export const SYNC_RESULTS_LIMIT = 16
const HEADER = 5
const KINDS = ['change', 'data', 'flush', 'flushed', 'results', 'ready'] as const

export function encodeSyncFrame(frame: SyncFrame): Uint8Array {
  const payload = frame.kind === 'data' ? frame.bytes : new TextEncoder().encode(JSON.stringify(valueOf(frame)))
  const out = new Uint8Array(HEADER + payload.length)
  out[0] = KINDS.indexOf(frame.kind)
  new DataView(out.buffer).setUint32(1, payload.length)
  out.set(payload, HEADER)
  return out
}

function valueOf(frame: Exclude<SyncFrame, { kind: 'data' }>): unknown {
  switch (frame.kind) {
    case 'change': return frame.change
    case 'flush': case 'flushed': return frame.number
    case 'results': return frame.results
    case 'ready': return null
  }
}

/** Feed it the stream's chunks as they come; it gives whole frames. Throws RangeError on what is none. */
export function createSyncDecoder(): (chunk: Uint8Array) => SyncFrame[] {
  let rest: Uint8Array = new Uint8Array(0)
  return (chunk) => {
    const buffer = rest.length === 0 ? chunk : joined(rest, chunk)
    const frames: SyncFrame[] = []
    let at = 0
    while (buffer.length - at >= HEADER) {
      const kind = KINDS[buffer[at] ?? -1]
      const length = new DataView(buffer.buffer, buffer.byteOffset + at + 1, 4).getUint32(0)
      if (kind === undefined || length > SYNC_FRAME_LIMIT) throw new RangeError('not a frame of a sync')
      if (buffer.length - at - HEADER < length) break
      frames.push(frameOf(kind, buffer.subarray(at + HEADER, at + HEADER + length)))
      at += HEADER + length
    }
    rest = buffer.slice(at)
    return frames
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}

function frameOf(kind: (typeof KINDS)[number], payload: Uint8Array): SyncFrame {
  if (kind === 'data') return { kind, bytes: payload }
  const value = parse(payload)
  switch (kind) {
    case 'ready': return { kind }
    case 'change': return { kind, change: changeIn(value) }
    case 'results': return { kind, results: resultsIn(value) }
    case 'flush': case 'flushed':
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new RangeError('not a number')
      return { kind, number: value }
  }
}

function changeIn(value: unknown): SyncChange {
  const { n, path, was, now } = record(value)
  const size = now === null ? 0 : record(now)['size']
  if (!isCount(n) || !isPath(path) || !isCount(size)) throw new RangeError('not a change')
  return { n, path, was: entryIn(was), now: now === null ? null : { ...required(now), size } }
}

function resultsIn(value: unknown): SyncResult[] {
  if (!Array.isArray(value) || value.length > SYNC_RESULTS_LIMIT) throw new RangeError('not results')
  return value.map((one) => {
    const { n, path, what, entry, why } = record(one)
    if (!isCount(n) || !isPath(path) || (what !== 'written' && what !== 'already' && what !== 'kept' && what !== 'failed')) throw new RangeError('not a result')
    return { n, path, what, ...(entry === undefined ? {} : { entry: entryIn(entry) }), ...(typeof why === 'string' ? { why: why.slice(0, 500) } : {}) }
  })
}

const entryIn = (value: unknown): SyncEntry | null => (value === null ? null : required(value))
function required(value: unknown): SyncEntry {
  const { mode, oid } = record(value)
  if (typeof mode !== 'string' || !/^(100644|100755|120000)$/.test(mode) || typeof oid !== 'string' || !/^[0-9a-f]{40}$/.test(oid)) throw new RangeError('not an entry')
  return { mode, oid }
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new RangeError('not an object')
  return value as Record<string, unknown>
}
const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const isPath = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= SYNC_PATH_LIMIT

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    throw new RangeError('not JSON')
  }
}

/** Relative, without `..`, and nothing of git's own. Null: fine; else what is wrong. */
export function refusePath(path: string): string | null {
  const parts = path.split('/')
  if (path.length > SYNC_PATH_LIMIT || path.includes('\0')) return 'not a usable name'
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return 'not within the directory'
  // Also as file systems without case, or Windows, would take it.
  return parts.some((part) => /^(\.git|git~1)[ .]*$/i.test(part)) ? "git's own files are not synced" : null
}
