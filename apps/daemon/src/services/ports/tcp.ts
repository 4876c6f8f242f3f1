/** A byte stream over the link to a port inside this machine. */
import type { Socket } from 'bun'
import type { ByteStream } from '../../contracts.ts'

const READ_AHEAD_BYTES = 256 * 1024

export async function serveTcpStream(port: number, stream: ByteStream & { onBytes(): void }): Promise<void> {
  const writer = stream.writable.getWriter()
  let drained = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  let sending = 0
  const handlers = {
    data(socket: Socket<undefined>, bytes: Uint8Array) {
      stream.onBytes()
      sending += bytes.length
      if (sending > READ_AHEAD_BYTES) socket.pause()
      writer.write(bytes.slice()).then(() => {
        sending -= bytes.length
        if (sending <= READ_AHEAD_BYTES) socket.resume()
      }, () => socket.terminate())
    },
    drain() { drained.resolve() },
    end() { writer.close().catch(() => {}); ended.resolve() },
    close() { writer.close().catch(() => {}); drained.resolve(); ended.resolve(); closed.resolve() },
    error() {},
  }
  const connected = await connect(port, handlers)
  if (connected === null) {
    stream.abort(`nothing listens on port ${port}`)
    return
  }
  // Whoever read what the server says went away.
  writer.closed.catch(() => { connected.terminate() })
  try {
    for await (const chunk of stream.readable) {
      stream.onBytes()
      for (let at = 0; at < chunk.length;) {
        const taken = connected.write(chunk.subarray(at))
        if (taken < 0) return
        at += taken
        if (at >= chunk.length) break
        await drained.promise
        drained = Promise.withResolvers<void>()
      }
    }
    // Only our half: `end` would drop what the server still says.
    connected.shutdown()
    await ended.promise
    connected.end()
    await closed.promise
  } catch {
    connected.terminate()
  }
}

/** A dev server listens on either loopback address. */
async function connect(port: number, socket: Bun.SocketHandler<undefined>): Promise<Socket<undefined> | null> {
  for (const hostname of ['127.0.0.1', '::1']) {
    const connected = await Bun.connect({ hostname, port, socket, allowHalfOpen: true }).catch(() => null)
    if (connected !== null) return connected
  }
  return null
}
