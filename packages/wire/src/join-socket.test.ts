/** Two sockets that take what they like, joined over two muxes: what goes in comes out, and each way ends by itself. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { joinSocket } from './join-socket.ts'
import { createMux } from './mux.ts'
import type { Mux, MuxStream } from './mux.ts'

function fakeSocket(stream: MuxStream) {
  const taken: Uint8Array[] = []
  const state = { paused: false, over: 'no' as 'no' | 'half' | 'ended' | 'terminated', /** Bytes it takes before it wants to drain. */ room: 0 }
  const joined = joinSocket(stream, {
    write(bytes) {
      const size = Math.min(bytes.length, state.room)
      state.room -= size
      taken.push(bytes.slice(0, size))
      return size
    },
    shutdown() { state.over = 'half' }, end() { state.over = 'ended' }, terminate() { state.over = 'terminated' },
    pause() { state.paused = true }, resume() { state.paused = false },
  })
  return { state, joined, say: (bytes: Uint8Array): void => joined.data(bytes.slice()), taken: () => Buffer.concat(taken) }
}

async function pair() {
  const { promise: far, resolve } = Promise.withResolvers<ReturnType<typeof fakeSocket>>()
  const server: Mux = createMux({ role: 'server', send: (frame) => { daemon.receive(frame.slice()) }, onOpen: () => {} })
  const daemon: Mux = createMux({ role: 'daemon', send: (frame) => { server.receive(frame.slice()) }, onOpen: (_, stream) => resolve(fakeSocket(stream)) })
  return { near: fakeSocket(await server.open({})), far: await far, server, daemon }
}

test('bytes come out whole and in order, whatever each end takes at a time', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.record({ size: fc.integer({ min: 1, max: 90_000 }), room: fc.integer({ min: 0, max: 150_000 }) }), { maxLength: 60 }), async (steps) => {
    const { near, far, server, daemon } = await pair()
    const said: Uint8Array[] = []
    for (const [index, { size, room }] of steps.entries()) {
      // Who is paused says no more; some of it was on its way already.
      if (!near.state.paused || index % 3 === 0) {
        const piece = Uint8Array.from({ length: size }, (_, at) => (at * 7 + index) & 255)
        near.say(piece)
        said.push(piece)
      }
      far.state.room = room
      far.joined.drain()
    }
    near.joined.end()
    far.state.room = Number.MAX_SAFE_INTEGER
    far.joined.drain()
    expect([near.state.paused, far.state.over]).toEqual([false, 'half'])
    expect(far.taken().equals(Buffer.concat(said))).toBe(true)
    near.state.room = 2
    far.say(new Uint8Array([1, 2]))
    far.joined.end()
    expect([...near.taken(), near.state.over, far.state.over]).toEqual([1, 2, 'ended', 'ended'])
    expect([server.streams, daemon.streams]).toEqual([0, 0])
  }), { numRuns: 30 })
}, 60_000)

test('a socket that closes has its last words delivered, and who goes on speaking to it is cut off', async () => {
  const { near, far } = await pair()
  near.say(new Uint8Array(80_000).fill(5))
  near.joined.end()
  near.joined.close()
  far.state.room = Number.MAX_SAFE_INTEGER
  far.joined.drain()
  expect([far.taken().length, far.state.over]).toEqual([80_000, 'half'])
  for (let said = 0; said < 100 && far.state.over === 'half'; said++) far.say(new Uint8Array(90_000))
  expect(far.state.over).toBe('terminated')
})

test('a stream that breaks off ends the socket, also when it did so before they were joined', async () => {
  const { near, server } = await pair()
  server.close('gone')
  expect(near.state.over).toBe('terminated')
  const other = createMux({ role: 'server', send: () => {}, onOpen: () => {} })
  const stream = await other.open({})
  other.close('gone')
  const late = fakeSocket(stream)
  await Promise.resolve()
  expect(late.state.over).toBe('terminated')
})

test('what a socket of the runtime gives lies in memory of its own, as it is given back once it went', async () => {
  const pieces: Uint8Array[] = []
  const done = Promise.withResolvers<void>()
  const listener = Bun.listen({
    hostname: '127.0.0.1', port: 0,
    socket: { data(_, bytes) { pieces.push(bytes) }, close() { done.resolve() } },
  })
  const sent = new Uint8Array(100_000).fill(7)
  let left = 3_000_000
  const pour = (socket: Bun.Socket): void => {
    for (let taken = -1; taken !== 0 && left > 0; left -= taken) taken = Math.max(0, socket.write(sent.subarray(0, Math.min(left, sent.length))))
    if (left === 0) socket.end()
  }
  await Bun.connect({ hostname: '127.0.0.1', port: listener.port, socket: { open: pour, drain: pour, data() {} } })
  await done.promise
  listener.stop(true)
  expect(pieces.reduce((sum, { length }) => sum + length, 0)).toBe(3_000_000)
  expect(pieces.every((piece) => piece.byteLength === piece.buffer.byteLength)).toBe(true)
  expect(new Set(pieces.map(({ buffer }) => buffer)).size).toBe(pieces.length)
  expect(pieces.every((piece) => piece.every((byte) => byte === 7))).toBe(true)
})
