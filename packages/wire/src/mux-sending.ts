/** The sending half of a mux: streams take turns, each within its window and its part of the pool. */
import { BerthError } from './errors.ts'
import type { Connection, Stream } from './mux-connection.ts'
import { fromPool, POOL, RESERVE, WINDOW_LIMIT } from './mux-credit.ts'
import { DATA, DATA_LIMIT, decodeWindow } from './mux-frames.ts'

/** Shares of the pool are whole quanta, so that a full pool does not make for frames of a few bytes. */
const QUANTUM = 8 * 1024
/** DATA waits while the transport holds this much: what is handed over can no longer be overtaken by another stream. */
const TRANSPORT_LIMIT = 256 * 1024
const TRANSPORT_POLL_MS = 2

export interface Sending {
  write(stream: Stream, chunk: Uint8Array): Promise<void> | void
  /** The peer's report. */
  onWindow(stream: Stream, payload: Uint8Array): void
  pump(): void
  stop(): void
}

export function createSending(connection: Connection, bufferedAmount?: () => number): Sending {
  let pumping = false
  let poll: ReturnType<typeof setTimeout> | null = null

  function transportFull(): boolean {
    if (connection.blocked) return true
    if (bufferedAmount === undefined || bufferedAmount() < TRANSPORT_LIMIT) return false
    poll ??= setTimeout(() => { poll = null; pump() }, TRANSPORT_POLL_MS)
    return true
  }

  function pump(): void {
    // A transport that delivers at once calls back into here; the loop below goes on instead.
    if (pumping) return
    pumping = true
    try {
      let idle = 0
      while (!connection.closed && connection.turns.size > idle && !transportFull()) {
        const [stream] = connection.turns
        if (stream === undefined) break
        connection.turns.delete(stream)
        if (stream.pending === null) continue
        connection.turns.add(stream)
        idle = sendSome(stream) ? 0 : idle + 1
      }
    } finally {
      pumping = false
    }
  }

  /** Bytes this stream may send now. */
  function allowance(stream: Stream): number {
    // Half of what is free: after taking it, the stream holds no more than it leaves.
    const spare = (POOL - connection.poolUsed - fromPool(stream.inFlight)) / 2
    const share = Math.max(0, Math.floor(spare / QUANTUM) * QUANTUM)
    return Math.min(DATA_LIMIT, stream.credit, Math.max(0, RESERVE - stream.inFlight) + share)
  }

  function moveInFlight(stream: Stream, by: number): void {
    connection.poolUsed += fromPool(stream.inFlight + by) - fromPool(stream.inFlight)
    stream.inFlight += by
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
      connection.turns.delete(stream)
    }
    connection.transmit(DATA, stream.id, payload)
    if (pending.bytes.length === 0) pending.done()
    return true
  }

  return {
    pump,
    write(stream, chunk) {
      if (!(chunk instanceof Uint8Array)) throw new TypeError('a stream of the link takes bytes')
      if (chunk.length === 0) return
      if (stream.ended) throw new BerthError('cancelled', 'the stream is over')
      return new Promise((resolve, reject) => {
        stream.pending = { bytes: chunk, done: resolve, fail: reject }
        connection.turns.add(stream)
        pump()
      })
    },
    onWindow(stream, payload) {
      const { consumed, extra } = decodeWindow(payload)
      if (consumed > stream.inFlight || stream.credit + stream.inFlight + extra > WINDOW_LIMIT) return connection.fault('window beyond its limit')
      moveInFlight(stream, -consumed)
      stream.credit += consumed + extra
      connection.settle(stream)
      pump()
    },
    stop() { if (poll !== null) clearTimeout(poll) },
  }
}
