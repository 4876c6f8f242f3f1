/** A server's and a daemon's mux without a link between them: what one sends the other has at once. */
import { createMux } from '@berth/wire/mux'
import type { Mux, MuxStream } from '@berth/wire/mux'

export function joinedMuxes(onOpen: (open: unknown, stream: MuxStream) => void): { server: Mux; daemon: Mux } {
  const server: Mux = createMux({ role: 'server', send: (frame) => { daemon.receive(frame.slice()) }, onOpen })
  const daemon: Mux = createMux({ role: 'daemon', send: (frame) => { server.receive(frame.slice()) }, onOpen })
  return { server, daemon }
}
