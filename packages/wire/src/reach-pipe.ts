/**
 * One end of a connection as `reach.ts` describes it; the server's end and the person's are the same code. It holds no
 * more than REACH_WINDOW bytes in either direction.
 */

export const REACH_WINDOW = 4 * 1024 * 1024
/** A message holds at most this much. */
export const REACH_MESSAGE_LIMIT = 256 * 1024
/** Why a connection ended, beyond 1000. The reason says it in words, cut to what a close may carry. */
export const REACH_CLOSE = { ended: 1000, unreadable: 1003, tooFast: 1013, /** The machine refused, or is gone. */ refused: 4502 } as const

/** So much is taken before the other end is told: often enough that it never waits for the telling. */
const TELL_EVERY = REACH_WINDOW / 8
/** A close frame carries 123 bytes of reason. */
const REASON_LIMIT = 120

export interface PipeSocket {
  send(data: Uint8Array | string): unknown
  close(code: number, reason: string): unknown
}
export interface PipeSink {
  /** Resolves when the bytes are taken. A rejection ends the connection. */
  write(bytes: Uint8Array): Promise<unknown>
  /** After the last byte. */
  end(): Promise<unknown>
}
export interface ReachPipe {
  /** Resolves when there is room for more. Rejects once the connection is over. */
  send(bytes: Uint8Array): Promise<void>
  /** No more bytes go this way. */
  end(): void
  /** A message of the other end. */
  message(data: string | Uint8Array): void
  close(code: number, reason: string): void
  /** The socket is gone, whoever closed it. */
  closed(): void
  /** Both ways have ended, and everything that came was taken. */
  readonly finished: Promise<void>
}

export function createReachPipe(socket: PipeSocket, sink: PipeSink): ReachPipe {
  const finished = Promise.withResolvers<void>()
  let sent = 0
  let takenThere = 0
  let room = Promise.withResolvers<void>()
  let received = 0
  let taken = 0
  let told = 0
  let ended = { here: false, there: false, taken: false }
  let over = false

  const close = (code: number, reason: string): void => {
    if (over) return
    socket.close(code, cut(reason))
    closed()
  }
  const closed = (): void => {
    if (over) return
    over = true
    room.resolve()
    finished.resolve()
  }
  const settle = (): void => {
    if (ended.here && ended.taken) finished.resolve()
  }
  const took = (bytes: number): void => {
    taken += bytes
    if (over || taken - told < TELL_EVERY) return
    told = taken
    socket.send(String(taken))
  }
  const onEnd = (): void => {
    if (ended.there) return
    ended = { ...ended, there: true }
    void sink.end().catch(() => {}).then(() => {
      ended = { ...ended, taken: true }
      settle()
    })
  }

  return {
    async send(bytes) {
      for (let at = 0; at < bytes.length; at += REACH_MESSAGE_LIMIT) {
        while (!over && sent - takenThere >= REACH_WINDOW - REACH_MESSAGE_LIMIT) {
          room = Promise.withResolvers<void>()
          await room.promise
        }
        if (over) throw new Error('the connection is over')
        const piece = bytes.length <= REACH_MESSAGE_LIMIT ? bytes : bytes.subarray(at, at + REACH_MESSAGE_LIMIT)
        sent += piece.length
        socket.send(piece)
      }
    },
    end() {
      if (over || ended.here) return
      ended = { ...ended, here: true }
      socket.send(new Uint8Array(0))
      settle()
    },
    message(data) {
      if (over) return
      if (typeof data === 'string') {
        const count = Number(data)
        if (!/^\d{1,16}$/.test(data) || count < takenThere || count > sent) return close(REACH_CLOSE.unreadable, 'not a count of bytes')
        takenThere = count
        return room.resolve()
      }
      if (data.length === 0) return onEnd()
      if (ended.there) return close(REACH_CLOSE.unreadable, 'bytes after the end')
      received += data.length
      if (received - taken > REACH_WINDOW) return close(REACH_CLOSE.tooFast, 'more than the window at once')
      sink.write(data).then(() => took(data.length), () => close(REACH_CLOSE.refused, 'the other side does not take it'))
    },
    close, closed,
    finished: finished.promise,
  }
}

function cut(reason: string): string {
  const bytes = new TextEncoder().encode(reason)
  // A letter cut in two would make the close unreadable.
  return bytes.length <= REASON_LIMIT ? reason : new TextDecoder().decode(bytes.subarray(0, REASON_LIMIT)).replace(/\ufffd+$/, '')
}
