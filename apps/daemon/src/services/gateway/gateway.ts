/**
 * The way out of the machine through the server, for git and for the agent's model: a loopback listener that carries
 * each request over the link. Its path holds a secret and its Host is checked, so that neither another workspace on the
 * same host nor a page in a browser can use it.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { BerthError } from '@berth/wire/error'
import { LFS_BASE_HEADER, LINK_HTTP } from '@berth/wire/daemon'
import { giveBack } from '@berth/wire/give-back'
import { askHttp, sendHttp } from '@berth/wire/http-stream'
import type { StreamAnswer } from '@berth/wire/http-stream'
import { z } from 'zod'
import type { Journal, Link } from '../../contracts.ts'

export interface Gateway {
  /** Base url of the hosted repository. */
  readonly gitUrl: string
  /** Base url of the git hosts: `<url>/https/github.com/owner/name.git`. */
  readonly upstreamUrl: string
  /** The same for plain http, as a proxy: with `http` or `https` as its user, which is how the host is reached. */
  readonly proxyUrl: string
  /** Base url of the model vendors: `<url>/anthropic`. */
  readonly modelUrl: string
  /** Base url of hosts that get a secret on the way: `<url>/npm`. */
  readonly injectUrl: string
  /** Takes a commit and answers its signature. */
  readonly signUrl: string
  close(): Promise<void>
}

const MAX_REQUESTS = 64

/** `kept`: where it listened before. An agent that outlived the daemon knows that place. */
export function openGateway(deps: { openStream: Link['openStream']; kept: Pick<Journal, 'get' | 'set'> }): Gateway {
  const before = placeIn(deps.kept.get(KEPT))
  const secret = before?.secret ?? randomBytes(24).toString('hex')
  let running = 0
  const listen = (port: number): Bun.Server<undefined> => Bun.serve({
    hostname: '127.0.0.1', port, idleTimeout: 0,
    async fetch(request) {
      const url = new URL(request.url)
      const asked = proxied(request, url) ?? direct(request, { url, port: server.port })
      if (asked === null || request.headers.has('origin') || !same(asked.secret, secret)) return new Response('not found\n', { status: 404 })
      const { path } = asked
      if (!WAYS.some((way) => path.startsWith(`${way}/`))) return new Response('not found\n', { status: 404 })
      if (running >= MAX_REQUESTS) return new Response('too many requests at once\n', { status: 429 })
      running++
      try {
        return await forward(deps, request, { path: `${path}${url.search}`, base: `http://127.0.0.1:${server.port}/${secret}` })
      } catch (cause) {
        return new Response(`${cause instanceof Error ? cause.message : 'the server cannot be reached'}\n`, { status: 502 })
      } finally {
        running--
      }
    },
  })
  const server = begin(listen, before?.port ?? 0)
  deps.kept.set(KEPT, JSON.stringify({ port: server.port, secret }))
  const base = `http://127.0.0.1:${server.port}/${secret}`
  return { gitUrl: `${base}${LINK_HTTP.git}`, upstreamUrl: `${base}${LINK_HTTP.upstream}`, proxyUrl: `http://:${secret}@127.0.0.1:${server.port}`, modelUrl: `${base}${LINK_HTTP.model}`, injectUrl: `${base}${LINK_HTTP.inject}`, signUrl: `${base}${LINK_HTTP.sign}/commit`, close: () => server.stop(true) }
}

