/** A unix socket that behaves like a bad network: slow, cut off again and again, and at times half-open. */
import { renameSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface BadNetworkOptions {
  /** Each way. */
  readonly delayMs: number
  /** A connection is cut after so many bytes on average; null: never. */
  readonly cutAfterBytes: number | null
  readonly seed: number
}
export interface BadNetwork {
  /** Connections cut so far. */
  readonly cuts: number
  readonly connections: number
  /** From now on nothing passes and nobody is told, on the connections that are open; new ones work. */
  halfOpen(): number
  setCuts(afterBytes: number | null): void
  /** Puts itself before the socket again: its owner made a new one. */
  insert(): Promise<void>
  close(): void
}

/** The socket at `path` is moved aside; who dials `path` meets the bad network. */
export function createBadNetwork(path: string, options: BadNetworkOptions): BadNetwork {
  const real = `${path}.real`
  const pairs = new Set<{ client: Socket; server: Socket; stalled: boolean }>()
  const listeners: Server[] = []
  let { cutAfterBytes } = options
  let state = options.seed
  let cuts = 0
  let connections = 0
  /** 0 to 1; the same sequence for the same seed. */
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }

  const serve = (client: Socket): void => {
    connections++
    const server = connect(real)
    const pair = { client, server, stalled: false }
    pairs.add(pair)
    let left = cutAfterBytes === null ? null : cutAfterBytes * (0.2 + 1.6 * random())
    const end = (): void => {
      pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    const pass = (from: Socket, to: Socket): void => {
      from.on('data', (data: Buffer) => {
        if (pair.stalled) return
        if (left !== null && (left -= data.length) < 0) {
          cuts++
          return end()
        }
        // Timers of one length fire in the order in which they were set.
        setTimeout(() => { if (!pair.stalled && !to.destroyed) to.write(data) }, options.delayMs)
      })
      from.on('error', end)
      from.on('close', () => { if (!pair.stalled) setTimeout(end, options.delayMs + 5) })
    }
    pass(client, server)
    pass(server, client)
  }

  return {
    get cuts() { return cuts },
    get connections() { return connections },
    halfOpen() {
      for (const pair of pairs) pair.stalled = true
      return pairs.size
    },
    setCuts(afterBytes) { cutAfterBytes = afterBytes },
    async insert() {
      // Closing a listener removes the file of its path, which by now is the owner's: the one of before stays open, unreachable.
      renameSync(path, real)
      const next = createServer(serve)
      listeners.push(next)
      await new Promise<void>((resolve) => { next.listen(path, resolve) })
    },
    close() {
      for (const listener of listeners) listener.close()
      for (const { client, server } of pairs) {
        client.destroy()
        server.destroy()
      }
      rmSync(real, { force: true })
    },
  }
}
