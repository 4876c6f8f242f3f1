/** Real listeners in this process, read from the kernel's tables. */
import { afterEach, expect, test } from 'bun:test'
import { WorkspaceId } from '@berth/wire'
import type { EventBody } from '@berth/wire'
import { createAsAgent } from '../as-agent.ts'
import { holdersOf, parseHolders } from './holders.ts'
import { askKernel, createListening, listenersIn, parseListeners } from './listening.ts'
import { socketInodes, watchPorts } from './ports.ts'
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

test('is told by the kernel of the same listeners as its tables name, whatever else is connected', async () => {
  const own = [listenOn('127.0.0.1'), listenOn('::1'), listenOn('127.0.0.1')]
  const connected = await Bun.connect({ hostname: '127.0.0.1', port: own[0]?.port ?? 0, socket: { data() {} } })
  const inodes = socketInodes([process.pid])
  const ofUs = (from: readonly { port: number; inode: string }[]) => from.filter(({ inode }) => inodes.has(inode)).toSorted((one, other) => one.port - other.port)
  const told = askKernel()
  connected.end()
  expect(ofUs(told ?? [])).toEqual(ofUs(createListening(() => null)()))
  expect(ofUs(told ?? []).map(({ port }) => port)).toEqual(own.map(({ port }) => port).toSorted((one, other) => one - other))
})

test('asks no more where it was not answered, and never takes half an answer for one', () => {
  let asked = 0
  const listening = createListening(() => { asked++; return null })
  const { port } = listenOn('127.0.0.1')
  for (const _ of [1, 2]) expect(listening().map((one) => one.port)).toContain(port)
  expect(asked).toBe(1)
  const message = (type: number, body: Buffer): Buffer => Buffer.concat([Buffer.from(Uint32Array.of(16 + body.length, type, 1, 2).buffer), body])
  const socket = (address: number, at: number, inode: number): Buffer => {
    const body = Buffer.alloc(72)
    body[0] = 2
    body.writeUInt16BE(at, 4)
    body.writeUInt32BE(address, 8)
    body.writeUInt32LE(inode, 68)
    return message(20, body)
  }
  const two = [socket(0, 8080, 7), socket(0x7F00000B, 40000, 8), socket(0x7F000001, 3000, 4_000_000_000)]
  const listeners = [{ port: 8080, inode: '7' }, { port: 3000, inode: '4000000000' }]
  expect(listenersIn(Buffer.concat(two))).toEqual({ listeners, isLast: false })
  expect(listenersIn(Buffer.concat([...two, message(3, Buffer.alloc(4))]))).toEqual({ listeners, isLast: true })
  expect(listenersIn(message(2, Buffer.alloc(20)))).toBeNull()
  expect(listenersIn(two[0]?.subarray(0, 60) ?? Buffer.alloc(0))).toBeNull()
})
