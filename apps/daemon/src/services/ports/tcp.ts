/** A byte stream over the link to a port inside this machine. */
import type { Socket } from 'bun'
import { joinSocket } from '@berth/wire/join-socket'
import type { JoinedSocket } from '@berth/wire/join-socket'
import type { LinkStream } from '../../contracts.ts'

/** Until the connection is over. */
export async function serveTcpStream(port: number, stream: LinkStream, onBytes: () => void): Promise<void> {
  const closed = Promise.withResolvers<void>()
  let joined: JoinedSocket | null = null
  const handlers: Bun.SocketHandler<undefined> = {
    // Before the first bytes can come.
    open(socket) { joined = joinSocket(stream, socket, onBytes) },
    data: (_, bytes) => joined?.data(bytes),
    drain: () => joined?.drain(),
    end: () => joined?.end(),
    close() {
      joined?.close()
      closed.resolve()
    },
    error() {},
  }
  if ((await connect(port, handlers)) === null) stream.abort(`nothing listens on port ${port}`)
  else await closed.promise
}

/** A dev server listens on either loopback address. */
async function connect(port: number, socket: Bun.SocketHandler<undefined>): Promise<Socket<undefined> | null> {
  for (const hostname of ['127.0.0.1', '::1']) {
    const connected = await Bun.connect({ hostname, port, socket, allowHalfOpen: true }).catch(() => null)
    if (connected !== null) return connected
  }
  return null
}
