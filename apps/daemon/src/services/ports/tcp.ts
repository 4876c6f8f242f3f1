/** A byte stream over the link to a port inside this machine. */
import { joiningHandlers } from '@berth/wire/join-socket'
import type { LinkStream } from '../../contracts.ts'

/** Until the connection is over. */
export async function serveTcpStream(port: number, stream: LinkStream, onBytes: () => void): Promise<void> {
  const { handlers, closed } = joiningHandlers(stream, { fromStream: onBytes, fromSocket: onBytes })
  if (await connect(port, handlers)) await closed
  else stream.abort(`nothing listens on port ${port}`)
}

/** A dev server listens on either loopback address. */
async function connect(port: number, socket: Bun.SocketHandler<undefined>): Promise<boolean> {
  for (const hostname of ['127.0.0.1', '::1']) {
    const connected = await Bun.connect({ hostname, port, socket, allowHalfOpen: true }).catch(() => null)
    if (connected !== null) return true
  }
  return false
}
