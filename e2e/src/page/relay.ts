/** What lies between a phone and the server, as bytes: it can be cut, mended, and stand still without a word. */
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface Relay {
  /** The same server by another port. */
  through(url: string): string
  /** Connections end, new ones are refused. */
  cut(): Promise<void>
  mend(): Promise<void>
  /** Nothing passes any more on the connections that are open, and nobody is told; new ones work. */
  stall(): void
  /** Connections that were made since it stands. */
  readonly connections: number
  close(): Promise<void>
}

export async function startRelay(to: number): Promise<Relay> {
  const pairs = new Set<{ readonly sockets: readonly Socket[]; stalled: boolean }>()
  let connections = 0
  let server: Server | null = null
  const serve = (client: Socket): void => {
    connections += 1
    const upstream = connect(to, '127.0.0.1')
    const pair = { sockets: [client, upstream], stalled: false }
    pairs.add(pair)
    const end = (): void => {
      if (pair.stalled) return
      pairs.delete(pair)
      for (const socket of pair.sockets) socket.destroy()
    }
    for (const [from, into] of [[client, upstream], [upstream, client]] as const) {
      from.on('data', (data: Buffer) => { if (!pair.stalled && !into.destroyed) into.write(data) })
      from.on('error', end)
      from.on('close', end)
    }
  }
  const listen = (port: number) => new Promise<number>((resolve, reject) => {
    const next = createServer(serve)
    next.once('error', reject)
    next.listen(port, '127.0.0.1', () => {
      server = next
      const address = next.address()
      resolve(address !== null && typeof address === 'object' ? address.port : port)
    })
  })
  const cut = async (): Promise<void> => {
    const closing = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()))
    server = null
    for (const { sockets } of pairs) for (const socket of sockets) socket.destroy()
    pairs.clear()
    await closing
  }
  const port = await listen(0)
  return {
    get connections() { return connections },
    through(url) {
      const other = new URL(url)
      other.port = String(port)
      return other.href
    },
    cut,
    async mend() {
      if (server === null) await listen(port)
    },
    stall() {
      for (const pair of pairs) pair.stalled = true
    },
    close: cut,
  }
}
