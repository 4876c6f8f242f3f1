import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { BerthError } from './errors.ts'
import { createMux, DATA_LIMIT, STREAM_LIMIT, WINDOW_LIMIT, WINDOW_START } from './mux.ts'
import type { Mux, MuxStream } from './mux.ts'
import { APART, APART_BYTES, DATA, encodeFrame, encodeWindow, RST, WIN } from './mux-frames.ts'

interface Pair { server: Mux; daemon: Mux; opened: MuxStream[]; faults: string[]; frames: { from: 'server' | 'daemon'; frame: Uint8Array }[]; deliver(pick?: (n: number) => number): number; deliverOne(): void; quiet(): boolean; run(): Promise<void> }

/** Two muxes joined by queues that deliver only when told. */
function pair(apart = false): Pair {
  const opened: MuxStream[] = []
  const faults: string[] = []
  const frames: Pair['frames'] = []
  const toDaemon: Uint8Array[] = []
  const toServer: Uint8Array[] = []
  const server = createMux({ role: 'server', send: (frame) => { const kept = frame.slice(); frames.push({ from: 'server', frame: kept }); toDaemon.push(kept) }, apart: () => apart, onOpen: (_, s) => { opened.push(s) }, onFault: (r) => { faults.push(r) } })
  const daemon = createMux({ role: 'daemon', send: (frame) => { const kept = frame.slice(); frames.push({ from: 'daemon', frame: kept }); toServer.push(kept) }, apart: () => apart, onOpen: (_, s) => { opened.push(s) }, onFault: (r) => { faults.push(r) } })
  const step = (pick: (n: number) => number): boolean => {
    const ways = [[toDaemon, daemon] as const, [toServer, server] as const].filter(([queue]) => queue.length > 0)
    const way = ways[pick(ways.length)]
    const frame = way?.[0].shift()
    if (frame === undefined) return false
    way?.[1].receive(frame)
    return true
  }
  const deliver: Pair['deliver'] = (pick = () => 0) => {
    let count = 0
    while (step(pick)) count += 1
    return count
  }
  return { server, daemon, opened, faults, frames, deliver, deliverOne: () => { step(() => 0) }, quiet: () => toDaemon.length + toServer.length === 0, async run() {
    // Readers and writers go on in microtasks; a full turn of the loop in which nothing moved means quiet.
    for (let quiet = 0; quiet < 3;) {
      quiet = deliver() === 0 ? quiet + 1 : 0
      await new Promise((resolve) => setImmediate(resolve))
    }
  } }
}

const bytesOf = (n: number, seed = 1): Uint8Array<ArrayBuffer> => Uint8Array.from({ length: n }, (_, i) => (i * 31 + seed * 7 + (i >> 8)) & 255)
async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> { return new Uint8Array(await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer()) }
async function writeAll(stream: MuxStream, chunks: readonly Uint8Array[]): Promise<void> {
  const writer = stream.writable.getWriter()
  for (const chunk of chunks) await writer.write(chunk)
  await writer.close()
}
const first = (p: Pair): MuxStream => { const s = p.opened[0]; if (s === undefined) throw new Error('nothing was opened'); return s }

test('delivers the bytes of every stream in order, however frames interleave and however they are cut', async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.record({ by: fc.constantFrom('server' as const, 'daemon' as const), up: fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 5 }), down: fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 5 }) }), { minLength: 1, maxLength: 6 }),
    fc.infiniteStream(fc.nat(1)),
    fc.boolean(),
    async (specs, picks, apart) => {
      const p = pair(apart)
      const next = (n: number): number => (n === 0 ? 0 : (picks.next().value ?? 0) % n)
      const results: Promise<void>[] = []
      for (const [index, spec] of specs.entries()) {
        const near = await p[spec.by].open({ index })
        p.deliver(next)
        const far = p.opened.at(-1)
        if (far === undefined) throw new Error('not opened')
        const up = spec.up.map((n) => bytesOf(n, index))
        const down = spec.down.map((n) => bytesOf(n, index + 99))
        results.push(writeAll(near, up), writeAll(far, down))
        results.push(readAll(far.readable).then((got) => { expect(Buffer.compare(got, Buffer.concat(up))).toBe(0) }))
        results.push(readAll(near.readable).then((got) => { expect(Buffer.compare(got, Buffer.concat(down))).toBe(0) }))
      }
      let over = false
      const all = Promise.all(results).finally(() => { over = true })
      while (!over) { p.deliver(next); await new Promise((resolve) => setImmediate(resolve)) }
      await all
      await p.run()
      expect(p.faults).toEqual([])
      expect([p.server.streams, p.daemon.streams]).toEqual([0, 0])
    }), { numRuns: 40 })
}, 60_000)

