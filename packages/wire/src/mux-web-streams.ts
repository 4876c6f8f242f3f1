/** A stream of the mux as the two web streams that most of its users want. */
import { BerthError } from './errors.ts'
import type { Stream } from './mux-connection.ts'
import type { Halves } from './mux-face.ts'

export interface WebStreams { readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<Uint8Array> }

export function createWebStreams({ connection, sending, receiving }: Halves, stream: Stream, end: () => void): WebStreams {
  let wanted = false
  let pending: { bytes: Uint8Array; done: () => void; fail: (error: Error) => void } | null = null

  function feed(reader: ReadableStreamDefaultController<Uint8Array>): void {
    const chunk = wanted ? receiving.read(stream) : null
    if (chunk !== null) {
      wanted = false
      quietly(() => reader.enqueue(chunk))
    }
    // At once with the last bytes: nobody may ask again.
    if (stream.over === null && stream.finReceived && stream.inbox.size === 0) quietly(() => reader.close())
  }
  function write(bytes: Uint8Array): Promise<void> | undefined {
    if (!(bytes instanceof Uint8Array)) throw new TypeError('a stream of the link takes bytes')
    if (stream.ended && bytes.length > 0) throw new BerthError('cancelled', 'the stream is over')
    const sent = sending.write(stream, bytes)
    if (sent === bytes.length) return undefined
    return new Promise((done, fail) => { pending = { bytes: bytes.subarray(sent), done, fail } })
  }
  function writeRest(): void {
    if (pending === null) return
    pending.bytes = pending.bytes.subarray(sending.write(stream, pending.bytes))
    if (pending.bytes.length > 0) return
    const { done } = pending
    pending = null
    done()
  }

  let reader: ReadableStreamDefaultController<Uint8Array> | null = null
  let writer: WritableStreamDefaultController | null = null
  const readable = new ReadableStream<Uint8Array>({
    start: (controller) => { reader = controller },
    pull(controller) {
      wanted = true
      feed(controller)
    },
    cancel: () => { receiving.cancel(stream) },
  }, { highWaterMark: 0 })
  const writable = new WritableStream<Uint8Array>({
    start: (controller) => { writer = controller },
    write,
    close: end,
    abort: () => { connection.reset(stream, 'the writer went away') },
  }, { highWaterMark: 1 })
  const onOver = (error: BerthError): void => {
    pending?.fail(error)
    pending = null
    quietly(() => reader?.error(error))
    quietly(() => writer?.error(error))
  }
  stream.user = { onBytes: () => { if (reader !== null) feed(reader) }, onRoom: writeRest, onOver }
  if (stream.over !== null) onOver(stream.over)
  else stream.user.onBytes()
  return { readable, writable }
}

/** A web stream that is over already refuses a second end; that is what was wanted. */
function quietly(work: () => void): void {
  try {
    work()
  } catch {
    // Already closed or errored.
  }
}
