/** The two doors: one for people and their programs, one for machines. They share nothing but the process. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BerthError } from '@berth/wire'
import { isIP } from 'node:net'
import type { Attachment } from '../http/attach.ts'
import type { ControlFetch } from '../http/control.ts'
import { listen } from '../http/listen.ts'
import type { Listener } from '../http/listen.ts'
import { refusal, secured } from '../http/respond.ts'
import type { LinkServer, LinkSocketData } from '../link/link-server.ts'

const DEFAULT_PORT = 7420
/** Tried one after the other when nobody chose a port. */
const PORTS_TRIED = 20

/** Who has not shown a credential may not hold connections open, and so not use them up. */
const STRANGER_IDLE_S = 30
/** Answered to anybody. */
const OPEN_PATHS = /^(\/sign-in|.*\/health)$/

export interface ControlListener extends Listener {
  readonly loopback: boolean
  /** Where programs on this host reach it. */
  readonly localUrl: string
  /** The port of the last time, where another program has taken it. */
  readonly movedFrom: number | null
  /** Until then requests are refused: the address is needed to build what answers them. */
  serve(handle: ControlFetch): void
}

/** `port`: that one or none. Without it the port of the last time (`remembered`, 0: none), else the first that is free. */
export function listenForPeople(options: { hostname: string | undefined; port: number | undefined; remembered: number; log: (line: string) => void }): ControlListener {
  const hostname = options.hostname ?? '127.0.0.1'
  let handle: ControlFetch | null = null
  const open = (port: number) => listen<Attachment>({
    hostname, port,
    idleSeconds: STRANGER_IDLE_S,
    mayIdle: (request, response) => response.status !== 401 && response.status !== 403 && !OPEN_PATHS.test(new URL(request.url).pathname),
    fetch: (request, server) => handle?.(request, server) ?? secured(refusal(new BerthError('server_unreachable', 'the server is starting', { hint: 'try again in a moment' }))),
    websocket: {
      // What a stalled viewer may hold; `attach.ts` stops far below.
      backpressureLimit: 16 * 1024 * 1024,
      closeOnBackpressureLimit: true,
      sendPings: true,
      // For the page's list and events; who sends says which messages are worth it, terminals' never are.
      // A window over the last messages, because a workspace that changed is sent again nearly as it was.
      perMessageDeflate: { compress: '64KB', decompress: 'shared' },
      idleTimeout: 120,
      open: (socket) => socket.data.opened(socket),
      message: (socket, message) => socket.data.message(socket, message),
      drain: (socket) => socket.data.drained(),
      close: (socket) => socket.data.closed(),
    },
  })
  const listener = options.port === undefined ? firstFree(open, options.remembered) : open(options.port)
  const movedFrom = options.port !== undefined || options.remembered === 0 || listener.port === options.remembered ? null : options.remembered
  if (movedFrom !== null) options.log(`port ${movedFrom}, on which this server listened before, is not free: listening on ${listener.port}; open pages and programs that know ${movedFrom} must be opened anew`)
  return {
    ...listener,
    loopback: isLoopback(hostname),
    localUrl: localUrlOf(hostname, listener),
    movedFrom,
    serve(next) {
      handle = next
    },
  }
}

function localUrlOf(hostname: string, { port, url }: Pick<Listener, 'port' | 'url'>): string {
  return hostname === '0.0.0.0' || hostname === '::' ? `http://127.0.0.1:${port}` : url
}

/** Open pages, a `berth sync` and a tunnel know an address, so the one they know goes before the one that would be the first. */
function firstFree(open: (port: number) => Listener, remembered: number): Listener {
  for (const port of [...(remembered === 0 ? [] : [remembered]), ...Array.from({ length: PORTS_TRIED }, (_, index) => DEFAULT_PORT + index)]) {
    try {
      return open(port)
    } catch (error) {
      // One of the last time may be for the administrator only, or the address another one by now.
      if (!(error instanceof BerthError) || (error.code !== 'port_taken' && port !== remembered)) throw error
    }
  }
  throw new BerthError('port_taken', `ports ${DEFAULT_PORT} to ${DEFAULT_PORT + PORTS_TRIED - 1} are in use`, { hint: 'choose one with --port' })
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || (isIP(hostname) === 4 && hostname.startsWith('127.'))
}

export interface LinkListener { readonly unixSocket: string; readonly loopbackUrl: string; readonly port: number; stop(): Promise<void> }

export async function listenForMachines(options: { socket: string; hostname?: string | undefined; port: number; remembered: number; link: Pick<LinkServer, 'fetch' | 'websocket'> }): Promise<LinkListener> {
  const { link, socket, port, remembered, hostname = '127.0.0.1' } = options
  await mkdir(dirname(socket), { recursive: true, mode: 0o700 })
  const shared = { fetch: link.fetch, websocket: link.websocket, maxBodyBytes: 64 * 1024 }
  const onSocket = listen<LinkSocketData>({ ...shared, unix: socket })
  try {
    const onPort = openRemembered((at) => listen<LinkSocketData>({ ...shared, hostname, port: at }), { port, remembered })
    return {
      unixSocket: socket,
      loopbackUrl: localUrlOf(hostname, onPort),
      port: onPort.port ?? 0,
      async stop() {
        await onPort.stop()
        await onSocket.stop()
      },
    }
  } catch (error) {
    await onSocket.stop()
    throw error
  }
}

/** The port of the last time, so that machines made then still find us; another one when somebody took it. */
function openRemembered(open: (port: number) => Listener, { port, remembered }: { port: number; remembered: number }): Listener {
  if (port !== 0) return open(port)
  try {
    return open(remembered)
  } catch (error) {
    if (remembered === 0) throw error
    return open(0)
  }
}
