/**
 * The way out of a machine that has no other: a proxy on its own loopback, whose connections go over the link to the
 * server, which reads where they want to go and decides. Nothing is decided here: whoever runs this machine's daemon
 * over has gained nothing.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { pumpSocket } from '@berth/wire/pump-socket'
import type { Journal, Link } from '../../contracts.ts'

export interface WayOut {
  readonly environment: Readonly<Record<string, string>>
  readonly port: number
  close(): Promise<void>
}
const CONNECTION_LIMIT = 512
const KEPT = 'way-out'
const DIRECT = 'localhost,127.0.0.1,::1'

export interface WayOutDeps {
  readonly openStream: Link['openStream']
  /** Where it listened before. An agent that outlived the daemon knows that place. */
  readonly kept: Pick<Journal, 'get' | 'set'>
  readonly log: (line: string) => void
  /** As in NO_PROXY: what is reached without it, where the machine knows of more than itself. */
  readonly direct?: string | undefined
}

export async function openWayOut({ openStream, kept, log, direct = DIRECT }: WayOutDeps): Promise<WayOut> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    carry(openStream, socket).catch((cause: unknown) => {
      log(`way out: ${cause instanceof Error ? cause.message : String(cause)}`)
      socket.destroy()
    })
  })
  server.maxConnections = CONNECTION_LIMIT
  const port = await listen(server, Number(kept.get(KEPT) ?? 0)).catch(() => listen(server, 0))
  kept.set(KEPT, String(port))
  const url = `http://127.0.0.1:${port}`
  return {
    port, environment: { HTTP_PROXY: url, HTTPS_PROXY: url, http_proxy: url, https_proxy: url, NO_PROXY: direct, no_proxy: direct, NODE_USE_ENV_PROXY: '1' },
    close: () => new Promise((resolve) => {
      server.close(() => resolve())
      // Those that are open end with the link.
      server.unref()
      resolve()
    }),
  }
}

async function carry(openStream: Link['openStream'], socket: Socket): Promise<void> {
  const gone = new AbortController()
  socket.once('close', () => gone.abort())
  const stream = await openStream({ service: 'egress' }, gone.signal).catch(() => null)
  if (stream === null) return void socket.end('HTTP/1.1 502 Refused\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nberth: the server cannot be reached\n')
  await pumpSocket({ reader: stream.readable.getReader(), writer: stream.writable.getWriter(), abort: (reason) => stream.abort(reason) }, socket)
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port }, () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}
