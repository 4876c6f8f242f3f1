/**
 * Our own https: one address for all names. TLS ends here; by the name that was asked for, what is inside goes to the
 * page, to machines' links or to previews, as bytes, so that sockets and streams pass as they are.
 */
import { connect, type AddressInfo, type Socket } from 'node:net'
import { createServer, type SecureContext, type TLSSocket } from 'node:tls'
import { BerthError } from '@berth/wire'
import { createClientConnection, type ClientConnection } from '../previews/client-connection.ts'
import type { Certificate } from './certificate.ts'

/** Who a connection is for, by its name. Null: nobody here. */
export type Destination =
  | { readonly to: 'listener'; readonly port: number; readonly hostname: string }
  | { readonly to: 'previews' }

export interface FrontDeps {
  readonly listen: string
  readonly port: number
  destination(host: string): Destination | null
  certificate(host: string, signal: AbortSignal): Promise<Certificate | null>
  previews(visitor: ClientConnection): Promise<void>
  readonly log: (line: string) => void
}
export interface Front {
  readonly port: number
  /** Where a connection to one of our own listeners comes from, by its port at that listener; null: not from here. */
  peerOf(port: number): string | null
  /** New ones are refused, those there go on. */
  stopAccepting(): void
  stop(): Promise<void>
}

const HANDSHAKE_WITHIN_MS = 30_000
const CONNECTIONS_LIMIT = 8192

export async function openFront(deps: FrontDeps): Promise<Front> {
  const peers = new Map<number, string>()
  const open = new Set<Socket>()
  const server = createServer({
    ALPNProtocols: ['http/1.1'], minVersion: 'TLSv1.2', handshakeTimeout: HANDSHAKE_WITHIN_MS, allowHalfOpen: true, noDelay: true,
    SNICallback(host, done) {
      void answerWith(done, contextFor(deps, host.toLowerCase()))
    },
  })
  server.maxConnections = CONNECTIONS_LIMIT
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => {}).once('close', () => open.delete(socket))
  })
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  server.on('secureConnection', (socket) => {
    open.add(socket)
    socket.on('error', () => socket.destroy()).once('close', () => open.delete(socket))
    const name = socket.servername
    const destination = typeof name === 'string' ? deps.destination(name.toLowerCase()) : null
    if (destination === null) return socket.destroy()
    if (destination.to === 'listener') return passOn(socket, destination, peers)
    const { connection, events } = createClientConnection(asVisitor(socket))
    attach(socket, events)
    deps.previews(connection).catch((error: unknown) => {
      deps.log(`previews: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      connection.destroy()
    })
  })
  await listening(server, deps)
  return {
    port: (server.address() as AddressInfo).port,
    peerOf: (port) => peers.get(port) ?? null,
    stopAccepting: () => void server.close(),
    async stop() {
      const closed = new Promise<void>((resolve) => { server.close(() => resolve()) })
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

function listening(server: ReturnType<typeof createServer>, { listen, port }: FrontDeps): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', (cause: Error & { code?: string }) => {
    const hint = cause.code === 'EACCES' ? 'ports below 1024 are for root: give the service CAP_NET_BIND_SERVICE, or choose tls.port' : 'stop what listens there, or choose tls.port and tls.listen'
    reject(new BerthError(cause.code === 'EADDRINUSE' ? 'port_taken' : 'config_invalid', `cannot listen on ${listen}:${port} for https: ${cause.message}`, { hint, cause }))
  })
  server.listen(port, listen, resolve)
  return promise
}

async function answerWith(done: (error: Error | null, context?: SecureContext) => void, context: Promise<SecureContext>): Promise<void> {
  try {
    done(null, await context)
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)))
  }
}

async function contextFor(deps: FrontDeps, host: string): Promise<SecureContext> {
  if (deps.destination(host) === null) throw new Error('no such name')
  const certificate = await deps.certificate(host, AbortSignal.timeout(HANDSHAKE_WITHIN_MS))
  if (certificate === null) throw new Error('no certificate')
  return certificate.context
}

/** To a listener of ours on this host, which asks by the port who it is. */
function passOn(visitor: TLSSocket, { port, hostname }: { port: number; hostname: string }, peers: Map<number, string>): void {
  const address = addressOf(visitor)
  const inner = connect({ port, host: hostname, allowHalfOpen: true, noDelay: true })
  let own = 0
  inner.once('connect', () => {
    own = inner.localPort ?? 0
    peers.set(own, address)
    visitor.pipe(inner)
    inner.pipe(visitor)
  })
  inner.on('error', () => visitor.destroy())
  inner.once('close', () => {
    peers.delete(own)
    visitor.destroySoon()
  })
  visitor.once('close', () => inner.destroy())
}

const addressOf = (socket: Socket): string => (socket.remoteAddress ?? '').replace(/^::ffff:/, '')

/** What previews expect of a socket: `write` says how much it took. */
function asVisitor(socket: TLSSocket): Parameters<typeof createClientConnection>[0] {
  const remoteAddress = addressOf(socket)
  return {
    remoteAddress,
    write(bytes) {
      if (socket.writableNeedDrain || socket.destroyed) return 0
      // Its memory is the caller's again when this returns.
      const own = Buffer.from(bytes as Uint8Array)
      socket.write(own)
      return own.length
    },
    end: () => { socket.end(); return 0 },
    terminate: () => void socket.destroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  }
}

function attach(socket: TLSSocket, events: ReturnType<typeof createClientConnection>['events']): void {
  socket.on('data', (bytes: Buffer) => events.data(new Uint8Array(bytes)))
  socket.on('drain', () => events.drain())
  socket.on('end', () => events.end())
  socket.on('close', () => events.close())
}
