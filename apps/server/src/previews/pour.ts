/**
 * A body of known length on its way from the link to a visitor: as it comes, by calls, and with nothing kept of it. What the
 * visitor does not take stays with the link, whose window holds the sender back.
 */
import { giveBack } from '@berth/wire/give-back'
import { BadMessage } from './http1.ts'

export interface ByteSink {
  /** How many of the bytes it took; they are the caller's again. Less than all: `onRoom` says when to go on. */
  take(bytes: Uint8Array): number
  /** Null: nobody waits any more. */
  onRoom(listener: (() => void) | null): void
}
/** Bytes as they are read are the reader's, with the memory that they lie in. */
export interface PourSource {
  /** Null: none now. */
  read(): Uint8Array | null
  unread(bytes: Uint8Array): void
  /** No more will come. */
  readonly ended: boolean
}
export interface Pouring {
  readonly done: Promise<void>
  /** There is more to read. */
  on(): void
  fail(cause: Error): void
}

export function createPouring(source: PourSource, sink: ByteSink, bytes: number): Pouring {
  const done = Promise.withResolvers<void>()
  let left = bytes
  let whole: Uint8Array | null = null
  let rest: Uint8Array | null = null

  /** Null: none now. */
  function next(): Uint8Array | null {
    whole = source.read()
    if (whole === null || whole.length <= left) return whole
    const mine = whole.subarray(0, left)
    source.unread(whole.subarray(left))
    // What lies behind it is somebody else's.
    whole = null
    return mine
  }
  function on(): void {
    while (left > 0) {
      rest ??= next()
      if (rest === null) {
        if (source.ended) self.fail(new BadMessage('the body broke off'))
        return
      }
      const taken = sink.take(rest)
      left -= taken
      if (taken < rest.length) {
        rest = rest.subarray(taken)
        return
      }
      rest = null
      if (whole !== null) giveBack(whole)
    }
    sink.onRoom(null)
    done.resolve()
  }
  const self: Pouring = {
    done: done.promise, on,
    fail(cause) {
      left = 0
      sink.onRoom(null)
      done.reject(cause)
    },
  }
  sink.onRoom(on)
  on()
  return self
}
