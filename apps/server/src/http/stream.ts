/**
 * A workspace's events by the read side of the Durable Streams protocol: catch up from any offset, then long-poll or
 * server-sent events. An append only says "look again"; what is sent is always read from the store, so live and
 * replay are the same bytes and a reader that stalls holds nothing in memory.
 */
import type { Clock, EventStore, WorkspaceStore } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { StoredEvent, WorkspaceId } from '@berth/wire'

export interface StreamDeps {
  readonly store: Pick<WorkspaceStore, 'getWorkspace'> & { readonly events: Pick<EventStore, 'read' | 'tail' | 'onAppend'> }
  readonly clock: Clock
  /** Shorter in tests. */
  readonly longPollMs?: number
}

/** Events are at most 32 KB each, and mostly a hundredth of that. */
const PAGE = 256
const LONG_POLL_MS = 25_000
/** Proxies cut silent connections at about a minute. */
const SSE_COMMENT_MS = 15_000
/** Then the client connects again, so a revoked token reads on for this long at most. */
const SSE_LIFETIME_MS = 10 * 60_000
/** Offsets are opaque to clients and sort as text. */
const OFFSET_DIGITS = 16
/** The protocol's cursor: which interval of this length it is, always past the client's. */
const CURSOR_INTERVAL_MS = 20_000

export interface Read { readonly events: StoredEvent[]; readonly next: number; readonly atTail: boolean; readonly closed: boolean }

export async function serveStream(deps: StreamDeps, workspaceId: WorkspaceId, request: Request): Promise<Response> {
  if (request.method !== 'GET' && request.method !== 'HEAD') throw new BerthError('bad_request', 'this stream is only read', { hint: 'GET with ?offset=' })
  if (!(await deps.store.getWorkspace(workspaceId))) throw new BerthError('not_found', `there is no workspace ${workspaceId}`)
  const query = new URL(request.url).searchParams
  const live = query.get('live')
  const tail = await deps.store.events.tail(workspaceId)
  if (request.method === 'HEAD') return new Response(null, { headers: { 'content-type': 'application/json', 'stream-next-offset': offsetOf(tail) } })
  const after = await fromOldestKept(deps, workspaceId, parseOffset(query.get('offset'), tail, live !== null))
  if (live === null) return catchUp(deps, workspaceId, { after, request })
  if (live === 'long-poll') return longPoll(deps, workspaceId, { after, request, cursor: query.get('cursor') })
  if (live === 'sse') return serverSentEvents(deps, workspaceId, { after, request, cursor: query.get('cursor') })
  throw new BerthError('bad_request', 'live: must be sse or long-poll', { hint: 'correct `live`' })
}

/** The beginning is the oldest event that is kept; only a cursor in the middle of what is gone is refused. */
export async function fromOldestKept(deps: StreamDeps, id: WorkspaceId, after: number): Promise<number> {
  if (after > 0) return after
  try {
    await deps.store.events.read(id, 0, 1)
    return 0
  } catch (error) {
    const floor = error instanceof BerthError && error.code === 'cursor_gone' ? error.details?.['floor'] : undefined
    if (typeof floor !== 'number') throw error
    return floor
  }
}

function offsetOf(seq: number): string {
  return String(seq).padStart(OFFSET_DIGITS, '0')
}

function parseOffset(text: string | null, tail: number, needed: boolean): number {
  if (text === null && needed) throw new BerthError('bad_request', 'offset: needed with live', { hint: 'start with offset=-1 or offset=now' })
  if (text === null || text === '-1') return 0
  if (text === 'now') return tail
  if (!/^\d{1,16}$/.test(text)) throw new BerthError('bad_request', 'offset: not one that this server gave', { hint: 'start with offset=-1' })
  return Number(text)
}

/** What the page's socket reads too: there is no second way. */
export async function readPage(deps: StreamDeps, id: WorkspaceId, after: number): Promise<Read> {
  const events = await deps.store.events.read(id, after, PAGE)
  const next = events.at(-1)?.seq ?? after
  const atTail = events.length < PAGE
  return { events, next, atTail, closed: atTail && (await isClosed(deps, id, events)) }
}

/** A deleted workspace says nothing more. Asked of the store only when the page may be its last. */
async function isClosed(deps: StreamDeps, id: WorkspaceId, events: readonly StoredEvent[]): Promise<boolean> {
  const last = events.at(-1)?.body
  if (last !== undefined && !(last.type === 'workspace.phase' && last['phase'] === 'deleted')) return false
  const record = await deps.store.getWorkspace(id)
  return record === null || record.workspace.deletedAt !== null
}

