/**
 * One connection of a visitor, as bytes. Nothing is held that its peer does not take: while we wait for the machine we
 * stop reading from the visitor, and while the visitor does not read, `write` waits.
 */
import type { Socket } from 'bun'
import type { ByteSource } from './body.ts'

export interface ClientConnection extends ByteSource {
  readonly address: string
  readonly closed: boolean
  /** Resolves when the bytes are on their way; undefined: they are. Nothing happens once it is closed. */
  write(bytes: Uint8Array): Promise<void> | undefined
  /** Closed when the visitor says nothing for so long; 0: never. */
  idleLimit(seconds: number): void
  /** Ends after what was written. */
  end(): void
  destroy(): void
  /** Called once, when the connection is gone; returns the remover. */
  onClose(listener: () => void): () => void
}

/** What the listener calls. */
export interface ClientEvents {
  data(bytes: Uint8Array): void
  drain(): void
  /** The visitor sends no more. */
  end(): void
  close(): void
  timeout(): void
}

/** Read from the visitor and not yet taken. */
const READ_AHEAD_BYTES = 256 * 1024

export function createClientConnection(socket: Pick<Socket<unknown>, 'write' | 'end' | 'terminate' | 'pause' | 'resume' | 'timeout' | 'remoteAddress'>): { connection: ClientConnection; events: ClientEvents } {
  const waiting: Buffer[] = []
  const listeners = new Set<() => void>()
  let held = 0
  let paused = false
  let ended = false
  let closed = false
  let reader: { resolve(bytes: Buffer | null): void; reject(cause: unknown): void } | null = null
  let unsent: Buffer | null = null
  let drained = Promise.withResolvers<void>()
  let finishing = false

  const gone = (): Error => new Error('the visitor left')
  const finish = (): void => {
    if (closed) return
    if (unsent === null) socket.end()
    else finishing = true
  }

  const connection: ClientConnection = {
    address: socket.remoteAddress.replace(/^::ffff:/, ''),
    get closed() { return closed },
    read() {
      const bytes = waiting.shift()
      if (bytes !== undefined) {
        held -= bytes.length
        if (paused && held < READ_AHEAD_BYTES / 2) {
          paused = false
          socket.resume()
        }
        return Promise.resolve(bytes)
      }
      if (closed) return Promise.reject(gone())
      if (ended) return Promise.resolve(null)
      return new Promise((resolve, reject) => { reader = { resolve, reject } })
    },
    unread(bytes) {
      waiting.unshift(bytes)
      held += bytes.length
    },
    write(bytes) {
      if (closed || bytes.length === 0) return undefined
      if (unsent !== null) {
        unsent = Buffer.concat([unsent, bytes])
        return drained.promise
      }
      const taken = Math.max(0, socket.write(bytes))
      if (taken >= bytes.length) return undefined
      unsent = Buffer.from(bytes.subarray(taken))
      drained = Promise.withResolvers()
      return drained.promise
    },
    idleLimit: (seconds) => void socket.timeout(seconds),
    end: finish,
    destroy() { if (!closed) socket.terminate() },
    onClose(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const events: ClientEvents = {
    data(bytes) {
      const own = Buffer.from(bytes)
      if (reader !== null) {
        const { resolve } = reader
        reader = null
        return resolve(own)
      }
      waiting.push(own)
      held += own.length
      if (!paused && held > READ_AHEAD_BYTES) {
        paused = true
        socket.pause()
      }
    },
    drain() {
      if (unsent === null) return
      const taken = Math.max(0, socket.write(unsent))
      if (taken < unsent.length) {
        unsent = unsent.subarray(taken)
        return
      }
      unsent = null
      drained.resolve()
      if (finishing) socket.end()
    },
    end() {
      ended = true
      reader?.resolve(null)
      reader = null
    },
    close() {
      if (closed) return
      closed = true
      unsent = null
      drained.resolve()
      reader?.reject(gone())
      reader = null
      waiting.length = 0
      for (const listener of [...listeners]) listener()
      listeners.clear()
    },
    timeout() { socket.terminate() },
  }
  return { connection, events }
}
