/**
 * Many byte streams over one message transport, with credit, so that a slow reader costs bounded memory and a
 * bulk stream does not delay a keystroke.
 *
 * Frame: `u8 type | u32be stream | payload`. Ids: the server opens odd ones, the daemon even ones, ascending.
 *
 *   OPEN  JSON                          a new stream; nothing is answered but by using it (or RST)
 *   DATA  1..DATA_LIMIT bytes
 *   WIN   u32be consumed, u32be extra   the reader took `consumed` bytes; `extra` widens the stream's window
 *   FIN                                 no more DATA this way; the other way stays open
 *   RST   UTF-8 reason                  both ways end now
 *
 * Credit. A sender may have at most the stream's window in flight (sent and not reported consumed). Above that,
 * the connection holds CONNECTION_CREDIT: each stream always owns RESERVE of it, the rest is a pool from which a
 * stream takes no more than it leaves, so however many readers stall, every other stream still moves.
 *
 * Whatever arrives, `receive` does not throw: a fault of one stream resets it, a fault of the connection closes
 * the mux and is told to `onFault`.
 */
import { BerthError } from './errors.ts'
import { createByteQueue } from './mux-queue.ts'
import type { ByteQueue } from './mux-queue.ts'

export const DATA_LIMIT = 64 * 1024
export const WINDOW_START = 1024 * 1024
export const WINDOW_LIMIT = 4 * 1024 * 1024
export const CONNECTION_CREDIT = 16 * 1024 * 1024
/** Streams one connection carries, by who opened them: the server opens terminals and previews, the daemon git. */
export const STREAM_LIMIT = { server: 192, daemon: 64 } as const
/** In flight for any stream, whatever the others do. 256 of them are half of the connection's credit. */
const RESERVE = 32 * 1024
const QUANTUM = 8 * 1024
const POOL = CONNECTION_CREDIT - (STREAM_LIMIT.server + STREAM_LIMIT.daemon) * RESERVE
/** Above this many unreported bytes on the connection each reader reports early, so that no writer waits for a report. */
const PRESSURE = CONNECTION_CREDIT / 4
/** DATA waits while the transport holds this much: what is handed over can no longer be overtaken by another stream. */
const TRANSPORT_LIMIT = 256 * 1024
const TRANSPORT_POLL_MS = 2
const OPEN_LIMIT = 16 * 1024
const REASON_LIMIT = 1024
const HEADER = 5
const OPEN = 1, DATA = 2, WIN = 3, FIN = 4, RST = 5

export type MuxRole = 'server' | 'daemon'
export interface MuxStream {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  /** Ends both ways at once; the peer's reads and writes fail with this reason. */
  abort(reason: string): void
}
export interface Mux {
  /** Rejects when closed or when too many are open. Aborting `signal` later resets the stream. */
  open(payload: unknown, signal?: AbortSignal): Promise<MuxStream>
  receive(frame: Uint8Array): void
  /** The transport has room again, after `send` answered false. */
  drained(): void
  /** Every stream fails with this reason; nothing is sent any more. */
  close(reason: string): void
  readonly streams: number
}
export interface MuxOptions {
  readonly role: MuxRole
  /** Hands one frame to the transport. False: it took it, and wants no DATA until `drained()`. */
  send(frame: Uint8Array): boolean | void
  onOpen(open: unknown, stream: MuxStream): void
  /** For transports that cannot tell when they drain: the mux looks again every few ms while this is high. */
  bufferedAmount?(): number
  /** The peer broke the protocol; the mux is closed already. */
  onFault?(reason: string): void
}

interface Stream {
  readonly id: number
  // Towards the peer.
  credit: number
  inFlight: number
  pending: { bytes: Uint8Array; done: () => void; fail: (error: Error) => void } | null
  finSent: boolean
  // From the peer.
  readonly inbox: ByteQueue
  window: number
  /** Bytes the peer may still send. */
  granted: number
  unreported: number
  finReceived: boolean
  wantsRead: boolean
  reader: ReadableStreamDefaultController<Uint8Array>
  writer: WritableStreamDefaultController
  ended: boolean
  cleanup: () => void
}

