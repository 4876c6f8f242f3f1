/**
 * The way from git inside the machine to the workspace's hosted repository and to git hosts: a loopback listener that carries each
 * request over the link. Its path holds a secret and its Host is checked, so that neither another workspace on the
 * same host nor a page in a browser can use it.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { BerthError } from '@berth/wire/error'
import { LINK_HTTP } from '@berth/wire/daemon'
import { sendHttp } from '@berth/wire/http-stream'
import type { Link } from '../../contracts.ts'

export interface Gateway {
  /** Base url of the hosted repository. */
  readonly gitUrl: string
  /** Base url of the git hosts: `<url>/https/github.com/owner/name.git`. */
  readonly upstreamUrl: string
  close(): Promise<void>
}

const MAX_REQUESTS = 64

export function openGateway(deps: { openStream: Link['openStream'] }): Gateway {
  const secret = randomBytes(24).toString('hex')
  let running = 0
  const server = Bun.serve({
    hostname: '127.0.0.1', port: 0, idleTimeout: 0,
    async fetch(request) {
      const url = new URL(request.url)
      const [, given = '', ...rest] = url.pathname.split('/')
      const path = `/${rest.join('/')}`
      const hostIsOurs = request.headers.get('host') === `127.0.0.1:${server.port}`
      if (!hostIsOurs || request.headers.has('origin') || !same(given, secret)) return new Response('not found\n', { status: 404 })
      if (!path.startsWith(`${LINK_HTTP.git}/`) && !path.startsWith(`${LINK_HTTP.upstream}/`)) return new Response('not found\n', { status: 404 })
      if (running >= MAX_REQUESTS) return new Response('too many requests at once\n', { status: 429 })
      running++
      try {
        return await forward(deps, request, `${path}${url.search}`)
      } catch (cause) {
        return new Response(`${cause instanceof Error ? cause.message : 'the server cannot be reached'}\n`, { status: 502 })
      } finally {
        running--
      }
    },
  })
  const base = `http://127.0.0.1:${server.port}/${secret}`
  return { gitUrl: `${base}${LINK_HTTP.git}`, upstreamUrl: `${base}${LINK_HTTP.upstream}`, close: () => server.stop(true) }
}

async function forward(deps: { openStream: Link['openStream'] }, request: Request, path: string): Promise<Response> {
  const stream = await deps.openStream({ service: 'http' }, request.signal)
  const headers = [...request.headers].filter(([name]) => name !== 'host')
  return sendHttp(stream, { method: request.method, path, headers, body: request.body, signal: request.signal })
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
