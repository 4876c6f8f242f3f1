/**
 * One HTTP exchange over a byte stream: `u32be length | JSON head | body bytes to the end`, and the same back.
 * The head of the answer may come before the request's body has ended; both bodies stream.
 */
import { z } from 'zod'
import { BerthError, HTTP_STATUS } from './errors.ts'
import { giveBack } from './give-back.ts'
import type { MuxStream } from './mux.ts'
import { callsOf } from './stream-calls.ts'
import type { Awaitable, StreamCalls } from './stream-calls.ts'

export const HTTP_HEAD_LIMIT = 64 * 1024
/** Pairs, because a header may stand twice (`set-cookie`). */
const HeaderPairs = z.array(z.tuple([z.string(), z.string()])).max(500)
const RequestHead = z.object({ method: z.string().regex(/^[A-Z]{1,20}$/), path: z.string().startsWith('/').max(16 * 1024), headers: HeaderPairs })
const ResponseHead = z.object({ status: z.number().int().min(200).max(599), headers: HeaderPairs })

/** The mux's streams are such. */
export type HttpByteStream = Pick<MuxStream, 'direct'>
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

export interface StreamAnswer {
  readonly status: number
  readonly headers: [string, string][]
  /** There will be no bytes, whatever its headers say. */
  readonly bodiless: boolean
  /** The next bytes, which are the caller's with the memory that they lie in; null after the last. Rejects when it broke off. */
  read(): Awaitable<Uint8Array | null>
  /** Nobody wants the rest: the exchange ends. */
  cancel(): void
}

/** Sends a request and gives the answer as soon as its head is there. */
export async function askHttp(stream: HttpByteStream, request: StreamRequest): Promise<StreamAnswer> {
  request.signal?.throwIfAborted()
  const calls = callsOf(stream)
  const onAbort = (): void => { calls.abort('cancelled') }
  request.signal?.addEventListener('abort', onAbort, { once: true })
  const cancel = (): void => {
    request.signal?.removeEventListener('abort', onAbort)
    calls.abort('cancelled')
  }
  const sending = { over: false }
  // An answer that is complete makes the rest of the request pointless.
  const done = (): void => {
    request.signal?.removeEventListener('abort', onAbort)
    if (!sending.over) calls.abort('cancelled')
  }
  try {
    const method = request.method.toUpperCase()
    // In the background; when it breaks off, the stream is reset and the reading below says so.
    void sendMessage(calls, { method, path: request.path, headers: pairs(request.headers ?? {}) }, request.body ?? null).catch(() => {}).finally(() => { sending.over = true })
    const { head, read } = await readMessage(calls, ResponseHead)
    const bodiless = BODILESS.has(head.status) || method === 'HEAD'
    const untilEnd = async (reading: Promise<Uint8Array | null>): Promise<Uint8Array | null> => {
      let bytes: Uint8Array | null = null
      try {
        bytes = await reading
        return bytes
      } finally {
        // Or it broke off.
        if (bytes === null) done()
      }
    }
    if (bodiless) cancel()
    return {
      status: head.status, headers: head.headers, bodiless, cancel,
      read() {
        if (bodiless) return null
        const bytes = read()
        if (bytes instanceof Promise) return untilEnd(bytes)
        if (bytes === null) done()
        return bytes
      },
    }
  } catch (error) {
    cancel()
    throw error
  }
}

/** The same as what the platform has for it. Cancelling the body ends the exchange. */
export async function sendHttp(stream: HttpByteStream, request: StreamRequest): Promise<Response> {
  const { status, headers, bodiless, read, cancel } = await askHttp(stream, request)
  return new Response(bodiless ? null : streamOf(read, cancel) as ReadableStream<Uint8Array<ArrayBuffer>>, { status, headers })
}

/**
 * Serves the one exchange of a stream. Never rejects: what goes wrong is answered, or ends the stream. The bytes of a body
 * that the handler gives are this function's, with the memory that they lie in.
 */
