/** A stream of the mux joined with a socket, byte for byte, each way with its own end, holding little of what is not taken. */
import { giveBack } from './give-back.ts'
import type { MuxStream } from './mux.ts'

/** As Bun's are, opened with `allowHalfOpen`. */
export interface JoinableSocket {
  /** How many bytes it took; below zero: it is over. */
  write(bytes: Uint8Array): number
  /** Ends our way. */
  shutdown(): void
  end(): void
  terminate(): void
  pause(): void
  resume(): void
}
/** What the socket's own handlers call. */
export interface JoinedSocket {
  /** In memory of their own, which is not the caller's any more. */
  data(bytes: Uint8Array): void
  drain(): void
  end(): void
  close(): void
}

/** Dropped of what is still said to a socket that is over, before the stream is reset: a reset overtakes its last words. */
const DROPPED_BYTES = 4 * 1024 * 1024

/** Bytes on their way, of which the first have gone. */
interface Going { readonly whole: Uint8Array; rest: Uint8Array }

/** Something moved. */
export interface Told { fromStream?(): void; fromSocket?(): void }

/** Call it once the socket is open. */
export function joinSocket(stream: Pick<MuxStream, 'direct'>, socket: JoinableSocket, told: Told = {}): JoinedSocket {
  /** From the socket, not yet taken by the stream. */
  const held: Going[] = []
  /** From the stream, not yet taken by the socket. */
  let going: Going | null = null
  const ended = { bySocket: false, byStream: false }
  let closed = false
  let dropped = 0
  const direct = stream.direct({
    onBytes: toSocket,
    onRoom() {
      for (let next = held[0]; next !== undefined; next = held[0]) {
        next.rest = next.rest.subarray(direct.write(next.rest))
        if (next.rest.length > 0) return
        held.shift()
        giveBack(next.whole)
      }
      if (ended.bySocket) direct.end()
      else socket.resume()
    },
    onOver() { socket.terminate() },
  })

  function drop(): void {
    for (let bytes = direct.read(); bytes !== null; bytes = direct.read()) dropped += bytes.length
    if (dropped > DROPPED_BYTES) direct.abort('the connection is closed')
  }
  function toSocket(): void {
    if (closed) return drop()
    for (;;) {
      const whole: Uint8Array | null = going?.whole ?? direct.read()
      if (whole === null) break
      if (going === null) told.fromStream?.()
      const bytes: Uint8Array = going?.rest ?? whole
      const taken = Math.max(0, socket.write(bytes))
      going = taken < bytes.length ? { whole, rest: bytes.subarray(taken) } : null
      if (going !== null) return
      giveBack(whole)
    }
    if (!direct.ended || ended.byStream) return
    ended.byStream = true
    // Only our way: `end` would drop what the socket still says.
    if (ended.bySocket) socket.end()
    else socket.shutdown()
  }
  function fromSocketEnded(): void {
    if (ended.bySocket) return
    ended.bySocket = true
    if (held.length === 0) direct.end()
  }

  toSocket()
  return {
    data(bytes) {
      told.fromSocket?.()
      const taken = held.length === 0 ? direct.write(bytes) : 0
      if (taken === bytes.length) return giveBack(bytes)
      held.push({ whole: bytes, rest: bytes.subarray(taken) })
      socket.pause()
    },
    drain: toSocket,
    end() {
      fromSocketEnded()
      if (ended.byStream) socket.end()
    },
    close() {
      closed = true
      going = null
      fromSocketEnded()
      drop()
    },
  }
}

/** What opens the socket is given these; it is joined before its first bytes can come. `closed`: it is gone. */
export function joiningHandlers(stream: Pick<MuxStream, 'direct'>, told?: Told) {
  const closed = Promise.withResolvers<void>()
  let joined: JoinedSocket | null = null
  return {
    closed: closed.promise,
    handlers: {
      open(socket: JoinableSocket) { joined = joinSocket(stream, socket, told) },
      data: (_: unknown, bytes: Uint8Array) => joined?.data(bytes),
      drain: () => joined?.drain(),
      end: () => joined?.end(),
      close() {
        joined?.close()
        closed.resolve()
      },
      // Its close tells the rest.
      error() {},
    },
  }
}
