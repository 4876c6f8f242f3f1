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
 *   APART                               the next message is no frame: all of it is what a DATA would carry. To copy a large
 *                                       payload behind a head costs as much as to send it. Only to peers that know of it
 *
 * Credit. A sender may have at most the stream's window in flight (sent and not reported consumed). Above that,
 * the connection holds CONNECTION_CREDIT: each stream always owns RESERVE of it, the rest is a pool from which a
 * stream takes no more than it leaves, so however many readers stall, every other stream still moves.
 *
 * Whatever arrives, `receive` does not throw: a fault of one stream resets it, a fault of the connection closes
 * the mux and is told to `onFault`.
 */
import { BerthError } from './errors.ts'
import { createConnection, newStream } from './mux-connection.ts'
import type { Stream } from './mux-connection.ts'
import { STREAM_LIMIT } from './mux-credit.ts'
import { faceOf } from './mux-face.ts'
import type { MuxStream } from './mux-face.ts'
import { APART, DATA, dataApart, decodeFrame, decodeOpen, decodeReason, encodeReason, FIN, LAST_STREAM_ID, OPEN, OPEN_LIMIT, RST, WIN } from './mux-frames.ts'
import type { Frame } from './mux-frames.ts'
import { createReceiving } from './mux-receiving.ts'
import { createSending } from './mux-sending.ts'

export { STREAM_LIMIT, WINDOW_LIMIT, WINDOW_START } from './mux-credit.ts'
export { DATA_LIMIT } from './mux-frames.ts'
export type { DirectStream, MuxStream, StreamEvents } from './mux-face.ts'

export type MuxRole = 'server' | 'daemon'
export interface Mux {
  /** Rejects when closed or when too many are open. Aborting `signal` later resets the stream. */
  open(payload: unknown, signal?: AbortSignal): Promise<MuxStream>
  /** Its memory is the mux's from here on, and then of who reads the stream. */
  receive(frame: Uint8Array): void
  /** The transport has room again, after `send` answered false. */
  drained(): void
  /** Every stream fails with this reason; nothing is sent any more. */
  close(reason: string): void
  readonly streams: number
}
export interface MuxOptions {
  readonly role: MuxRole
  /** Hands one frame to the transport; its memory is the mux's again afterwards. False: it took it, and wants no DATA until `drained()`. */
  send(frame: Uint8Array): boolean | void
  onOpen(open: unknown, stream: MuxStream): void
  /** Whether the peer knows payloads apart from their heads, by now. Absent: it does not. */
  apart?(): boolean
  /** For transports that cannot tell when they drain: the mux looks again every few ms while this is high. */
  bufferedAmount?(): number
  /** The peer broke the protocol; the mux is closed already. */
  onFault?(reason: string): void
}

export function createMux(options: MuxOptions): Mux {
  const connection = createConnection({
    role: options.role, send: options.send, ...(options.apart === undefined ? {} : { apart: options.apart }), onRoom: () => { sending.pump() },
    onFault(reason) { sending.stop(); options.onFault?.(reason) },
  })
  const sending = createSending(connection, options.bufferedAmount)
  const receiving = createReceiving(connection)
  const halves = { connection, sending, receiving }
  const { streams } = connection
  const mine = options.role === 'server' ? 1 : 0
  const peer = options.role === 'server' ? 'daemon' : 'server'
  let nextId = options.role === 'server' ? 1 : 2
  let peerLastId = 0
  /** Whose payload the next message is. */
  let apart: number | null = null
  const countOf = (parity: number): number => [...streams.keys()].filter((id) => id % 2 === parity).length

  function onOpen({ id, payload }: Frame): void {
    if (id % 2 === mine || id <= peerLastId) return connection.fault('stream id out of order')
    peerLastId = id
    const open = decodeOpen(payload)
    const refusal = countOf(1 - mine) >= STREAM_LIMIT[peer] ? 'too many streams' : open === undefined ? 'cannot read what to open' : null
    if (refusal !== null) return connection.transmit(RST, id, encodeReason(refusal))
    const { stream, face } = make(id)
    try {
      options.onOpen(open, face)
    } catch {
      connection.reset(stream, 'internal')
    }
  }

  function receive(bytes: Uint8Array): void {
    if (connection.closed) return
    const frame = apart === null ? decodeFrame(bytes) : dataApart(apart, bytes)
    apart = frame?.type === APART ? frame.id : null
    if (frame === null) return connection.fault('malformed frame')
    if (frame.type === APART) return
    if (frame.type === OPEN) return onOpen(frame)
    const stream = streams.get(frame.id)
    if (stream === undefined) return onStray(frame)
    switch (frame.type) {
      case DATA: return receiving.onData(stream, frame.payload)
      case WIN: return sending.onWindow(stream, frame.payload)
      case FIN: return receiving.onFin(stream)
      default: return connection.fail(stream, new BerthError('cancelled', decodeReason(frame.payload)))
    }
  }

  /** Frames that crossed a reset on their way are normal; a stream nobody ever opened is not. */
  function onStray({ type, id }: Frame): void {
    const known = id % 2 === mine ? id < nextId : id <= peerLastId
    if (!known && type !== RST) connection.transmit(RST, id, encodeReason('no such stream'))
  }

  function make(id: number): { stream: Stream; face: MuxStream } {
    const stream = newStream(id)
    streams.set(id, stream)
    return { stream, face: faceOf(halves, stream) }
  }

  async function open(payload: unknown, signal?: AbortSignal): Promise<MuxStream> {
    signal?.throwIfAborted()
    if (connection.closed) throw connection.gone()
    if (countOf(mine) >= STREAM_LIMIT[options.role] || nextId > LAST_STREAM_ID) throw new BerthError('too_many', `${streams.size} streams are open on this link`, { hint: 'close some terminals or previews' })
    const bytes = new TextEncoder().encode(JSON.stringify(payload))
    if (bytes.length > OPEN_LIMIT) throw new BerthError('too_large', 'what to open is too long')
    const id = nextId
    nextId += 2
    const { stream, face } = make(id)
    const onAbort = (): void => { connection.reset(stream, 'cancelled') }
    signal?.addEventListener('abort', onAbort, { once: true })
    stream.cleanup = () => { signal?.removeEventListener('abort', onAbort) }
    connection.transmit(OPEN, id, bytes)
    return face
  }

  return {
    open, receive,
    close(reason) { sending.stop(); connection.close(reason) },
    drained() { connection.blocked = false; sending.pump() },
    get streams() { return streams.size },
  }
}
