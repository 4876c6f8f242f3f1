/** Real listeners in this process, read from the kernel's tables. */
import { afterEach, expect, test } from 'bun:test'
import { WorkspaceId } from '@berth/wire'
import type { EventBody } from '@berth/wire'
import { createAsAgent } from '../as-agent.ts'
import { holdersOf, parseHolders } from './holders.ts'
import { parseListeners, socketInodes, watchPorts } from './ports.ts'
import type { Ports } from './ports.ts'

let watcher: Ports | null = null
const servers: Bun.TCPSocketListener[] = []
afterEach(() => {
  watcher?.close()
  watcher = null
  for (const server of servers.splice(0)) server.stop(true)
})
function listenOn(hostname: string): Bun.TCPSocketListener {
  const server = Bun.listen({ hostname, port: 0, socket: { data() {} } })
  servers.push(server)
  return server
}
function watch(over: Partial<Parameters<typeof watchPorts>[0]> = {}) {
  const events: EventBody[] = []
  let changes = 0
  const ports = watchPorts({ journal: { append: (body) => { events.push(body) } }, ignore: () => [], owned: () => socketInodes([process.pid]), changed: () => { changes++ }, ...over })
  watcher = ports
  return { ports, events, changes: () => changes }
}

/** Those who listen are asked for first. */
const announced = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('announces a port when it was seen twice, and its end when it was missed twice', async () => {
  const { ports, events, changes } = watch()
  const [four, six] = [listenOn('127.0.0.1'), listenOn('::1')]
  ports.look()
  expect([ports.list(), events]).toEqual([[], []])
  ports.look()
  const both = [four.port, six.port].sort((one, other) => one - other)
  expect(ports.list()).toEqual(both)
  await announced()
  expect(events).toHaveLength(2)
  expect(changes()).toBe(1)
  ports.look()
  expect(events).toHaveLength(2)
  four.stop(true)
  ports.look()
  expect(ports.list()).toEqual(both)
  ports.look()
  expect(ports.list()).toEqual([six.port])
  expect(events[2]).toEqual({ type: 'port', port: four.port, state: 'closed', process: null })
})

test('says who listens, as the agent\'s user sees it', async () => {
  const asAgent = createAsAgent({ boot: { workspaceId: WorkspaceId.parse('ws_abcdefghjkmn'), homeDir: '/tmp', agentUser: null, isolation: 'none', env: {} }, machineBoot: 'test', workspaceEnv: () => ({}) })
  const asked = Promise.withResolvers<void>()
  const { ports, events } = watch({ namesOf: (inodes) => holdersOf(asAgent, inodes).finally(asked.resolve) })
  listenOn('127.0.0.1')
  ports.look()
  ports.look()
  await asked.promise
  await announced()
  expect(events[0]).toMatchObject({ type: 'port', state: 'open', process: expect.stringMatching(/^bun/) })
  const listing = '/proc/20/fd:\ntotal 0\nlrwx------ 1 dev dev 64 Nov 1 10:00 3 -> socket:[77]\n\n/proc/9/fd:\nlrwx------ 1 dev dev 64 Nov 1 10:00 4 -> socket:[77]\nlrwx------ 1 dev dev 64 Nov 1 10:00 5 -> socket:[78]\nlr-x------ 1 dev dev 64 Nov 1 10:00 6 -> /tmp/socket:[79]\n'
  expect([...parseHolders(listing, ['77', '79'])]).toEqual([['77', 9]])
})

test('leaves out ports of the daemon itself, and those of other processes on a shared machine', () => {
  const mine = listenOn('127.0.0.1')
  const hidden = watch({ ignore: () => [mine.port] })
  hidden.ports.look()
  hidden.ports.look()
  expect(hidden.ports.list()).toEqual([])
  hidden.ports.close()
  const { ports } = watch({ owned: () => new Set() })
  ports.look()
  ports.look()
  expect(ports.list()).toEqual([])
})

test('reads the kernel\'s table: listening sockets only, without docker\'s resolver', () => {
  const row = (address: string, state: string, inode: number): string => `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0 100 0 0 10 0`
  const table = ['  sl  local_address rem_address   st', row('00000000:1F90', '0A', 7), row('0B00007F:9C40', '0A', 8), row('0100007F:1F91', '01', 9), row('00000000000000000000000001000000:0BB8', '0A', 10), ''].join('\n')
  expect(parseListeners(table)).toEqual([{ port: 8080, inode: '7' }, { port: 3000, inode: '10' }])
  expect(parseListeners('')).toEqual([])
})
