/** The sending half of a mux: streams take turns, each within its window and its part of the pool. */
import type { Connection, Stream } from './mux-connection.ts'
import { fromPool, POOL, RESERVE, WINDOW_LIMIT } from './mux-credit.ts'
import { DATA_LIMIT, decodeWindow } from './mux-frames.ts'

/** Shares of the pool are whole quanta, so that a full pool does not make for frames of a few bytes. */
const QUANTUM = 8 * 1024
/**
 * DATA waits while the transport holds this much: what is handed over can no longer be overtaken by another stream. A
 * transport that has sent all of it before we look again takes more without anybody waiting longer.
 */
const TRANSPORT_LEAST = 256 * 1024
const TRANSPORT_MOST = 2 * 1024 * 1024
const TRANSPORT_POLL_MS = 2
/**
 * So often in a row more than half was left: the way is slow, and less is handed to it. Once alone says that the peer had no
 * processor for a moment, and whoever hands over little to a fast one finds it empty at each look.
 */
const SLOW_LOOKS = 4

export interface Sending {
  /** How many of the bytes it took; `onRoom` says when to come again with the rest. */
  write(stream: Stream, bytes: Uint8Array): number
  /** The peer's report. */
  onWindow(stream: Stream, payload: Uint8Array): void
  pump(): void
  stop(): void
}

export function createSending(connection: Connection, bufferedAmount?: () => number): Sending {
  let pumping = false
  /** Whose turn it is: one frame. */
  let turn: Stream | null = null
  let moved = false
  let limit = TRANSPORT_LEAST
  let slowLooks = 0
  let poll: ReturnType<typeof setTimeout> | null = null

  function transportFull(): boolean {
    if (connection.blocked) return true
    if (bufferedAmount === undefined || bufferedAmount() < limit) return false
    poll ??= setTimeout(look, TRANSPORT_POLL_MS, bufferedAmount)
    return true
  }

  function look(buffered: () => number): void {
    poll = null
    const left = buffered()
    if (left === 0) limit = Math.min(2 * limit, TRANSPORT_MOST)
    if (left <= limit / 2) slowLooks = 0
    else if (++slowLooks === SLOW_LOOKS) {
      slowLooks = 0
      limit = Math.max(limit / 2, TRANSPORT_LEAST)
    }
    pump()
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
        turn = stream
        moved = false
        connection.tell(stream, 'onRoom')
        if (moved) idle = 0
        else if (connection.turns.has(stream)) idle += 1
      }
    } finally {
      turn = null
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

  function send(stream: Stream, bytes: Uint8Array): void {
    moved = true
    stream.credit -= bytes.length
    moveInFlight(stream, bytes.length)
    connection.transmitData(stream.id, bytes)
  }

  return {
    pump,
    write(stream, bytes) {
      if (stream.ended || connection.closed) return 0
      connection.turns.delete(stream)
      // While nobody has a turn, whoever waits does so for credit; while somebody has one, the others come after it.
      const most = turn === stream ? Math.min(bytes.length, DATA_LIMIT) : pumping ? 0 : bytes.length
      let sent = 0
      while (sent < most && !transportFull()) {
        const size = Math.min(allowance(stream), bytes.length - sent)
        if (size === 0) break
        const piece = bytes.subarray(sent, sent + size)
        sent += size
        send(stream, piece)
      }
      if (sent < bytes.length && !stream.ended) connection.turns.add(stream)
      return sent
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
