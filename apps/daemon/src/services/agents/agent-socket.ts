/** A unix socket of the daemon that the agent's user may connect to. What arrives there is the agent's word. */
import { chmodSync, chownSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'

export interface AgentSocket { /** Whoever is connected is cut off. */ close(): Promise<void> }

/** `connectionLimit`: what a hostile agent can hold of our memory. Rejects when the path cannot be listened on. */
export async function listenForAgent(options: { path: string; owner: { uid: number; gid: number } | null; connectionLimit: number; onConnection: (socket: Socket) => void }): Promise<AgentSocket> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => { sockets.delete(socket) })
    options.onConnection(socket)
  })
  server.maxConnections = options.connectionLimit
  // A socket file of a daemon that died is in the way; two daemons of one workspace are excluded by the supervisor.
  rmSync(options.path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.path, () => { server.off('error', reject); resolve() })
  })
  // Root keeps the file, the agent's group may use it.
  if (options.owner !== null) chownSync(options.path, process.getuid?.() ?? 0, options.owner.gid)
  chmodSync(options.path, 0o660)
  return {
    close: () => new Promise((resolve) => {
      server.close(() => { resolve() })
      for (const socket of sockets) socket.destroy()
    }),
  }
}