test('a large payload is a message of its own to a peer that knows it, and nobody else\'s', async () => {
  const large = bytesOf(DATA_LIMIT)
  for (const apart of [true, false]) {
    const p = pair(apart)
    const stream = await p.server.open({})
    p.deliver()
    const reading = readAll(first(p).readable)
    await writeAll(stream, [bytesOf(3), large, bytesOf(APART_BYTES - 1)])
    const [, ...sent] = p.frames.filter((f) => f.from === 'server').map((f) => f.frame)
    expect(sent.map((frame) => frame.length)).toEqual(apart ? [5 + 3, 5, DATA_LIMIT, 5 + APART_BYTES - 1, 5] : [5 + 3, 5 + DATA_LIMIT, 5 + APART_BYTES - 1, 5])
    await p.run()
    expect(Buffer.compare(await reading, Buffer.concat([bytesOf(3), large, bytesOf(APART_BYTES - 1)]))).toBe(0)
    expect(p.faults).toEqual([])
  }
})

test('what comes behind an APART is never read as a frame: nothing and too much of it are faults, a stream that is gone costs nothing', async () => {
  for (const [payload, faults] of [[new Uint8Array(0), 1], [new Uint8Array(DATA_LIMIT + 1), 1], [encodeFrame(RST, 1), 0], [encodeFrame(99, 0), 0]] as const) {
    const p = pair()
    const stream = await p.server.open({})
    const reading = stream.readable.getReader().read().catch((error: unknown) => error)
    p.server.receive(encodeFrame(APART, 1))
    p.server.receive(payload)
    expect(p.faults.length).toBe(faults)
    if (faults === 0) expect(await reading).toEqual({ done: false, value: payload })
    else expect(await reading).toMatchObject({ code: 'daemon_unreachable' })
  }
  const p = pair()
  const [gone, other] = [await p.server.open({}), await p.server.open({})]
  gone.abort('enough')
  p.server.receive(encodeFrame(APART, 1))
  p.server.receive(encodeFrame(RST, 3))
  p.server.receive(encodeFrame(DATA, 3, bytesOf(4)))
  expect(await other.readable.getReader().read()).toEqual({ done: false, value: bytesOf(4) })
})

test('no frame carries more than the limit, and a stalled reader holds the writer at its window', async () => {
  const p = pair()
  const stream = await p.server.open({})
  let written = 0
  const writing = (async () => {
    const writer = stream.writable.getWriter()
    for (;;) { await writer.write(new Uint8Array(100_000)); written += 100_000 }
  })().catch((error: unknown) => error)
  await p.run()
  const sent = p.frames.filter((f) => f.from === 'server' && f.frame[0] === 2).reduce((sum, f) => sum + f.frame.length - 5, 0)
  expect(sent).toBe(WINDOW_START)
  expect(written).toBeLessThanOrEqual(WINDOW_START)
  expect(Math.max(...p.frames.map((f) => f.frame.length))).toBe(DATA_LIMIT + 5)
  stream.abort('enough')
  expect(await writing).toBeInstanceOf(BerthError)
})

test('the window grows for a reader that keeps up, and only so far', async () => {
  const p = pair()
  const stream = await p.server.open({})
  p.deliver()
  const total = 24 * 1024 * 1024
  const reading = readAll(first(p).readable)
  const writing = writeAll(stream, [new Uint8Array(total)])
  let over = false
  void reading.then(() => { over = true })
  // One frame at a time, so that the reader has taken it before the next: it keeps up.
  while (!over) { p.deliverOne(); await Promise.resolve(); await Promise.resolve() ; if (p.quiet()) await p.run() }
  await writing
  expect((await reading).length).toBe(total)
  const grown = p.frames.filter((f) => f.from === 'daemon' && f.frame[0] === 3).reduce((sum, f) => sum + new DataView(f.frame.buffer).getUint32(9), 0)
  expect(grown).toBe(WINDOW_LIMIT - WINDOW_START)
}, 30_000)

