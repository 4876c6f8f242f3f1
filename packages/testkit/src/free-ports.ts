/** Ports of this machine, each another one: given by the system and given back, so that nobody else here takes one in between. */
export function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } }))
  const ports = listeners.map(({ port }) => port)
  for (const listener of listeners) listener.stop(true)
  return ports
}

export function freePort(): number {
  const [port = 0] = freePorts(1)
  return port
}
