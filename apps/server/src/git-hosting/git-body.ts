/** Bodies of what git asks, decoded, and read as far as somebody has to see before they go on. */
import { BerthError } from '@berth/wire'

/** The body of a git request, decoded. */
export function gitBody(request: Request): ReadableStream<Uint8Array> {
  const body = request.body ?? new Blob([]).stream()
  const encoding = request.headers.get('content-encoding')
  if (encoding === null || encoding === 'identity') return body
  if (encoding !== 'gzip' && encoding !== 'x-gzip') throw new BerthError('bad_request', `content-encoding ${encoding} is not understood`, { hint: 'git sends gzip or nothing' })
  // The platform's types of the two sides differ in the buffer they name, not in what flows.
  return body.pipeThrough(new DecompressionStream('gzip') as unknown as TransformStream<Uint8Array, Uint8Array>)
}

/** `whole` where it is so short, and `body` whatever it is: the same bytes, to be sent on. */
export async function shortBody(body: ReadableStream<Uint8Array>, limitBytes: number): Promise<{ whole: Uint8Array<ArrayBuffer> | null; body: BodyInit }> {
  const reader = body.getReader()
  let bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  while (bytes.length <= limitBytes) {
    const next = await reader.read()
    if (next.done) return { whole: bytes, body: bytes }
    bytes = joined(bytes, next.value)
  }
  return { whole: null, body: continued(bytes, reader) }
}

/** What was read of it already, and the rest. */
export function continued(head: Uint8Array, reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(head),
    async pull(controller) {
      const next = await reader.read()
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

export function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}