test('with every other stream stalled one stream still moves, and the receiver holds no more than the connection credit', async () => {
  const p = pair()
  const stalled: Promise<unknown>[] = []
  const streams: MuxStream[] = []
  for (let i = 0; i < STREAM_LIMIT.server - 1; i += 1) {
    const stream = await p.server.open({ i })
    streams.push(stream)
    stalled.push(writeAll(stream, [new Uint8Array(WINDOW_START)]).catch((error: unknown) => error))
  }
  await p.run()
  const sent = p.frames.filter((f) => f.from === 'server' && f.frame[0] === 2).reduce((sum, f) => sum + f.frame.length - 5, 0)
  expect(sent).toBeLessThanOrEqual(16 * 1024 * 1024)
  const lively = await p.server.open({})
  p.deliver()
  const far = p.opened.at(-1)
  if (far === undefined) throw new Error('not opened')
  const data = bytesOf(3_000_000)
  const writing = writeAll(lively, [data])
  const reading = readAll(far.readable)
  let over = false
  void reading.then(() => { over = true })
  while (!over) await p.run()
  expect(Buffer.compare(await reading, data)).toBe(0)
  await writing
  await far.writable.close()
  for (const stream of streams) stream.abort('end of test')
  await Promise.all(stalled)
  await p.run()
  expect([p.server.streams, p.daemon.streams, p.faults.length]).toEqual([0, 0, 0])
}, 30_000)

test('a bulk stream does not delay a small one: their frames take turns', async () => {
  const sent: number[] = []
  let room = 0
  const mux = createMux({ role: 'server', onOpen: () => {}, send: (frame) => { if (frame[0] === 2) { sent.push(frame[4] ?? 0); room -= 1 } return room > 0 } })
  const bulk = await mux.open({})
  const small = await mux.open({})
  room = 2
  void bulk.writable.getWriter().write(new Uint8Array(1_000_000)).catch(() => {})
  await Promise.resolve()
  const before = sent.length
  void small.writable.getWriter().write(new Uint8Array(10)).catch(() => {})
  await new Promise((resolve) => setImmediate(resolve))
  room = 2
  mux.drained()
  expect(sent.slice(before, before + 2)).toContain(3)
  mux.close('end of test')
})

test('a transport that is empty whenever it is looked at is given more at once', async () => {
  const most = async (drains: boolean): Promise<number> => {
    let waits = 0
    let highest = 0
    let looks = 0
    const mux: Mux = createMux({
      role: 'daemon', onOpen: () => {},
      send(frame) {
        if (frame[0] === 2) waits += frame.length
        highest = Math.max(highest, waits)
      },
      // Asked before each frame, and when it is looked at again.
      bufferedAmount: () => {
        looks++
        return waits
      },
    })
    const stream = await mux.open({})
    stream.writable.getWriter().write(new Uint8Array(900_000)).catch(() => {})
    for (let round = 0; round < 3; round++) {
      const before = looks
      if (drains) waits = 0
      while (looks === before) await new Promise((resolve) => setImmediate(resolve))
    }
    mux.close('end of test')
    return highest
  }
  expect(await most(false)).toBeLessThan(256 * 1024 + 2 * DATA_LIMIT)
  expect(await most(true)).toBeGreaterThan(400 * 1024)
})

test('a transport that stood still for a moment is given as much as before, and one that is slow for longer less', async () => {
  let waits = 0
  let looks = 0
  const STREAM = 2
  const mux: Mux = createMux({
    role: 'daemon', onOpen: () => {},
    send(frame) {
      if (frame[0] !== DATA) return
      waits += frame.length
      // The peer reads at once, so that it is the transport alone that holds back.
      mux.receive(encodeFrame(WIN, STREAM, encodeWindow(frame.length - 5, 0)))
    },
    bufferedAmount: () => {
      looks++
      return waits
    },
  })
  const stream = await mux.open({})
  const direct = stream.direct({ onBytes() {}, onRoom: write, onOver() {} })
  function write(): void { direct.write(new Uint8Array(8 * 1024 * 1024)) }
  write()
  /** What it is given once it has sent `sends`, or all. */
  const look = async (sends = Number.POSITIVE_INFINITY): Promise<number> => {
    waits = Math.max(0, waits - sends)
    const [before, left] = [looks, waits]
    while (looks === before) await new Promise((resolve) => setImmediate(resolve))
    return waits - left
  }
  for (let round = 0; round < 4; round++) await look()
  const most = await look()
  expect(most).toBeGreaterThanOrEqual(2 * 1024 * 1024)
  for (let round = 0; round < 3; round++) expect(await look(0)).toBe(0)
  expect(await look()).toBeGreaterThanOrEqual(most)
  for (let round = 0; round < 12; round++) expect(await look(0)).toBe(0)
  expect(await look(waits - 128 * 1024)).toBeLessThan(256 * 1024)
  mux.close('end of test')
})