export async function serveHttp(stream: HttpByteStream, handler: (request: Request) => Promise<Response>): Promise<void> {
  const abort = new AbortController()
  // An asker that goes away while the handler works is seen here.
  const calls = callsOf(stream, () => { abort.abort() })
  try {
    const { head, read } = await readMessage(calls, RequestHead)
    // Not wanting the rest of it does not reset the stream, which would take the answer with it: a program that answers
    // and ends before it saw the end of its input does just that.
    const body = streamOf(read, () => { void drop(read) })
    const url = new URL(`http://link${head.path}`)
    const bodiless = head.method === 'GET' || head.method === 'HEAD'
    const request = new Request(url, { method: head.method, headers: head.headers, signal: abort.signal, ...(bodiless ? {} : { body: body as ReadableStream<Uint8Array<ArrayBuffer>>, duplex: 'half' as const }) })
    const response = await handler(request).catch((error: unknown) => refusal(error))
    await sendMessage(calls, { status: response.status, headers: pairs(response.headers) }, head.method === 'HEAD' ? null : response.body)
    // The asker may still be sending what nobody read: it stops when it has the whole answer.
    if (!body.locked) await drop(read)
  } catch (error) {
    abort.abort()
    calls.abort(error instanceof BerthError ? error.message : 'the exchange broke off')
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

function encodeHead(head: unknown, behind: number): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(head))
  if (json.length > HTTP_HEAD_LIMIT) throw new BerthError('too_large', 'the headers are too long')
  const bytes = new Uint8Array(4 + json.length + behind)
  new DataView(bytes.buffer).setUint32(0, json.length)
  bytes.set(json, 4)
  return bytes
}

/** A body of which so much has gone has only to arrive: after a small piece of it, as a record of TLS is, the next are left to gather. */
const BULK_BYTES = 512 * 1024
const PIECE_BYTES = 20 * 1024
const GATHER_MS = 1
const moment = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, GATHER_MS) })

/** Writes a whole message. When it breaks off, both the source and the stream learn of it. */
async function sendMessage(calls: StreamCalls, head: unknown, body: ReadableStream<Uint8Array> | Uint8Array | string | null): Promise<void> {
  const reader = body instanceof ReadableStream ? body.getReader() : null
  try {
    const known = body === null || body instanceof ReadableStream ? new Uint8Array(0) : typeof body === 'string' ? new TextEncoder().encode(body) : body
    const first = encodeHead(head, known.length)
    first.set(known, first.length - known.length)
    await calls.write(first)
    if (reader !== null) await sendPieces(calls, reader)
    calls.end()
  } catch (error) {
    void reader?.cancel(error).catch(() => {})
    calls.abort(error instanceof BerthError ? error.message : 'the writer went away')
    throw error
  }
}

async function sendPieces(calls: StreamCalls, from: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  let sent = 0
  for (let next = await from.read(); !next.done; next = await from.read()) {
    const { length } = next.value
    const taken = calls.write(next.value)
    if (taken !== undefined) await taken
    if (length === next.value.buffer.byteLength) giveBack(next.value)
    sent += length
    if (sent > BULK_BYTES && length < PIECE_BYTES) await moment()
  }
}

/** Reads the head; `read` continues right behind it. */
async function readMessage<T>(calls: StreamCalls, schema: z.ZodType<T>): Promise<{ head: T; read: () => Awaitable<Uint8Array | null> }> {
  let held: Uint8Array = new Uint8Array(0)
  const need = async (size: number): Promise<void> => {
    while (held.length < size) {
      const bytes = await calls.read()
      if (bytes === null) throw new BerthError('network_unreachable', 'the stream ended before its head')
      held = held.length === 0 ? bytes : joined(held, bytes)
    }
  }
  await need(4)
  const length = new DataView(held.buffer, held.byteOffset).getUint32(0)
  if (length > HTTP_HEAD_LIMIT) throw new BerthError('too_large', 'the head is too long')
  await need(4 + length)
  const head = schema.safeParse(parseJson(held.subarray(4, 4 + length)))
  if (!head.success) throw new BerthError('bad_request', 'the head cannot be understood')
  let behind: Uint8Array | null = held.length > 4 + length ? held.subarray(4 + length) : null
  return {
    head: head.data,
    read() {
      const first = behind
      behind = null
      return first ?? calls.read()
    },
  }
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(one.length + other.length)
  bytes.set(one)
  bytes.set(other, one.length)
  return bytes
}

function streamOf(read: () => Awaitable<Uint8Array | null>, cancel: () => void): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const bytes = await read()
      if (bytes === null) controller.close()
      else controller.enqueue(bytes)
    },
    cancel,
  }, { highWaterMark: 0 })
}

async function drop(read: () => Awaitable<Uint8Array | null>): Promise<void> {
  try {
    for (let bytes = await read(); bytes !== null; bytes = await read()) giveBack(bytes)
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
