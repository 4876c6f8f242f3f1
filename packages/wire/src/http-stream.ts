/**
 * One HTTP exchange over a byte stream: `u32be length | JSON head | body bytes to the end`, and the same back.
 * The head of the answer may come before the request's body has ended; both bodies stream.
 */
import { z } from 'zod'
import { BerthError, HTTP_STATUS } from './errors.ts'

export const HTTP_HEAD_LIMIT = 64 * 1024
/** Pairs, because a header may stand twice (`set-cookie`). */
const HeaderPairs = z.array(z.tuple([z.string(), z.string()])).max(500)
const RequestHead = z.object({ method: z.string().regex(/^[A-Z]{1,20}$/), path: z.string().startsWith('/').max(16 * 1024), headers: HeaderPairs })
const ResponseHead = z.object({ status: z.number().int().min(200).max(599), headers: HeaderPairs })

/** What both ends of a byte stream look like; the mux's streams and the ports' ByteStream are such. */
export interface HttpByteStream {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  abort(reason: string): void
}
export interface StreamRequest {
  readonly method: string
  /** Path and query, beginning with `/`. */
  readonly path: string
  readonly headers?: Iterable<readonly [string, string]> | Record<string, string>
  readonly body?: ReadableStream<Uint8Array> | Uint8Array | string | null
  readonly signal?: AbortSignal
}

/** Speak of one connection, not of the exchange. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade'])
const BODILESS = new Set([204, 205, 304])

/** Sends a request and gives the answer as soon as its head is there. Cancelling the body ends the exchange. */
export async function sendHttp(stream: HttpByteStream, request: StreamRequest): Promise<Response> {
  const onAbort = (): void => { stream.abort('cancelled') }
  request.signal?.throwIfAborted()
  request.signal?.addEventListener('abort', onAbort, { once: true })
  const done = (): void => { request.signal?.removeEventListener('abort', onAbort) }
  try {
    const stop = new AbortController()
    const method = request.method.toUpperCase()
    // In the background; when it breaks off, the stream is reset and the reading below says so.
    sendMessage(stream.writable.getWriter(), { method, path: request.path, headers: pairs(request.headers ?? {}) }, toStream(request.body ?? null), stop.signal).catch(() => {})
    const { head, body } = await readMessage(stream, ResponseHead)
    // An answer that is complete makes the rest of the request pointless.
    const over = (): void => { done(); stop.abort() }
    if (BODILESS.has(head.status) || method === 'HEAD') {
      over()
      await body.cancel()
      return new Response(null, { status: head.status, headers: head.headers })
    }
    return new Response(watched(body, over) as ReadableStream<Uint8Array<ArrayBuffer>>, { status: head.status, headers: head.headers })
  } catch (error) {
    done()
    stream.abort('cancelled')
    throw error
  }
}

/** Serves the one exchange of a stream. Never rejects: what goes wrong is answered, or ends the stream. */
export async function serveHttp(stream: HttpByteStream, handler: (request: Request) => Promise<Response>): Promise<void> {
  const abort = new AbortController()
  const writer = stream.writable.getWriter()
  // An asker that goes away while the handler works is seen here.
  writer.closed.catch(() => { abort.abort() })
  try {
    const { head, body: asked } = await readMessage(stream, RequestHead)
    const body = keptOpen(asked)
    const url = new URL(`http://link${head.path}`)
    const bodiless = head.method === 'GET' || head.method === 'HEAD'
    const request = new Request(url, { method: head.method, headers: head.headers, signal: abort.signal, ...(bodiless ? {} : { body: body as ReadableStream<Uint8Array<ArrayBuffer>>, duplex: 'half' as const }) })
    const response = await handler(request).catch((error: unknown) => refusal(error))
    await sendMessage(writer, { status: response.status, headers: pairs(response.headers) }, head.method === 'HEAD' ? null : response.body)
    // The asker may still be sending what nobody read: it stops when it has the whole answer.
    await drop(body)
  } catch (error) {
    abort.abort()
    stream.abort(error instanceof BerthError ? error.message : 'the exchange broke off')
  }
}