function headersOf(read: Read): Record<string, string> {
  return {
    'content-type': 'application/json',
    'stream-next-offset': offsetOf(read.next),
    ...(read.atTail ? { 'stream-up-to-date': 'true' } : {}),
    ...(read.closed ? { 'stream-closed': 'true' } : {}),
  }
}

async function catchUp(deps: StreamDeps, id: WorkspaceId, from: { after: number; request: Request }): Promise<Response> {
  const read = await readPage(deps, id, from.after)
  const etag = `"${id}:${from.after}:${read.next}${read.closed ? ':c' : ''}"`
  const headers = { ...headersOf(read), etag }
  if (from.request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers })
  return new Response(JSON.stringify(read.events), { headers })
}

interface LiveFrom { readonly after: number; readonly request: Request; readonly cursor: string | null }

async function longPoll(deps: StreamDeps, id: WorkspaceId, from: LiveFrom): Promise<Response> {
  const cursor = { 'stream-cursor': String(nextCursor(deps.clock.now(), from.cursor)) }
  const bell = createBell(deps, id, from.request.signal)
  try {
    let read = await readPage(deps, id, from.after)
    if (read.events.length === 0 && !read.closed) {
      await bell.rung(deps.longPollMs ?? LONG_POLL_MS)
      read = await readPage(deps, id, from.after)
    }
    if (read.events.length === 0) return new Response(null, { status: 204, headers: { ...headersOf(read), ...cursor } })
    return new Response(JSON.stringify(read.events), { headers: { ...headersOf(read), ...cursor } })
  } finally {
    bell.remove()
  }
}

function serverSentEvents(deps: StreamDeps, id: WorkspaceId, from: LiveFrom): Response {
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, from.request.signal, AbortSignal.timeout(SSE_LIFETIME_MS)])
  const messages = sseMessages(deps, id, { ...from, signal })
  const text = new TextEncoder()
  // Nothing is read ahead of what the client takes.
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await messages.next()
      if (next.done) controller.close()
      else controller.enqueue(text.encode(next.value))
    },
    async cancel() {
      stop.abort()
      await messages.return(undefined)
    },
  }, { highWaterMark: 0 })
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' } })
}

async function* sseMessages(deps: StreamDeps, id: WorkspaceId, from: LiveFrom & { signal: AbortSignal }): AsyncGenerator<string, void, undefined> {
  const bell = createBell(deps, id, from.signal)
  try {
    let { after, cursor } = from
    let first = true
    while (!from.signal.aborted) {
      bell.arm()
      const read = await readPage(deps, id, after)
      if (read.events.length > 0 || first || read.closed) {
        after = read.next
        cursor = String(nextCursor(deps.clock.now(), cursor))
        const control = { streamNextOffset: offsetOf(after), streamCursor: cursor, ...(read.atTail ? { upToDate: true } : {}), ...(read.closed ? { streamClosed: true } : {}) }
        yield `${read.events.length > 0 ? `event: data\ndata: ${JSON.stringify(read.events)}\n\n` : ''}event: control\ndata: ${JSON.stringify(control)}\n\n`
      }
      first = false
      if (read.closed) return
      if (read.atTail && !(await bell.rung(SSE_COMMENT_MS)) && !from.signal.aborted) yield ': still here\n\n'
    }
  } finally {
    bell.remove()
  }
}

/** Rings when something was appended since it was armed. */
function createBell(deps: StreamDeps, id: WorkspaceId, signal: AbortSignal) {
  let appended = Promise.withResolvers<boolean>()
  const ring = () => appended.resolve(true)
  const unsubscribe = deps.store.events.onAppend((workspaceId) => {
    if (workspaceId === id) ring()
  })
  signal.addEventListener('abort', ring)
  return {
    arm() {
      appended = Promise.withResolvers<boolean>()
      if (signal.aborted) ring()
    },
    async rung(withinMs: number): Promise<boolean> {
      let timer: ReturnType<typeof setTimeout> | undefined
      const late = new Promise<boolean>((resolve) => {
        timer = setTimeout(() => resolve(false), withinMs)
      })
      try {
        return await Promise.race([appended.promise, late])
      } finally {
        clearTimeout(timer)
      }
    },
    remove() {
      unsubscribe()
      signal.removeEventListener('abort', ring)
    },
  }
}

function nextCursor(now: number, theirs: string | null): number {
  const ours = Math.floor(now / CURSOR_INTERVAL_MS)
  const known = theirs !== null && /^\d{1,15}$/.test(theirs) ? Number(theirs) : -1
  return Math.max(ours, known + 1)
}
