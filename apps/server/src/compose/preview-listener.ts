/** The door of previews: raw TCP, because a WebSocket through it is a pipe of bytes, and answers keep their framing. */
import { BerthError } from '@berth/wire'
import { createClientConnection } from '../previews/client-connection.ts'
import type { ClientConnection, ClientEvents } from '../previews/client-connection.ts'
import { messageOf } from '../thrown.ts'
import { rememberedPort, rememberPort } from './home.ts'

const DEFAULT_PREVIEW_PORT = 7480
const PORTS_TRIED = 20
/** A browser has six to each of some dozens of previews; above it new ones are closed. */
const CONNECTIONS_LIMIT = 4096

export interface PreviewListener {
  readonly port: number
  /** Until then connections are closed. */
  serve(handle: (visitor: ClientConnection) => Promise<void>): void
  stop(): void
}

/** The port of the last time, so that addresses stay; `any`: for tests, whatever is free. */
export async function listenForPreviews(options: { hostname: string | undefined; port: number | undefined; any: boolean; home: string; log: (line: string) => void }): Promise<PreviewListener> {
  const hostname = options.hostname ?? '127.0.0.1'
  const remembered = await rememberedPort(options.home, 'preview')
  const candidates = options.port !== undefined ? [options.port] : [
    ...(remembered === 0 ? [] : [remembered]),
    ...(options.any ? [0] : Array.from({ length: PORTS_TRIED }, (_, index) => DEFAULT_PREVIEW_PORT + index)),
  ]
  const listener = open(hostname, candidates, options.log)
  await rememberPort(options.home, 'preview', listener.port)
  return listener
}

function open(hostname: string, candidates: readonly number[], log: (line: string) => void): PreviewListener {
  for (const port of candidates) {
    const listener = tryOpen(hostname, port, log)
    if (listener !== null) return listener
  }
  throw new BerthError('port_taken', `no port is free for previews on ${hostname}: ${candidates[0]} to ${candidates.at(-1)} are in use`, { hint: 'choose one with --preview-port' })
}

function tryOpen(hostname: string, port: number, log: (line: string) => void): PreviewListener | null {
  let handle: ((visitor: ClientConnection) => Promise<void>) | null = null
  let connections = 0
  try {
    const server = Bun.listen<ClientEvents | null>({
      hostname, port, allowHalfOpen: true,
      socket: {
        open(socket) {
          socket.data = null
          connections++
          if (handle === null || connections > CONNECTIONS_LIMIT) return socket.terminate()
          socket.setNoDelay(true)
          const { connection, events } = createClientConnection(socket)
          socket.data = events
          handle(connection).catch((error: unknown) => {
            log(`previews: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
            connection.destroy()
          })
        },
        data: (socket, bytes) => socket.data?.data(bytes),
        drain: (socket) => socket.data?.drain(),
        end: (socket) => socket.data?.end(),
        close(socket) {
          connections--
          socket.data?.close()
        },
        error() {},
      },
    })
    return { port: server.port, serve: (next) => { handle = next }, stop: () => server.stop(true) }
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'EADDRINUSE') return null
    throw new BerthError('config_invalid', `cannot listen on ${hostname}:${port}: ${messageOf(cause)}`, { hint: 'check --listen and --preview-port', cause })
  }
}
