/** The receiving half of a mux: bytes wait for their reader, and are reported when it took them. */
import type { Connection, Stream } from './mux-connection.ts'
import { CONNECTION_CREDIT, PRESSURE, RESERVE, WINDOW_LIMIT } from './mux-credit.ts'
import { encodeWindow, WIN } from './mux-frames.ts'

export interface Receiving {
  /** The next bytes, null when there are none now. */
  read(stream: Stream): Uint8Array | null
  /** Nobody wants the rest. */
  cancel(stream: Stream): void
  onData(stream: Stream, payload: Uint8Array): void
  onFin(stream: Stream): void
}

export function createReceiving(connection: Connection): Receiving {
  function report(stream: Stream): void {
    if (stream.unreported === 0) return
    const keepsUp = stream.inbox.size <= stream.window / 4 && connection.outstanding < PRESSURE && !stream.finReceived
    const extra = keepsUp ? Math.min(stream.window, WINDOW_LIMIT - stream.window) : 0
    const payload = encodeWindow(stream.unreported, extra)
    stream.window += extra
    stream.granted += stream.unreported + extra
    connection.outstanding -= stream.unreported
    stream.unreported = 0
    connection.transmit(WIN, stream.id, payload)
  }

  function reportAt(stream: Stream): number {
    if (stream.finReceived && stream.inbox.size === 0) return 1
    return connection.outstanding > PRESSURE ? RESERVE / 2 : stream.window / 4
  }

  // Who is told while it reads would read a later piece first: a transport may deliver at once.
  let reading: Stream | null = null

  return {
    read(stream) {
      const chunk = stream.inbox.shift()
      if (chunk === null) return null
      const before = reading
      reading = stream
      stream.unreported += chunk.length
      if (stream.unreported >= reportAt(stream)) report(stream)
      reading = before
      connection.settle(stream)
      return chunk
    },
    cancel(stream) {
      if (!stream.finReceived) return connection.reset(stream, 'the reader went away')
      // All has arrived and nobody wants it; the other way may go on.
      stream.unreported += stream.inbox.size
      stream.inbox.clear()
      report(stream)
      connection.settle(stream)
    },
    onData(stream, payload) {
      if (stream.finReceived) return connection.reset(stream, 'data after the end')
      if (payload.length > stream.granted) return connection.reset(stream, 'window exceeded')
      const relaxed = connection.outstanding <= PRESSURE
      connection.outstanding += payload.length
      if (connection.outstanding > CONNECTION_CREDIT) return connection.fault('connection credit exceeded')
      stream.granted -= payload.length
      stream.inbox.push(payload)
      // From here on readers report early; what they owe from the relaxed time must not hold a writer up.
      if (relaxed && connection.outstanding > PRESSURE) for (const other of connection.streams.values()) report(other)
      if (reading !== stream) connection.tell(stream, 'onBytes')
    },
    onFin(stream) {
      if (stream.finReceived) return
      stream.finReceived = true
      if (stream.inbox.size > 0) return
      report(stream)
      connection.tell(stream, 'onBytes')
      connection.settle(stream)
    },
  }
}
