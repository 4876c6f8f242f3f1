/** The address under which machines elsewhere reach the server's link: a proxy in front of its loopback port. */
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { freePort } from '@berth/testkit/free-ports'

export interface WayIn { /** Of `<home>/config.yaml`. */ readonly config: string; close(): void }

/** `address`: one of this host that the machines can reach. */
export function openWayIn(address: string): WayIn {
  const linkPort = freePort()
  const proxy = createServer((client) => {
    const server = connect(linkPort, '127.0.0.1')
    client.pipe(server).pipe(client)
    for (const [one, other] of [[client, server], [server, client]] as const) one.on('error', () => other.destroy()).on('close', () => other.destroy())
  })
  proxy.listen(0, address)
  // Listening on an address of this host is done at once.
  const { port } = proxy.address() as AddressInfo
  return { config: `linkPort: ${linkPort}\nlinkUrl: http://${address}:${port}\n`, close() { proxy.close() } }
}