test('whatever arrives, receive does not throw; what is answered is bounded by what came', async () => {
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.record({ type: fc.integer({ min: 0, max: 7 }), id: fc.integer({ min: 0, max: 9 }), payload: fc.oneof(fc.uint8Array({ maxLength: 32 }), fc.constant(new TextEncoder().encode('{"service":"http"}')), fc.constant(new Uint8Array(DATA_LIMIT))) })
      .map(({ type, id, payload }) => { const out = new Uint8Array(5 + payload.length); out[0] = type; out[4] = id; out.set(payload, 5); return out }))
  await fc.assert(fc.asyncProperty(fc.array(frame, { maxLength: 60 }), async (input) => {
    const answers: Uint8Array[] = []
    const faults: string[] = []
    const mux = createMux({ role: 'server', send: (f) => { answers.push(f) }, onOpen: (_, s) => { void readAll(s.readable).catch(() => {}) }, onFault: (r) => { faults.push(r) } })
    const own = await mux.open({})
    const reading = readAll(own.readable).catch(() => {})
    for (const f of input) mux.receive(f)
    expect(answers.length).toBeLessThanOrEqual(2 + input.length * 3)
    expect(faults.length).toBeLessThanOrEqual(1)
    mux.close('end of test')
    await reading
    expect(mux.streams).toBe(0)
  }), { numRuns: 300 })
})

test('a window violation resets the stream and nothing else', async () => {
  const answers: Uint8Array[] = []
  const opened: MuxStream[] = []
  const mux = createMux({ role: 'server', send: (f) => { answers.push(f) }, onOpen: (_, s) => { opened.push(s) } })
  const frame = (type: number, id: number, payload: Uint8Array): Uint8Array => { const out = new Uint8Array(5 + payload.length); out[0] = type; out[4] = id; out.set(payload, 5); return out }
  mux.receive(frame(1, 2, new TextEncoder().encode('{}')))
  mux.receive(frame(1, 4, new TextEncoder().encode('{}')))
  for (let i = 0; i < WINDOW_START / DATA_LIMIT + 1; i += 1) mux.receive(frame(2, 2, new Uint8Array(DATA_LIMIT)))
  expect(answers.map((f) => [f[0], f[4]])).toEqual([[5, 2]])
  expect(mux.streams).toBe(1)
  mux.receive(frame(2, 4, new Uint8Array([7])))
  const { value } = await (opened[1] as MuxStream).readable.getReader().read()
  expect(value).toEqual(new Uint8Array([7]))
})

test('a stalled reader fed one byte at a time holds about its bytes', () => {
  const mux = createMux({ role: 'server', send: () => {}, onOpen: () => {} })
  const open = new Uint8Array([1, 0, 0, 0, 2, 123, 125])
  mux.receive(open)
  Bun.gc(true)
  const before = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
  for (let i = 0; i < 1_000_000; i += 1) mux.receive(new Uint8Array([2, 0, 0, 0, 2, i & 255]))
  Bun.gc(true)
  const grown = process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers - before
  expect(mux.streams).toBe(1)
  // A million separate one-byte arrays would be over 100 MB.
  expect(grown).toBeLessThan(24 * 1024 * 1024)
})

test('reset reaches the other side with its reason; close fails every stream', async () => {
  const p = pair()
  const a = await p.server.open({})
  const b = await p.server.open({})
  p.deliver()
  const readA = p.opened[0]?.readable.getReader().read().catch((error: unknown) => error)
  a.abort('no such terminal')
  await p.run()
  expect(await readA).toMatchObject({ code: 'cancelled', message: 'no such terminal' })
  const readB = b.readable.getReader().read().catch((error: unknown) => error)
  p.server.close('gone')
  expect(await readB).toMatchObject({ code: 'daemon_unreachable' })
  expect(await p.server.open({}).catch((error: unknown) => error)).toMatchObject({ code: 'daemon_unreachable' })
})

test('an aborted signal resets the stream, before and after opening', async () => {
  const p = pair()
  const abort = new AbortController()
  const stream = await p.server.open({}, abort.signal)
  p.deliver()
  const reading = first(p).readable.getReader().read().catch((error: unknown) => error)
  abort.abort()
  await p.run()
  expect(await reading).toMatchObject({ code: 'cancelled' })
  expect(await stream.readable.getReader().read().catch((error: unknown) => error)).toBeInstanceOf(BerthError)
  await expect(p.server.open({}, abort.signal)).rejects.toThrow()
  expect(p.server.streams).toBe(0)
})

test('one stream too many is refused on both sides', async () => {
  const p = pair()
  for (let i = 0; i < STREAM_LIMIT.daemon; i += 1) await p.daemon.open({})
  await expect(p.daemon.open({})).rejects.toMatchObject({ code: 'too_many' })
  await p.run()
  const rogue = new Uint8Array([1, 0, 0, 1, 2, 123, 125])
  const before = p.frames.length
  p.server.receive(rogue)
  expect(p.frames.slice(before).map((f) => f.frame[0])).toEqual([5])
  expect(p.server.streams).toBe(STREAM_LIMIT.daemon)
})
