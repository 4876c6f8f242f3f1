/** What the two directions of a mux share: its streams, and how one of them ends. */
import { BerthError } from './errors.ts'
import type { ByteQueue } from './mux-queue.ts'
import { encodeFrame, encodeReason, RST } from './mux-frames.ts'
import { fromPool } from './mux-credit.ts'

export interface Stream {
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
  /** Forgets a stream whose two ways are over and whose bytes are all accounted for. */
  settle(stream: Stream): void
  fail(stream: Stream, error: Error): void
  reset(stream: Stream, reason: string): void
  close(reason: string): void
  fault(reason: string): void
  gone(): BerthError
}

export function createConnection(deps: { role: 'server' | 'daemon'; send(frame: Uint8Array): boolean | void; onFault?(reason: string): void; onRoom(): void }): Connection {
  let closedBecause: string | null = null

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
    settle(stream) {
      if (stream.finSent && stream.finReceived && stream.inFlight === 0 && stream.inbox.size === 0 && stream.unreported === 0) forget(stream)
    },
    fail(stream, error) {
      if (stream.ended) return
      forget(stream)
      stream.pending?.fail(error)
      stream.pending = null
      quietly(() => stream.reader.error(error))
      quietly(() => stream.writer.error(error))
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

/** A stream that is over already refuses a second end; that is what was wanted. */
export function quietly(work: () => void): void {
  try {
    work()
  } catch {
    // Already closed or errored.
  }
}
