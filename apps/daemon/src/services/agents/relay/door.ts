/** The daemon's side of the relay. */
import type { Socket } from 'node:net'
import { listenForAgent } from '../agent-socket.ts'
import { lineReader, parseLine } from '../json-lines.ts'
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
  /** Everything up to `to` is kept there, or was forgotten by our word. */
  here(to: number): void
  said(message: Exclude<FromRelay, { say: 'here' }>): void
  gone(): void
}

export async function openRelayDoor({ path, owner, events }: { path: string; owner: { uid: number; gid: number } | null; events: RelayEvents }): Promise<RelayDoor> {
  let current: Socket | null = null
  const onConnection = (socket: Socket): void => {
    socket.on('error', () => { /* the close follows */ })
    socket.on('close', () => {
      if (current !== socket) return
      current = null
      events.gone()
    })
    socket.on('data', lineReader((line) => {
      const message = parseLine(FromRelay, line)
      if (message === null) return
      if (message.say !== 'here') { if (current === socket) events.said(message); return }
      if (message.run !== events.run()) { socket.destroy(); return }
      current?.destroy()
      current = socket
      events.here(message.to)
    }, () => { socket.destroy() }, RELAY_LINE_LIMIT))
  }
  const { close } = await listenForAgent({ path, owner, connectionLimit: CONNECTION_LIMIT, onConnection })
  return {
    close,
    say(message) {
      if (current === null) return false
      current.write(`${JSON.stringify(message)}\n`)
      return true
    },
  }
}