export function createMux(options: MuxOptions): Mux {
  const streams = new Map<number, Stream>()
  /** Streams with bytes to send, in the order of their turns. */
  const turns = new Set<Stream>()
  const mine = options.role === 'server' ? 1 : 0
  let nextId = options.role === 'server' ? 1 : 2
  let peerLastId = 0
  let poolUsed = 0
  /** Received and not yet reported consumed, over all streams. */
  let outstanding = 0
  let closed: string | null = null
  let blocked = false
  let pumping = false
  let poll: ReturnType<typeof setTimeout> | null = null

  const gone = (): BerthError => new BerthError(options.role === 'server' ? 'daemon_unreachable' : 'server_unreachable', `the link closed: ${closed ?? 'unknown'}`)

  function transmit(type: number, id: number, payload: Uint8Array = NOTHING): void {
    if (closed !== null) return
    const frame = new Uint8Array(HEADER + payload.length)
    frame[0] = type
    writeU32(frame, 1, id)
    frame.set(payload, HEADER)
    if (options.send(frame) === false) blocked = true
  }

  // Sending

  /** How much of the pool a stream in flight with `bytes` occupies. */
  const fromPool = (bytes: number): number => Math.max(0, bytes - RESERVE)

  function moveInFlight(stream: Stream, by: number): void {
    poolUsed += fromPool(stream.inFlight + by) - fromPool(stream.inFlight)
    stream.inFlight += by
  }

  /** Bytes this stream may send now. */
  function allowance(stream: Stream): number {
    const free = POOL - poolUsed
    const used = fromPool(stream.inFlight)
    // Half of what is free: after taking it, the stream holds no more than it leaves.
    // Whole quanta, so that a full pool does not make for frames of a few bytes.
    const share = Math.max(0, Math.floor((free - used) / 2 / QUANTUM) * QUANTUM)
    return Math.min(DATA_LIMIT, stream.credit, Math.max(0, RESERVE - stream.inFlight) + share)
  }

  function transportFull(): boolean {
    if (blocked) return true
    if (options.bufferedAmount === undefined || options.bufferedAmount() < TRANSPORT_LIMIT) return false
    poll ??= setTimeout(() => { poll = null; pump() }, TRANSPORT_POLL_MS)
    return true
  }

  function pump(): void {
    // A transport that delivers at once calls back into here; the loop below goes on instead.
    if (pumping) return
    pumping = true
    try {
      let idle = 0
      while (closed === null && turns.size > idle && !transportFull()) {
        const [stream] = turns
        if (stream === undefined) break
        turns.delete(stream)
        if (stream.pending === null) continue
        turns.add(stream)
        idle = sendSome(stream) ? 0 : idle + 1
      }
    } finally {
      pumping = false
    }
  }

  function sendSome(stream: Stream): boolean {
    const { pending } = stream
    const size = pending === null ? 0 : Math.min(allowance(stream), pending.bytes.length)
    if (pending === null || size === 0) return false
    const payload = pending.bytes.subarray(0, size)
    pending.bytes = pending.bytes.subarray(size)
    stream.credit -= size
    moveInFlight(stream, size)
    if (pending.bytes.length === 0) {
      stream.pending = null
      turns.delete(stream)
    }
    transmit(DATA, stream.id, payload)
    if (pending.bytes.length === 0) pending.done()
    return true
  }

  // Ends

  /** Forgets a stream whose two ways are over and whose bytes are all accounted for. */
  function settle(stream: Stream): void {
    if (stream.finSent && stream.finReceived && stream.inFlight === 0 && stream.inbox.size === 0 && stream.unreported === 0) forget(stream)
  }

  function forget(stream: Stream): void {
    if (stream.ended) return
    stream.ended = true
    streams.delete(stream.id)
    turns.delete(stream)
    poolUsed -= fromPool(stream.inFlight)
    outstanding -= stream.inbox.size + stream.unreported
    stream.inbox.clear()
    stream.cleanup()
  }

  function fail(stream: Stream, error: Error): void {
    if (stream.ended) return
    forget(stream)
    stream.pending?.fail(error)
    stream.pending = null
    quietly(() => stream.reader.error(error))
    quietly(() => stream.writer.error(error))
    pump()
  }

  function reset(stream: Stream, reason: string): void {
    if (stream.ended) return
    transmit(RST, stream.id, encodeReason(reason))
    fail(stream, new BerthError('cancelled', reason))
  }

  function close(reason: string): void {
    if (closed !== null) return
    closed = reason
    if (poll !== null) clearTimeout(poll)
    for (const stream of [...streams.values()]) fail(stream, gone())
  }

  function fault(reason: string): void {
    if (closed !== null) return
    close(reason)
    options.onFault?.(reason)
  }

  // Reading

  function report(stream: Stream): void {
    if (stream.unreported === 0) return
    const keepsUp = stream.inbox.size <= stream.window / 4 && outstanding < PRESSURE && !stream.finReceived
    const extra = keepsUp ? Math.min(stream.window, WINDOW_LIMIT - stream.window) : 0
    const payload = new Uint8Array(8)
    writeU32(payload, 0, stream.unreported)
    writeU32(payload, 4, extra)
    stream.window += extra
    stream.granted += stream.unreported + extra
    outstanding -= stream.unreported
    stream.unreported = 0
    transmit(WIN, stream.id, payload)
  }

  /** Gives the waiting reader its next bytes; called when it asks and when bytes or the end arrive. */
  function feed(stream: Stream): void {
    if (stream.ended || !stream.wantsRead) return
    const chunk = stream.inbox.shift()
    if (chunk !== null) {
      stream.wantsRead = false
      stream.unreported += chunk.length
      if (stream.unreported >= reportAt(stream)) report(stream)
      quietly(() => stream.reader.enqueue(chunk))
    }
    // At once with the last bytes: after it the stream may be forgotten.
    if (stream.finReceived && stream.inbox.size === 0) quietly(() => stream.reader.close())
    settle(stream)
  }

  function reportAt(stream: Stream): number {
    if (stream.finReceived && stream.inbox.size === 0) return 1
    return outstanding > PRESSURE ? RESERVE / 2 : stream.window / 4
  }

  function onData(stream: Stream, payload: Uint8Array): void {
    if (stream.finReceived) return reset(stream, 'data after the end')
    if (payload.length > stream.granted) return reset(stream, 'window exceeded')
    const relaxed = outstanding <= PRESSURE
    outstanding += payload.length
    if (outstanding > CONNECTION_CREDIT) return fault('connection credit exceeded')
    stream.granted -= payload.length
    stream.inbox.push(payload)
    // From here on readers report early; what they owe from the relaxed time must not hold a writer up.
    if (relaxed && outstanding > PRESSURE) for (const other of streams.values()) report(other)
    feed(stream)
  }

  function onWindow(stream: Stream, payload: Uint8Array): void {
    const consumed = readU32(payload, 0)
    const extra = readU32(payload, 4)
    if (consumed > stream.inFlight || stream.credit + stream.inFlight + extra > WINDOW_LIMIT) return fault('window beyond its limit')
    moveInFlight(stream, -consumed)
    stream.credit += consumed + extra
    settle(stream)
    pump()
  }

  function onFin(stream: Stream): void {
    if (stream.finReceived) return
    stream.finReceived = true
    if (stream.inbox.size > 0) return
    report(stream)
    quietly(() => stream.reader.close())
    settle(stream)
  }

  function onCancel(stream: Stream): void {
    if (!stream.finReceived) return reset(stream, 'the reader went away')
    // All has arrived and nobody wants it; the other way may go on.
    stream.unreported += stream.inbox.size
    stream.inbox.clear()
    report(stream)
    settle(stream)
  }

  function onOpen(id: number, payload: Uint8Array): void {
    if (id % 2 === mine || id <= peerLastId) return fault('stream id out of order')
    peerLastId = id
    const refuse = (reason: string): void => transmit(RST, id, encodeReason(reason))
    let theirs = 0
    for (const other of streams.keys()) if (other % 2 !== mine) theirs += 1
    if (theirs >= STREAM_LIMIT[options.role === 'server' ? 'daemon' : 'server']) return refuse('too many streams')
    const open = payload.length > OPEN_LIMIT ? undefined : parseJson(payload)
    if (open === undefined) return refuse('cannot read what to open')
    const { stream, face } = make(id)
    try {
      options.onOpen(open, face)
    } catch {
      reset(stream, 'internal')
    }
  }

  function receive(frame: Uint8Array): void {
    if (closed !== null) return
    if (frame.length < HEADER) return fault('frame too short')
    const type = frame[0]
    const id = readU32(frame, 1)
    const payload = frame.subarray(HEADER)
    const shape = type === undefined ? undefined : SHAPES[type]
    if (shape === undefined || id === 0 || payload.length < shape.min || payload.length > shape.max) return fault('malformed frame')
    if (type === OPEN) return onOpen(id, payload)
    const stream = streams.get(id)
    if (stream === undefined) {
      // Frames that crossed a reset on their way are normal; a stream nobody ever opened is not.
      const known = id % 2 === mine ? id < nextId : id <= peerLastId
      if (!known && type !== RST) transmit(RST, id, encodeReason('no such stream'))
      return
    }
    switch (type) {
      case DATA: return onData(stream, payload)
      case WIN: return onWindow(stream, payload)
      case FIN: return onFin(stream)
      default: return fail(stream, new BerthError('cancelled', decodeReason(payload)))
    }
  }

  // Making

  function make(id: number): { stream: Stream; face: MuxStream } {
    const stream = {
      id, credit: WINDOW_START, inFlight: 0, pending: null, finSent: false,
      inbox: createByteQueue(), window: WINDOW_START, granted: WINDOW_START, unreported: 0, finReceived: false, wantsRead: false,
      ended: false, cleanup: () => {},
    } as unknown as Stream // `reader` and `writer` are set by the two constructors below, before anything can use them.
    const readable = new ReadableStream<Uint8Array>({
      start: (controller) => { stream.reader = controller },
      pull: () => { stream.wantsRead = true; feed(stream) },
      cancel: () => { onCancel(stream) },
    }, { highWaterMark: 0 })
    const writable = new WritableStream<Uint8Array>({
      start: (controller) => { stream.writer = controller },
      write: (chunk) => write(stream, chunk),
      close: () => {
        if (stream.ended) return
        stream.finSent = true
        transmit(FIN, id)
        settle(stream)
      },
      abort: () => { reset(stream, 'the writer went away') },
    }, { highWaterMark: 1 })
    streams.set(id, stream)
    return { stream, face: { readable, writable, abort: (reason) => { reset(stream, reason) } } }
  }

  function write(stream: Stream, chunk: Uint8Array): Promise<void> | void {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('a stream of the link takes bytes')
    if (chunk.length === 0) return
    if (stream.ended) throw new BerthError('cancelled', 'the stream is over')
    return new Promise((resolve, reject) => {
      stream.pending = { bytes: chunk, done: resolve, fail: reject }
      turns.add(stream)
      pump()
    })
  }

  async function open(payload: unknown, signal?: AbortSignal): Promise<MuxStream> {
    signal?.throwIfAborted()
    if (closed !== null) throw gone()
    let ours = 0
    for (const id of streams.keys()) if (id % 2 === mine) ours += 1
    if (ours >= STREAM_LIMIT[options.role] || nextId > MAX_ID) throw new BerthError('too_many', `${ours} streams are open on this link`, { hint: 'close some terminals or previews' })
    const bytes = new TextEncoder().encode(JSON.stringify(payload))
    if (bytes.length > OPEN_LIMIT) throw new BerthError('too_large', 'what to open is too long')
    const id = nextId
    nextId += 2
    const { stream, face } = make(id)
    if (signal !== undefined) {
      const onAbort = (): void => { reset(stream, 'cancelled') }
      signal.addEventListener('abort', onAbort, { once: true })
      stream.cleanup = () => { signal.removeEventListener('abort', onAbort) }
    }
    transmit(OPEN, id, bytes)
    return face
  }

  return {
    open, receive, close,
    drained() { blocked = false; pump() },
    get streams() { return streams.size },
  }
}

