/**
 * Leads every connection to one place, byte for byte, each half for itself. What the other side does not take yet stays with
 * who sends it. A machine's link goes through here, with all that its previews carry: so by calls, and with nothing kept.
 *
 * This file is copied beside the programs that use it and runs on its own: platform imports only.
 */
import type { Socket, SocketHandler } from 'bun'

export type Place = { readonly path: string } | { readonly host: string; readonly port: number }
export interface Forward { close(): void }

const CONNECTION_LIMIT = 1024
/** Below it a collection costs less than to give memory back at once. */
const WORTH_BYTES = 8 * 1024

/** Bytes on their way, of which the first have gone. */
interface Going { readonly whole: Uint8Array; rest: Uint8Array }
/** One of two that are joined. */
interface Side {
  /** Null: it is not there yet. */
  socket: Socket<Side> | null
  other: Side | null
  /** Of the other's bytes, what this one did not take yet. */
  readonly going: Going[]
  paused: boolean
  /** It sends no more. */
  ended: boolean
  /** It was told that no more comes. */
  told: boolean
  closed: boolean
}
const newSide = (): Side => ({ socket: null, other: null, going: [], paused: false, ended: false, told: false, closed: false })

/** Listens when it returns; throws when it cannot. */
export function forward(from: Place, to: Place): Forward {
  let connections = 0
  const handlers = {
    data(socket: Socket<Side>, bytes: Uint8Array) { toOther(socket.data, bytes) },
    drain(socket: Socket<Side>) { flush(socket.data) },
    end(socket: Socket<Side>) {
      socket.data.ended = true
      settle(socket.data.other)
      settle(socket.data)
    },
    close(socket: Socket<Side>) { onClose(socket.data) },
    // Its close tells the rest.
    error() {},
  }
  const listener = listenAt(from, {
    ...handlers,
    open(client) {
      const [near, far] = [newSide(), newSide()]
      near.other = far
      far.other = near
      near.socket = client
      client.data = near
      connections++
      if (connections > CONNECTION_LIMIT) return client.terminate()
      // Nothing is read before it has somewhere to go.
      pause(near)
      connectTo(to, far, { ...handlers, open(socket) { onUpstream(socket, far) } }).catch(() => client.terminate())
    },
    close(socket) {
      connections--
      onClose(socket.data)
    },
  })
  return { close: () => listener.stop() }
}

function listenAt(place: Place, socket: SocketHandler<Side>): { stop(): void } {
  return 'path' in place ? Bun.listen<Side>({ unix: place.path, allowHalfOpen: true, socket }) : Bun.listen<Side>({ hostname: place.host, port: place.port, allowHalfOpen: true, socket })
}
function connectTo(place: Place, data: Side, socket: SocketHandler<Side>): Promise<unknown> {
  return 'path' in place ? Bun.connect<Side>({ unix: place.path, data, allowHalfOpen: true, socket }) : Bun.connect<Side>({ hostname: place.host, port: place.port, data, allowHalfOpen: true, socket })
}

function onUpstream(socket: Socket<Side>, far: Side): void {
  far.socket = socket
  if (far.other?.closed !== false) return socket.terminate()
  resume(far.other)
}

function toOther(side: Side, bytes: Uint8Array): void {
  const { other } = side
  if (other === null || other.closed) return
  other.going.push({ whole: bytes, rest: bytes })
  if (!flush(other)) pause(side)
}

/** True: all that came for it was taken. */
function flush(side: Side): boolean {
  const { socket, going, other } = side
  if (socket === null) return going.length === 0
  for (let next = going[0]; next !== undefined; next = going[0]) {
    next.rest = next.rest.subarray(Math.max(0, socket.write(next.rest)))
    if (next.rest.length > 0) return false
    going.shift()
    giveBack(next.whole)
  }
  if (other !== null) resume(other)
  settle(side)
  return true
}

/** Else as much again is read onto fresh pages before anything is collected. */
function giveBack({ buffer, length }: Uint8Array): void {
  if (length >= WORTH_BYTES && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** Tells it of the other's end, after its last bytes. */
function settle(side: Side | null): void {
  if (side === null || side.socket === null || side.closed || side.going.length > 0 || side.other?.ended !== true) return
  if (side.ended || side.other.closed) side.socket.end()
  else if (!side.told) side.socket.shutdown()
  side.told = true
}

function onClose(side: Side): void {
  side.closed = true
  side.going.length = 0
  const { other } = side
  if (other === null || other.closed) return
  // What it said before it ended is still passed on; where it broke off, it breaks off.
  if (side.ended) {
    settle(other)
    resume(other)
  } else other.socket?.terminate()
}

function pause(side: Side): void {
  if (side.paused) return
  side.paused = true
  side.socket?.pause()
}
function resume(side: Side): void {
  if (!side.paused || side.closed) return
  side.paused = false
  side.socket?.resume()
}