function refusal(error: unknown): Response {
  const known = error instanceof BerthError ? error : new BerthError('internal', 'something went wrong on the server')
  return Response.json(known.toBody(), { status: HTTP_STATUS[known.code] })
}

function pairs(headers: Iterable<readonly [string, string]> | Record<string, string>): [string, string][] {
  const entries = Symbol.iterator in headers ? [...(headers as Iterable<readonly [string, string]>)] : Object.entries(headers)
  return entries.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase())).map(([name, value]) => [name, value])
}

function toStream(body: ReadableStream<Uint8Array> | Uint8Array | string | null): ReadableStream<Uint8Array> | null {
  if (body === null || body instanceof ReadableStream) return body
  return new Response(body as Uint8Array<ArrayBuffer> | string).body
}

/** Writes a whole message. When it breaks off, both the source and the stream learn of it. */
async function sendMessage(writer: WritableStreamDefaultWriter<Uint8Array>, head: unknown, body: ReadableStream<Uint8Array> | null, signal?: AbortSignal): Promise<void> {
  const reader = body?.getReader()
  const onAbort = (): void => { void writer.abort('cancelled').catch(() => {}) }
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const json = new TextEncoder().encode(JSON.stringify(head))
    if (json.length > HTTP_HEAD_LIMIT) throw new BerthError('too_large', 'the headers are too long')
    const bytes = new Uint8Array(4 + json.length)
    new DataView(bytes.buffer).setUint32(0, json.length)
    bytes.set(json, 4)
    await writer.write(bytes)
    for (;;) {
      const next = await reader?.read()
      if (next === undefined || next.done) break
      await writer.write(next.value)
    }
    await writer.close()
  } catch (error) {
    void reader?.cancel(error).catch(() => {})
    await writer.abort(error).catch(() => {})
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Reads the head; `body` continues right behind it. */
async function readMessage<T>(stream: HttpByteStream, schema: z.ZodType<T>): Promise<{ head: T; body: ReadableStream<Uint8Array> }> {
  const reader = stream.readable.getReader()
  let buffer: Uint8Array = new Uint8Array(0)
  const need = async (size: number): Promise<void> => {
    while (buffer.length < size) {
      const { done, value } = await reader.read()
      if (done) throw new BerthError('network_unreachable', 'the stream ended before its head')
      const joined = new Uint8Array(buffer.length + value.length)
      joined.set(buffer)
      joined.set(value, buffer.length)
      buffer = joined
    }
  }
  await need(4)
  const length = new DataView(buffer.buffer, buffer.byteOffset).getUint32(0)
  if (length > HTTP_HEAD_LIMIT) throw new BerthError('too_large', 'the head is too long')
  await need(4 + length)
  const head = schema.safeParse(parseJson(buffer.subarray(4, 4 + length)))
  if (!head.success) throw new BerthError('bad_request', 'the head cannot be understood')
  const first = buffer.subarray(4 + length)
  const body = new ReadableStream<Uint8Array>({
    start(controller) { if (first.length > 0) controller.enqueue(first) },
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 })
  return { head: head.data, body }
}

/** The same bytes; `over` is called once, when they end, fail or are not wanted. */
function watched(body: ReadableStream<Uint8Array>, over: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (!done) return controller.enqueue(value)
        over()
        controller.close()
      } catch (error) {
        over()
        controller.error(error)
      }
    },
    async cancel(reason) {
      over()
      await reader.cancel(reason)
    },
  }, { highWaterMark: 0 })
}

/**
 * The same bytes; not wanting the rest of them does not reset the stream, which would take the answer with it. A
 * program that answers and ends before it saw the end of its input does just that.
 */
function keptOpen(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel() {
      reader.releaseLock()
      void drop(body)
    },
  }, { highWaterMark: 0 })
}

async function drop(body: ReadableStream<Uint8Array>): Promise<void> {
  if (body.locked) return
  const reader = body.getReader()
  try {
    while (!(await reader.read()).done);
  } catch {
    // The asker stopped sending: nothing left to drop.
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return null
  }
}
