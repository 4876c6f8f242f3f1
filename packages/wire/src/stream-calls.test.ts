/** One end by calls, the other as it likes: bytes in order, waiting only where there is nothing, and an end for everybody. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createMux } from './mux.ts'
import type { Mux, MuxStream } from './mux.ts'
import { callsOf } from './stream-calls.ts'

async function pair(): Promise<{ near: MuxStream; far: MuxStream; server: Mux }> {
  const { promise, resolve } = Promise.withResolvers<MuxStream>()
  const server: Mux = createMux({ role: 'server', send: (frame) => { daemon.receive(frame.slice()) }, onOpen: () => {} })
  const daemon: Mux = createMux({ role: 'daemon', send: (frame) => { server.receive(frame.slice()) }, onOpen: (_, stream) => resolve(stream) })
  return { near: await server.open({}), far: await promise, server }
}

test('what is written at one end is read at the other, also when there is more than the window', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 900_000 }), { minLength: 1, maxLength: 12 }), async (sizes) => {
    const { near, far } = await pair()
    const [writer, reader] = [callsOf(near), callsOf(far)]
    const pieces = sizes.map((size, index) => Uint8Array.from({ length: size }, (_, at) => (at * 7 + index) & 255))
    const writing = (async () => {
      for (const piece of pieces) await writer.write(piece)
      writer.end()
    })()
    const got: Uint8Array[] = []
    for (let bytes = await reader.read(); bytes !== null; bytes = await reader.read()) got.push(bytes)
    await writing
    expect(Buffer.concat(got).equals(Buffer.concat(pieces))).toBe(true)
    expect(await reader.read()).toBeNull()
  }), { numRuns: 20 })
})

test('what is there is given without a promise, and so is the end', async () => {
  const { near, far } = await pair()
  const [writer, reader] = [callsOf(near), callsOf(far)]
  expect(writer.write(new Uint8Array([1, 2]))).toBeUndefined()
  expect(reader.read()).toEqual(new Uint8Array([1, 2]))
  const waiting = reader.read()
  expect(waiting).toBeInstanceOf(Promise)
  writer.end()
  expect([await waiting, reader.read()]).toEqual([null, null])
})

test('who waits hears that it broke off, and so does who comes later', async () => {
  const { near, far, server } = await pair()
  const heard: string[] = []
  const [writer, reader] = [callsOf(near, ({ code }) => heard.push(code)), callsOf(far)]
  const sent = writer.write(new Uint8Array(20_000_000))
  server.close('gone')
  await expect(sent).rejects.toMatchObject({ code: 'daemon_unreachable' })
  await expect(writer.write(new Uint8Array(1))).rejects.toMatchObject({ code: 'daemon_unreachable' })
  await expect(writer.read()).rejects.toMatchObject({ code: 'daemon_unreachable' })
  expect(heard).toEqual(['daemon_unreachable'])
  const { near: other, far: its } = await pair()
  callsOf(other).abort('no more')
  await expect(callsOf(its).read()).rejects.toMatchObject({ message: 'no more' })
  expect(await Promise.race([reader.read(), Promise.resolve('waits')])).not.toBeNull()
})
