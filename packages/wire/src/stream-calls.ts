/**
 * A stream of the mux by calls, with a promise only where somebody has to wait: for bytes, or for room. One reads and one
 * writes at a time.
 */
import type { BerthError } from './errors.ts'
import type { MuxStream } from './mux.ts'

export type Awaitable<T> = T | Promise<T>
export interface StreamCalls {
  /** The next bytes, which are the caller's with the memory that they lie in; null after the last. Rejects when it broke off. */
  read(): Awaitable<Uint8Array | null>
  /** Undefined: the link took them; they are the caller's again. Rejects when it broke off. */
  write(bytes: Uint8Array): Promise<void> | undefined
  /** No more bytes this way. */
  end(): void
  abort(reason: string): void
}

export function callsOf(stream: Pick<MuxStream, 'direct'>, onOver: (error: BerthError) => void = () => {}): StreamCalls {
  let reading: PromiseWithResolvers<Uint8Array | null> | null = null
  let writing: { rest: Uint8Array; readonly taken: PromiseWithResolvers<void> } | null = null
  let over: BerthError | null = null
  const direct = stream.direct({
    onBytes() {
      const reader = reading
      if (reader === null) return
      const bytes = direct.read()
      if (bytes === null && !direct.ended) return
      reading = null
      reader.resolve(bytes)
    },
    onRoom() {
      const writer = writing
      if (writer === null) return
      writer.rest = writer.rest.subarray(direct.write(writer.rest))
      if (writer.rest.length > 0) return
      writing = null
      writer.taken.resolve()
    },
    onOver(error) {
      over = error
      reading?.reject(error)
      writing?.taken.reject(error)
      onOver(error)
    },
  })
  return {
    read() {
      const bytes = direct.read()
      if (bytes !== null) return bytes
      if (over !== null) return Promise.reject(over)
      if (direct.ended) return null
      reading = Promise.withResolvers()
      return reading.promise
    },
    write(bytes) {
      if (over !== null) return Promise.reject(over)
      const rest = bytes.subarray(direct.write(bytes))
      if (rest.length === 0) return undefined
      writing = { rest, taken: Promise.withResolvers() }
      return writing.taken.promise
    },
    end: () => direct.end(),
    abort: (reason) => direct.abort(reason),
  }
}
