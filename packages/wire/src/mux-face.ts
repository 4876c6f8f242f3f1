/** A stream of the mux as its users have it: as two web streams, or as calls. */
import type { Connection, Stream, StreamEvents } from './mux-connection.ts'
import { FIN } from './mux-frames.ts'
import type { Receiving } from './mux-receiving.ts'
import type { Sending } from './mux-sending.ts'
import { createWebStreams } from './mux-web-streams.ts'
import type { WebStreams } from './mux-web-streams.ts'

export type { StreamEvents } from './mux-connection.ts'

export interface MuxStream {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  /** Ends both ways at once; the peer's reads and writes fail with this reason. */
  abort(reason: string): void
  /** The same in place of the two, for who moves much: without a promise for each piece. */
  direct(events: StreamEvents): DirectStream
}
export interface DirectStream {
  /** The next bytes, which are the caller's with the memory that they lie in; null: none now, `onBytes` says when. */
  read(): Uint8Array | null
  /** The peer said that no more comes, and all was read. */
  readonly ended: boolean
  /** How many bytes it took; they are the caller's again. Less than all: `onRoom` says when to go on. */
  write(bytes: Uint8Array): number
  /** No more bytes this way. */
  end(): void
  abort(reason: string): void
}

export interface Halves { readonly connection: Connection; readonly sending: Sending; readonly receiving: Receiving }

export function faceOf(halves: Halves, stream: Stream): MuxStream {
  const { connection, sending, receiving } = halves
  let web: WebStreams | null = null
  const end = (): void => {
    if (stream.ended || stream.finSent) return
    stream.finSent = true
    connection.transmit(FIN, stream.id)
    connection.settle(stream)
  }
  // Made at the first use, since whoever wants it direct never uses them.
  const webStreams = (): WebStreams => (web ??= createWebStreams(halves, stream, end))
  const abort = (reason: string): void => { connection.reset(stream, reason) }
  return {
    get readable() { return webStreams().readable },
    get writable() { return webStreams().writable },
    abort,
    direct(events) {
      stream.user = events
      const { over } = stream
      if (over !== null) queueMicrotask(() => { events.onOver(over) })
      return {
        abort, end, read: () => receiving.read(stream), write: (bytes) => sending.write(stream, bytes),
        get ended() { return stream.over === null && stream.finReceived && stream.inbox.size === 0 },
      }
    },
  }
}