const KEPT = 'gateway'
const WAYS = [LINK_HTTP.git, LINK_HTTP.upstream, LINK_HTTP.model, LINK_HTTP.inject, LINK_HTTP.sign] as const
const Place = z.object({ port: z.number().int().min(1).max(65535), secret: z.string().regex(/^[0-9a-f]{48}$/) })
function placeIn(text: string | null): z.infer<typeof Place> | null {
  const found = Place.safeParse(text === null ? null : JSON.parse(text))
  return found.success ? found.data : null
}
interface Asked { readonly path: string; readonly secret: string }
function direct(request: Request, { url, port }: { url: URL; port: number | undefined }): Asked | null {
  if (request.headers.get('host') !== `127.0.0.1:${url.port}` || Number(url.port) !== port) return null
  const [, secret = '', ...rest] = url.pathname.split('/')
  return { path: `/${rest.join('/')}`, secret }
}
/** Null: it was asked as no proxy. A page in a browser cannot send this header. */
function proxied(request: Request, { host, pathname }: URL): Asked | null {
  const [, given] = /^basic ([A-Za-z0-9+/=]{1,200})$/i.exec(request.headers.get('proxy-authorization') ?? '') ?? []
  const [, scheme, secret = ''] = /^(https?):(.*)$/.exec(given === undefined ? '' : atob(given)) ?? []
  return scheme === undefined ? null : { path: `${LINK_HTTP.upstream}/${scheme}/${host}${pathname}`, secret }
}
/** Somebody may listen there by now: then at any other place. */
function begin<T>(listen: (port: number) => T, port: number): T {
  try {
    return listen(port)
  } catch (cause) {
    if (port === 0) throw cause
    return listen(0)
  }
}

/** One request to the server, with its head and body as they are. */
export async function carry(deps: { openStream: Link['openStream'] }, request: Request, path: string): Promise<Response> {
  const stream = await deps.openStream({ service: 'http' }, request.signal)
  const headers = [...request.headers].filter(([name]) => name !== 'host')
  return sendHttp(stream, { method: request.method, path, headers, body: request.body, signal: request.signal })
}

async function forward(deps: { openStream: Link['openStream'] }, request: Request, { path, base }: { path: string; base: string }): Promise<Response> {
  const body = isSmall(request) ? new Uint8Array(await request.arrayBuffer()) : request.body
  const stream = await deps.openStream({ service: 'http' }, request.signal)
  // What it expects was answered by the listener.
  const headers = [...[...request.headers].filter(([name]) => name !== 'host' && name !== 'expect' && !name.startsWith('proxy-') && name !== LFS_BASE_HEADER), ...([LINK_HTTP.upstream, LINK_HTTP.inject].some((way) => path.startsWith(`${way}/`)) ? [[LFS_BASE_HEADER, base] as [string, string]] : [])]
  const answer = await askHttp(stream, { method: request.method, path, headers, body, signal: request.signal })
  return new Response(answer.bodiless ? null : bodyOf(answer, request.signal), { status: answer.status, headers: answer.headers })
}

/** Sent together with its head. */
const SMALL_BYTES = 256 * 1024
function isSmall({ headers, body }: Request): boolean {
  return body !== null && Number(headers.get('content-length') ?? Number.NaN) <= SMALL_BYTES
}

/** What the runtime gives to a source that writes by itself. */
interface DirectController { write(bytes: Uint8Array): unknown; flush(wait: true): unknown; close(): void }

/** Written into the socket as it comes: no piece waits for a promise but that of a client who is slow. The runtime sends the head with the first of them. */
function bodyOf(answer: StreamAnswer, signal: AbortSignal): ReadableStream {
  const source = {
    type: 'direct',
    async pull(controller: DirectController) {
      try {
        for (;;) {
          const next = answer.read()
          const bytes = next instanceof Promise ? await next : next
          if (bytes === null) break
          controller.write(bytes)
          giveBack(bytes)
          const taken = controller.flush(true)
          if (taken instanceof Promise) await taken
          if (signal.aborted) return
        }
        controller.close()
      } catch (cause) {
        // Thrown to break the connection off, when there is still one.
        if (!signal.aborted) throw cause
      }
    },
    cancel: () => answer.cancel(),
  }
  // The runtime's own kind of source, which the platform's types do not know.
  return new ReadableStream(source as unknown as UnderlyingDefaultSource)
}

/** GET over the link, for what the daemon itself needs. */
export async function fetchOverLink(deps: { openStream: Link['openStream'] }, path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const stream = await deps.openStream({ service: 'http' }, signal)
  const response = await sendHttp(stream, { method: 'GET', path, signal })
  if (response.ok && response.body !== null) return response.body
  throw new BerthError('clone_refused', `the upload cannot be fetched (${response.status}): ${(await response.text()).slice(0, 500)}`, { hint: 'run `berth up` again from the directory' })
}

function same(given: string, secret: string): boolean {
  const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(secret))
}
