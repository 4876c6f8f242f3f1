/** Bytes between a stream of the link and a real server on a loopback port. */
import { afterEach, expect, test } from 'bun:test'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { joinedMuxes } from '@berth/testkit'
import { serveTcpStream } from './tcp.ts'

const servers: Server[] = []
afterEach(() => { for (const server of servers.splice(0)) server.close() })
async function serve(onSocket: (socket: Socket) => void, host = '127.0.0.1'): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, onSocket)
  servers.push(server)
  await new Promise<void>((resolve) => { server.listen(0, host, resolve) })
  return (server.address() as AddressInfo).port
}
async function openStream(port: number) {
  let bytes = 0
  const served = Promise.withResolvers<void>()
  const { server } = joinedMuxes((_, stream) => { serveTcpStream(port, stream, () => { bytes++ }).then(served.resolve, served.reject) })
  const stream = await server.open({})
  return { writer: stream.writable.getWriter(), readable: stream.readable, served: served.promise, traffic: () => bytes }
}
const text = (stream: ReadableStream<Uint8Array>): Promise<string> => new Response(stream).text()

test('carries a request and its answer, on either loopback address, and ends each way by itself', async () => {
  for (const host of ['127.0.0.1', '::1']) {
    const port = await serve((socket) => { socket.pipe(socket) }, host)
    const stream = await openStream(port)
    const said = text(stream.readable)
    await stream.writer.write(new TextEncoder().encode('hello '))
    await stream.writer.write(new TextEncoder().encode('there'))
    await stream.writer.close()
    expect(await said).toBe('hello there')
    await stream.served
    expect(stream.traffic()).toBeGreaterThanOrEqual(3)
  }
})

test('carries much both ways with a slow reader, whole and in order', async () => {
  const port = await serve((socket) => { socket.pipe(socket) })
  const stream = await openStream(port)
  const block = crypto.getRandomValues(new Uint8Array(64 * 1024))
  const sent = new Bun.CryptoHasher('sha256')
  const sending = (async () => {
    for (let at = 0; at < 256; at++) {
      block[0] = at
      sent.update(block)
      await stream.writer.write(block.slice())
    }
    await stream.writer.close()
  })()
  const got = new Bun.CryptoHasher('sha256')
  let bytes = 0
  for await (const chunk of stream.readable) {
    got.update(chunk)
    bytes += chunk.length
    await Promise.resolve()
  }
  await sending
  expect(bytes).toBe(256 * block.length)
  expect(got.digest('hex')).toBe(sent.digest('hex'))
})

test('says that nothing listens', async () => {
  const port = await serve(() => {})
  await new Promise((resolve) => { servers.pop()?.close(resolve) })
  const stream = await openStream(port)
  await expect(text(stream.readable)).rejects.toThrow(`nothing listens on port ${port}`)
  await stream.served
})

test('lets go of the server when the viewer goes away', async () => {
  const closed = Promise.withResolvers<void>()
  const port = await serve((socket) => {
    socket.on('error', () => {})
    socket.on('close', () => { closed.resolve() })
    socket.write('x')
  })
  const stream = await openStream(port)
  const reader = stream.readable.getReader()
  await reader.read()
  await stream.writer.abort(new Error('gone'))
  await closed.promise
  await stream.served
})

test('lets go of a silent server when nobody reads its answer any more', async () => {
  const closed = Promise.withResolvers<void>()
  const port = await serve((socket) => {
    socket.on('error', () => {})
    socket.on('close', () => { closed.resolve() })
    socket.resume()
  })
  const stream = await openStream(port)
  await stream.writer.write(new TextEncoder().encode('a question'))
  await stream.writer.close()
  await stream.readable.cancel()
  await closed.promise
  await stream.served
})
