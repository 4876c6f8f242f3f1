/**
 * Bytes from the daemon's side to the server's side: one stream of the mux on a WebSocket, as the link carries it,
 * against one TCP connection. The sender is a process of its own both times; both ends are on this machine.
 */
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { createMux } from '@berth/wire/mux'
import type { Mux } from '@berth/wire/mux'
import { MB, percentile, RUNS, sideBySide, spread, within } from './measure.ts'
import type { Bench } from './measure.ts'

const BYTES = 256 * MB
/** As the server's end holds back: what waits in the socket above this stops DATA. */
const HIGH_WATER = 1024 * 1024
const PINGS = 500
const RUN_MS = 60_000

export const mux: Bench = {
  name: 'mux',
  summary: 'bytes and round trips through the link\'s mux against raw TCP',
  async *run({ signal }) {
    const bytes = await sideBySide(signal, bulkThroughMux, () => throughTcp('bulk').then(({ ms }) => BYTES / MB / (ms / 1000)))
    yield { name: 'mux-throughput', value: bytes.value, unit: 'MB/s', floor: bytes.floor, detail: `one stream of ${BYTES / MB} MB on a WebSocket; floor: raw TCP; ${spread(bytes.values, 'MB/s')}` }
    const echo = await sideBySide(signal, () => throughMux('ping').then(({ roundTrips }) => percentile(roundTrips, 50)), () => throughTcp('ping').then(({ roundTrips }) => percentile(roundTrips, 50)))
    yield { name: 'mux-round-trip', value: echo.value, unit: 'ms', floor: echo.floor, detail: `16 bytes there and back, median of ${PINGS} in each of ${RUNS} runs; floor: raw TCP` }
  },
}

/** MB/s of one stream, as others are held against it. */
export const bulkThroughMux = async (): Promise<number> => BYTES / MB / ((await throughMux('bulk')).ms / 1000)

interface Carried { readonly ms: number; readonly roundTrips: readonly number[] }
type Kind = 'bulk' | 'ping'

async function throughTcp(kind: Kind): Promise<Carried> {
  const done = Promise.withResolvers<Carried>()
  let received = 0
  let since = 0
  const listener = Bun.listen<undefined>({
    hostname: '127.0.0.1', port: 0,
    socket: {
      data(socket, chunk) {
        if (kind === 'ping') return void socket.write(chunk)
        if (received === 0) since = performance.now()
        received += chunk.length
        if (received >= BYTES) done.resolve({ ms: performance.now() - since, roundTrips: [] })
      },
    },
  })
  try {
    return await withPeer(['tcp', kind, `127.0.0.1:${listener.port}`], kind, done.promise)
  } finally {
    listener.stop(true)
  }
}

async function throughMux(kind: Kind): Promise<Carried> {
  const done = Promise.withResolvers<Carried>()
  const server = Bun.serve<{ mux: Mux | null }>({
    hostname: '127.0.0.1', port: 0,
    fetch: (request, self) => (self.upgrade(request, { data: { mux: null } }) ? undefined : new Response(null, { status: 400 })),
    websocket: {
      perMessageDeflate: false, maxPayloadLength: 1024 * 1024,
      open(socket) {
        socket.data.mux = createMux({
          role: 'server', apart: () => true,
          send: (frame) => { socket.sendBinary(frame as Uint8Array<ArrayBuffer>); return socket.getBufferedAmount() < HIGH_WATER },
          onOpen: (_, stream) => void (kind === 'ping' ? stream.readable.pipeTo(stream.writable) : count(stream.readable).then(done.resolve)).catch(done.reject),
        })
      },
      message(socket, data) { if (typeof data !== 'string') socket.data.mux?.receive(data) },
      drain(socket) { socket.data.mux?.drained() },
    },
  })
  try {
    return await withPeer(['mux', kind, `127.0.0.1:${server.port}`], kind, done.promise)
  } finally {
    await server.stop(true)
  }
}

async function count(readable: ReadableStream<Uint8Array>): Promise<Carried> {
  let received = 0
  let since = 0
  for await (const chunk of readable) {
    if (received === 0) since = performance.now()
    received += chunk.length
    if (received >= BYTES) break
  }
  return { ms: performance.now() - since, roundTrips: [] }
}

/** A round trip is timed by who sends, a stream of bytes by who receives. */
async function withPeer(words: readonly string[], kind: Kind, carried: Promise<Carried>): Promise<Carried> {
  const peer = Bun.spawn([process.execPath, join(import.meta.dir, 'peers/mux-peer.ts'), ...words, String(kind === 'bulk' ? BYTES : PINGS)], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const output = new Response(peer.stdout).text()
  const problems = new Response(peer.stderr).text()
  const told = async (): Promise<Carried> => {
    const code = await peer.exited
    if (code !== 0) throw new BerthError('internal', `the sending process ended with ${code}: ${(await problems).slice(0, 500)}`)
    return { ms: 0, roundTrips: JSON.parse(await output) as number[] }
  }
  try {
    // Who only receives must also hear when the sender broke.
    if (kind === 'ping') return await within(RUN_MS, 'the round trips', told())
    return await within(RUN_MS, 'the bytes', Promise.race([carried, told().then(() => carried)]))
  } finally {
    peer.kill('SIGKILL')
    await peer.exited
  }
}
