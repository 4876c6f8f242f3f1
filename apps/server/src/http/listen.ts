/**
 * The only caller of `Bun.serve`. Its default idle timeout cuts a pending GET and a stalled stream after seconds,
 * so it is off for a request that is being answered, and every handler brings limits of its own.
 */
import { chmodSync, rmSync } from 'node:fs'
import { BerthError } from '@berth/wire'
import type { Serve, Server, WebSocketHandler } from 'bun'
import { messageOf } from '../thrown.ts'

export interface ListenOptions<SocketData> {
  /** Default 127.0.0.1. */
  readonly hostname?: string
  /** 0 or absent: a free one. */
  readonly port?: number
  /** A socket's path instead of an address. At most UNIX_PATH_LIMIT bytes; it is made 0600. */
  readonly unix?: string
  readonly fetch: (request: Request, server: Server<SocketData>) => Response | undefined | Promise<Response | undefined>
  readonly websocket?: WebSocketHandler<SocketData>
  /** A connection that says nothing whole for so long is closed. Absent: never. */
  readonly idleSeconds?: number
  /** Whether who made the request may keep the connection for as long as they like. Absent: they may. */
  readonly mayIdle?: (request: Request, response: Response) => boolean
  /** Largest request body accepted at all; handlers set lower ones. */
  readonly maxBodyBytes?: number
}

export interface Listener {
  /** `http://host:port`, or `unix:/path`. */
  readonly url: string
  /** Null on a unix socket. */
  readonly port: number | null
  /** New connections are refused; what is under way goes on. */
  stopAccepting(): void
  /** Requests that are not answered whole. */
  pending(): number
  /** Ends what is under way too. */
  stop(): Promise<void>
}

/** sun_path holds 104 bytes on macOS and 108 on Linux, with the final zero. */
export const UNIX_PATH_LIMIT = 100
const DEFAULT_MAX_BODY = 8 * 1024 ** 3
/** Larger than any message that the link or a terminal sends. */
const WEBSOCKET_MESSAGE_LIMIT = 2 * 1024 * 1024

const NO_SOCKETS: WebSocketHandler<never> = { message: (socket) => socket.close(1003) }

export function listen<SocketData = undefined>(options: ListenOptions<SocketData>): Listener {
  const sockets = options.websocket ?? (NO_SOCKETS as WebSocketHandler<SocketData>)
  const websocket: WebSocketHandler<SocketData> = { maxPayloadLength: WEBSOCKET_MESSAGE_LIMIT, perMessageDeflate: false, ...sockets, idleTimeout: sockets.idleTimeout ?? 0 }
  const shared = { fetch: patient(options), websocket, idleTimeout: options.idleSeconds ?? 0, maxRequestBodySize: options.maxBodyBytes ?? DEFAULT_MAX_BODY }
  return options.unix === undefined ? onPort(options, shared) : onSocket(options.unix, shared)
}

/** The limit is off while a request is answered; afterwards it counts again for those who may not idle. */
function patient<SocketData>({ fetch, idleSeconds, mayIdle }: ListenOptions<SocketData>): ListenOptions<SocketData>['fetch'] {
  if (idleSeconds === undefined) return fetch
  return async (request, server) => {
    server.timeout(request, 0)
    const response = await fetch(request, server)
    if (response !== undefined && mayIdle?.(request, response) === false) server.timeout(request, idleSeconds)
    return response
  }
}

type Shared<SocketData> = Pick<ListenOptions<SocketData>, 'fetch'> & { websocket: WebSocketHandler<SocketData>; idleTimeout: number; maxRequestBodySize: number }

function onPort<SocketData>(options: ListenOptions<SocketData>, shared: Shared<SocketData>): Listener {
  const hostname = options.hostname ?? '127.0.0.1'
  const wanted = options.port ?? 0
  try {
    const server = Bun.serve<SocketData>({ ...shared, hostname, port: wanted })
    const port = server.port ?? wanted
    const host = hostname.includes(':') ? `[${hostname}]` : hostname
    return { url: `http://${host}:${port}`, port, stopAccepting: () => void server.stop(), pending: () => server.pendingRequests, stop: () => server.stop(true) }
  } catch (cause) {
    throw refused(cause, `${hostname}:${wanted}`)
  }
}

function onSocket<SocketData>(path: string, shared: Shared<SocketData>): Listener {
  if (Buffer.byteLength(path) > UNIX_PATH_LIMIT) {
    throw new BerthError('config_invalid', `the socket path is longer than ${UNIX_PATH_LIMIT} bytes: ${path}`, { hint: 'choose a shorter BERTH_HOME' })
  }
  // A file left by a server that was killed; whoever calls holds the lock of this home.
  rmSync(path, { force: true })
  try {
    // The types know `idleTimeout` for addresses only; the server honours it on sockets too.
    const server = Bun.serve<SocketData>({ ...shared, unix: path } as unknown as Serve.Options<SocketData>)
    chmodSync(path, 0o600)
    return {
      url: `unix:${path}`,
      port: null,
      stopAccepting: () => void server.stop(),
      pending: () => server.pendingRequests,
      async stop() {
        await server.stop(true)
        rmSync(path, { force: true })
      },
    }
  } catch (cause) {
    throw refused(cause, path)
  }
}

function refused(cause: unknown, where: string): BerthError {
  const taken = typeof cause === 'object' && cause !== null && (cause as { code?: unknown }).code === 'EADDRINUSE'
  if (taken) return new BerthError('port_taken', `${where} is in use`, { hint: 'stop what listens there or choose another port', cause })
  return new BerthError('config_invalid', `cannot listen on ${where}: ${messageOf(cause)}`, { hint: 'check --listen and --port', cause })
}
