/**
 * One connection of a visitor, as bytes. Nothing is held that its peer does not take: while we wait for the machine we
 * stop reading from the visitor, and while the visitor does not read, `write` waits.
 */
import type { Socket } from 'bun'
import type { Awaitable, ByteSource } from './body.ts'
import type { ByteSink } from './pour.ts'

export interface ClientConnection extends ByteSource, ByteSink {
  readonly address: string
  readonly closed: boolean
  /** Resolves when the bytes are on their way; undefined: they are. Nothing happens once it is closed. */
  write(bytes: Uint8Array): Promise<void> | undefined
  /** Since when nothing is asked; null: something is. Whoever is quiet for too long is sent away. */
  quietSince: number | null
  /** Ends after what was written. */
  end(): void
  destroy(): void
  /** Called once, when the connection is gone; returns the remover. */
  onClose(listener: () => void): () => void
}

/** What the listener calls. */
export interface ClientEvents {
  /** In memory of their own, which is not the caller's any more. */
  data(bytes: Uint8Array): void
  drain(): void
  /** The visitor sends no more. */
  end(): void
  close(): void
}

/** Read from the visitor and not yet taken. */
const READ_AHEAD_BYTES = 256 * 1024

type ClientSocket = Pick<Socket<unknown>, 'write' | 'end' | 'terminate' | 'pause' | 'resume' | 'remoteAddress'>

export function createClientConnection(socket: ClientSocket): { connection: ClientConnection; events: ClientEvents } {
  const listeners = new Set<() => void>()
  const incoming = createIncoming(socket)
  const outgoing = createOutgoing(socket)
  let closed = false
  const connection: ClientConnection = {
    address: socket.remoteAddress.replace(/^::ffff:/, ''),
    get closed() { return closed },
    read: () => incoming.read(),
    unread: (bytes) => incoming.unread(bytes),
    write: (bytes) => (closed ? undefined : outgoing.write(bytes)),
    take: (bytes) => (closed ? 0 : outgoing.take(bytes)),
    onRoom: (listener) => outgoing.onRoom(listener),
    quietSince: performance.now(),
    end() { if (!closed) outgoing.end() },
    destroy() { if (!closed) socket.terminate() },
    onClose(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const events: ClientEvents = {
    data: (bytes) => incoming.data(bytes),
    drain: () => outgoing.drain(),
    // In the middle of an answer it is a visitor who left: a browser's only way to say so.
    end() { if (!incoming.end()) socket.terminate() },
    close() {
      if (closed) return
      closed = true
      outgoing.close()
      incoming.close()
      for (const listener of listeners) listener()
      listeners.clear()
    },
  }
  return { connection, events }
}

function createIncoming(socket: Pick<ClientSocket, 'pause' | 'resume'>) {
  const waiting: Buffer[] = []
  let held = 0
  let paused = false
  let over: 'no' | 'ended' | 'closed' = 'no'
  let reader: PromiseWithResolvers<Buffer | null> | null = null
  const give = (bytes: Buffer | null): boolean => {
    if (reader === null) return false
    reader.resolve(bytes)
    reader = null
    return true
  }
  return {
    read(): Awaitable<Buffer | null> {
      const bytes = waiting.shift()
      if (bytes === undefined) {
        if (over === 'closed') return Promise.reject(new Error('the visitor left'))
        if (over === 'ended') return null
        reader = Promise.withResolvers()
        return reader.promise
      }
      held -= bytes.length
      if (paused && held < READ_AHEAD_BYTES / 2) {
        paused = false
        socket.resume()
      }
      return bytes
    },
    unread(bytes: Buffer) {
      waiting.unshift(bytes)
      held += bytes.length
    },
    data(bytes: Uint8Array) {
      const own = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      if (give(own)) return
      waiting.push(own)
      held += own.length
      if (!paused && held > READ_AHEAD_BYTES) {
        paused = true
        socket.pause()
      }
    },
    /** False: nobody waits for more, and now nobody will say anything. */
    end(): boolean {
      over = 'ended'
      return give(null) || waiting.length > 0
    },
    close() {
      over = 'closed'
      waiting.length = 0
      reader?.reject(new Error('the visitor left'))
      reader = null
    },
  }
}

/** Not yet taken by the visitor: enough that the way from the machine does not stand still meanwhile. */
const WRITE_BEHIND_BYTES = 512 * 1024

function createOutgoing(socket: Pick<ClientSocket, 'write' | 'end'>) {
  let unsent: Uint8Array[] = []
  let unsentBytes = 0
  let room = Promise.withResolvers<void>()
  let awaited = false
  let finishing = false
  let listener: (() => void) | null = null
  const calm = (): void => {
    if (!awaited) return
    awaited = false
    room.resolve()
  }
  return {
    take: (bytes: Uint8Array): number => (unsent.length > 0 ? 0 : Math.max(0, socket.write(bytes))),
    onRoom(next: (() => void) | null) { listener = next },
    write(bytes: Uint8Array): Promise<void> | undefined {
      let rest = bytes
      if (unsent.length === 0) {
        const taken = Math.max(0, socket.write(bytes))
        if (taken >= bytes.length) return undefined
        rest = bytes.subarray(taken)
      }
      unsent.push(rest)
      unsentBytes += rest.length
      if (unsentBytes < WRITE_BEHIND_BYTES) return undefined
      if (!awaited) room = Promise.withResolvers()
      awaited = true
      return room.promise
    },
    drain() {
      let at = 0
      for (; at < unsent.length; at++) {
        const piece = unsent[at] ?? new Uint8Array(0)
        const taken = Math.max(0, socket.write(piece))
        unsentBytes -= taken
        if (taken >= piece.length) continue
        unsent[at] = piece.subarray(taken)
        break
      }
      unsent = unsent.slice(at)
      if (unsentBytes < WRITE_BEHIND_BYTES / 2) calm()
      if (unsent.length > 0) return
      if (finishing) socket.end()
      else listener?.()
    },
    end() {
      if (unsent.length === 0) socket.end()
      else finishing = true
    },
    close() {
      unsent = []
      unsentBytes = 0
      calm()
    },
  }
}
