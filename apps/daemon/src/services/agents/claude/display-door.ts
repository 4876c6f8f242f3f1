/**
 * Where the agent says what it displays, a line at a time. By HTTP, because a program started for each line would cost
 * more than the line: a loopback listener whose path is a secret. It stays at its address over restarts of the daemon,
 * for the agent, which lives on, was told it once. What arrives is the agent's word, and only ever shown.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Server } from 'bun'
import { z } from 'zod'
import type { Journal } from '../../../contracts.ts'
import type { Displayed } from './live-messages.ts'

export interface DisplayDoor { readonly url: string; close(): Promise<void> }

const BODY_LIMIT = 1024 * 1024
const Address = z.object({ port: z.number().int(), secret: z.string() })
const Payload = z.looseObject({
  hook_event_name: z.literal('MessageDisplay'), session_id: z.string(), agent_id: z.string().optional(),
  message_id: z.string().max(100), delta: z.string(), final: z.boolean().catch(false),
})

export function openDisplayDoor(deps: { journal: Journal; name: string; sessionUuid: () => string; reservePort?: ((port: number) => void) | undefined; displayed: (line: Displayed) => void }): DisplayDoor {
  const { journal } = deps
  const stored = Address.safeParse(JSON.parse(journal.get(deps.name) ?? 'null'))
  const known = stored.success ? stored.data : null
  const secret = known?.secret ?? randomBytes(24).toString('hex')
  journal.mask([secret])
  const serve = (port: number): Server<undefined> => Bun.serve({
    hostname: '127.0.0.1', port, maxRequestBodySize: BODY_LIMIT, idleTimeout: 10,
    async fetch(request, server) {
      const foreign = request.headers.get('host') !== `127.0.0.1:${server.port}` || request.headers.has('origin')
      if (foreign || request.method !== 'POST' || !same(new URL(request.url).pathname, `/${secret}`)) return new Response('not found\n', { status: 404 })
      const payload = Payload.safeParse(await request.json().catch(() => null))
      // A sub-agent's words are not the conversation's.
      if (payload.success && payload.data.session_id === deps.sessionUuid() && payload.data.agent_id === undefined) deps.displayed({ messageId: payload.data.message_id, delta: payload.data.delta, final: payload.data.final })
      return Response.json({})
    },
  })
  const server = onPort(serve, known?.port ?? 0)
  const port = server.port ?? 0
  deps.reservePort?.(port)
  if (known?.port !== port) journal.set(deps.name, JSON.stringify({ port, secret }))
  return { url: `http://127.0.0.1:${port}/${secret}`, close: () => server.stop(true) }
}

/** Somebody took the port meanwhile: a program that knows the old one shows its text late, not wrong. */
function onPort(serve: (port: number) => Server<undefined>, port: number): Server<undefined> {
  try {
    return serve(port)
  } catch (error) {
    if (port === 0) throw error
    return serve(0)
  }
}

function same(given: string, wanted: string): boolean {
  const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(wanted))
}