const NOTHING = new Uint8Array(0)
const MAX_ID = 0xffff_fffd
const SHAPES: Readonly<Record<number, { min: number; max: number }>> = {
  [OPEN]: { min: 0, max: DATA_LIMIT }, [DATA]: { min: 1, max: DATA_LIMIT }, [WIN]: { min: 8, max: 8 }, [FIN]: { min: 0, max: 0 }, [RST]: { min: 0, max: REASON_LIMIT },
}

function writeU32(into: Uint8Array, at: number, value: number): void {
  new DataView(into.buffer, into.byteOffset, into.byteLength).setUint32(at, value)
}
function readU32(from: Uint8Array, at: number): number {
  return new DataView(from.buffer, from.byteOffset, from.byteLength).getUint32(at)
}
function encodeReason(reason: string): Uint8Array {
  const bytes = new TextEncoder().encode(reason)
  return bytes.length <= REASON_LIMIT ? bytes : bytes.slice(0, REASON_LIMIT)
}
function decodeReason(payload: Uint8Array): string {
  // The peer's words end up in logs and messages: no control characters.
  return new TextDecoder().decode(payload).replace(/\p{Cc}/gu, ' ') || 'reset by the peer'
}
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}
/** A stream that is over already refuses a second end; that is what was wanted. */
function quietly(work: () => void): void {
  try {
    work()
  } catch {
    // Already closed or errored.
  }
}
