/** The daemon's side of the relay: a unix socket the agent's user may connect to. What arrives is the agent's word. */
import { chmodSync, chownSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { lineReader } from '../hook-protocol.ts'
import { FromRelay, RELAY_LINE_LIMIT, type ToRelay } from './protocol.ts'

/** One relay, and a newer one while the older is not gone yet. */
const CONNECTION_LIMIT = 8

export interface RelayDoor {
  /** False: nobody is connected. The line goes out when somebody is only if it is said again. */
  say(message: ToRelay): boolean
  close(): Promise<void>
}
export interface RelayEvents {
  /** The run that is expected; others are sent away. */
  run(): string
  here(from: number, to: number): void
  said(message: Exclude<FromRelay, { say: 'here' }>): void
  gone(): void
}

export async function openRelayDoor(options: { path: string; owner: { uid: number; gid: number } | null; events: RelayEvents }): Promise<RelayDoor> {
  const sockets = new Set<Socket>()
  let current: Socket | null = null
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => { /* the close follows */ })
    socket.on('close', () => {
      sockets.delete(socket)
      if (current !== socket) return
      current = null
      options.events.gone()
    })
    socket.on('data', lineReader((line) => {
      const message = parse(line)
      if (message === null) return
      if (message.say !== 'here') { if (current === socket) options.events.said(message); return }
      if (message.run !== options.events.run()) { socket.destroy(); return }
      current?.destroy()
      current = socket
      options.events.here(message.from, message.to)
    }, () => { socket.destroy() }, RELAY_LINE_LIMIT))
  })
  server.maxConnections = CONNECTION_LIMIT
  rmSync(options.path, { force: true })
  await listen(server, options.path)
  if (options.owner !== null) chownSync(options.path, process.getuid?.() ?? 0, options.owner.gid)
  chmodSync(options.path, 0o660)
  return {
    say(message) {
      if (current === null) return false
      current.write(`${JSON.stringify(message)}\n`)
      return true
    },
    close: () => new Promise((resolve) => {
      server.close(() => { resolve() })
      for (const socket of sockets) socket.destroy()
    }),
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => { server.off('error', reject); resolve() })
  })
}
function parse(line: string): FromRelay | null {
  try {
    const parsed = FromRelay.safeParse(JSON.parse(line))
    return parsed.success ? parsed.data : null
  } catch { return null }
}
