/** What the two directions of a mux share: its streams, and how one of them ends. */
import { BerthError } from './errors.ts'
import { WINDOW_START, fromPool } from './mux-credit.ts'
import { APART, APART_BYTES, createDataFrame, encodeFrame, encodeReason, RST } from './mux-frames.ts'
import { createByteQueue } from './mux-queue.ts'
import type { ByteQueue } from './mux-queue.ts'

/** What whoever uses a stream is told, from within a call of the mux or of the transport. */
export interface StreamEvents {
  /** There is something to read: bytes, or the end. Not said again before everything was read. */
  onBytes(): void
  /** After a `write` that took less than all: it takes more now. */
  onRoom(): void
  /** Both ways broke off. Nothing is said after it. */
  onOver(error: BerthError): void
}

export interface Stream {
  readonly id: number
  /** Nobody yet: what comes waits. */
  user: StreamEvents | null
  /** Why it broke off. */
  over: BerthError | null
  // Towards the peer.
  credit: number
  inFlight: number
  finSent: boolean
  // From the peer.
  readonly inbox: ByteQueue
  window: number
  /** Bytes the peer may still send. */
  granted: number
  unreported: number
  finReceived: boolean
  /** The mux has nothing to do with it any more. */
  ended: boolean
  cleanup: () => void
}

export function newStream(id: number): Stream {
  return {
    id, user: null, over: null, credit: WINDOW_START, inFlight: 0, finSent: false,
    inbox: createByteQueue(), window: WINDOW_START, granted: WINDOW_START, unreported: 0, finReceived: false, ended: false, cleanup: () => {},
  }
}

export interface Connection {
  readonly streams: Map<number, Stream>
  /** Streams with bytes to send, in the order of their turns. */
  readonly turns: Set<Stream>
  poolUsed: number
  /** Received and not yet reported consumed, over all streams. */
  outstanding: number
  /** The transport wants no DATA until it drained. */
  blocked: boolean
  readonly closed: boolean
  transmit(type: number, id: number, payload?: Uint8Array): void
  transmitData(id: number, payload: Uint8Array): void
  /** A mistake of who uses the stream costs that stream only. */
  tell(stream: Stream, event: 'onBytes' | 'onRoom'): void
  /** Forgets a stream whose two ways are over and whose bytes are all accounted for. */
  settle(stream: Stream): void
  fail(stream: Stream, error: BerthError): void
  reset(stream: Stream, reason: string): void
  close(reason: string): void
  fault(reason: string): void
  gone(): BerthError
}

export function createConnection(deps: { role: 'server' | 'daemon'; send(frame: Uint8Array): boolean | void; apart?(): boolean; onFault?(reason: string): void; onRoom(): void }): Connection {
  let closedBecause: string | null = null
  const dataFrame = createDataFrame()

  function forget(stream: Stream): void {
    if (stream.ended) return
    stream.ended = true
    self.streams.delete(stream.id)
    self.turns.delete(stream)
    self.poolUsed -= fromPool(stream.inFlight)
    self.outstanding -= stream.inbox.size + stream.unreported
    stream.inbox.clear()
    stream.cleanup()
  }

  const self: Connection = {
    streams: new Map(), turns: new Set(), poolUsed: 0, outstanding: 0, blocked: false,
    get closed() { return closedBecause !== null },
    gone: () => new BerthError(deps.role === 'server' ? 'daemon_unreachable' : 'server_unreachable', `the link closed: ${closedBecause ?? 'unknown'}`),
    transmit(type, id, payload) {
      if (closedBecause === null && deps.send(encodeFrame(type, id, payload)) === false) self.blocked = true
    },
    transmitData(id, payload) {
      const apart = payload.length >= APART_BYTES && deps.apart?.() === true
      if (apart) self.transmit(APART, id)
      if (closedBecause === null && deps.send(apart ? payload : dataFrame(id, payload)) === false) self.blocked = true
    },
    tell(stream, event) {
      try {
        stream.user?.[event]()
      } catch {
        self.reset(stream, 'internal')
      }
    },
    settle(stream) {
      if (stream.finSent && stream.finReceived && stream.inFlight === 0 && stream.inbox.size === 0 && stream.unreported === 0) forget(stream)
    },
    fail(stream, error) {
      if (stream.ended) return
      forget(stream)
      stream.over = error
      stream.user?.onOver(error)
      deps.onRoom()
    },
    reset(stream, reason) {
      if (stream.ended) return
      self.transmit(RST, stream.id, encodeReason(reason))
      self.fail(stream, new BerthError('cancelled', reason))
    },
    close(reason) {
      if (closedBecause !== null) return
      closedBecause = reason
      for (const stream of self.streams.values()) self.fail(stream, self.gone())
    },
    fault(reason) {
      if (closedBecause !== null) return
      self.close(reason)
      deps.onFault?.(reason)
    },
  }
  return self
}
