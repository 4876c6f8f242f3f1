/** What a hostile workspace says to the way out: names that lead inside, other names within, requests behind requests. */
import { afterEach, expect, test } from 'bun:test'
import { createServer, type Server } from 'node:net'
import type { WorkspaceId } from '@berth/wire'
import { isPublic, parseHead } from '@berth/providers/local'
import { readHello } from './hello.ts'
import type { Permission } from './permission.ts'
import { createEgress, type EgressDeps } from './proxy.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => { for (const cleanup of cleanups.splice(0).toReversed()) await cleanup() })
const ID = 'ws_a' as WorkspaceId
const LISTED: Permission = { may: true, listed: true }

/** What was said to it, of all connections. */
async function upstream(answer: string, at = { host: '127.0.0.1', port: 0 }) {
  const heard: string[] = []
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => { heard.push(bytes.toString('latin1')); socket.end(answer) })
  })
  await new Promise<void>((resolve) => { server.listen(at, resolve) })
  cleanups.push(() => server.close())
  const address = server.address()
  return { heard, port: typeof address === 'object' && address !== null ? address.port : 0 }
}
function way(permission: Permission | ((host: string) => Permission), names: Record<string, string> = { 'allowed.test': '127.0.0.1' }) {
  const refusals: string[] = []
  const asked: string[] = []
  const deps: EgressDeps = {
    store: { refused: async (_, { host, port, why }) => { refusals.push(`${host}:${port} ${why}`) } },
    permissions: { of: async (_, { host }) => { asked.push(host); return typeof permission === 'function' ? permission(host) : permission } },
    clock: { now: () => 0 } as never, log: () => {}, rules: { parseHead, isPublic }, names,
  }
  const egress = createEgress(deps)
  /** Says the pieces, and hears all of the answer; null: it was broken off. */
  const say = async (...pieces: (string | Uint8Array)[]): Promise<string | null> => {
    const [there, back] = [new TransformStream<Uint8Array, Uint8Array>(), new TransformStream<Uint8Array, Uint8Array>()]
    const broken = Promise.withResolvers<null>()
    const serving = egress(ID, { readable: there.readable, writable: back.writable, abort: () => broken.resolve(null) })
    const writer = there.writable.getWriter()
    void (async () => { for (const piece of pieces) await writer.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece) })().catch(() => {})
    const text = await Promise.race([new Response(back.readable).bytes().then((bytes) => Buffer.from(bytes).toString('latin1'), () => null), broken.promise])
    await writer.close().catch(() => {})
    await Promise.race([serving, broken.promise])
    return text
  }
  return { say, refusals, asked }
}

/** As a TLS client begins, made by one. */
async function clientHello(serverName: string): Promise<Uint8Array> {
  const { connect } = await import('node:tls')
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  const server = createServer((socket) => { socket.on('error', () => {}); socket.once('data', (bytes: Buffer) => { resolve(new Uint8Array(bytes)); socket.destroy() }) })
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
  cleanups.push(() => server.close())
  const address = server.address()
  connect({ host: '127.0.0.1', port: typeof address === 'object' && address !== null ? address.port : 0, ...(serverName === '' ? {} : { servername: serverName }), rejectUnauthorized: false }).on('error', () => {})
  return promise
}

test('the name that TLS asks for is read however it is cut', async () => {
  const hello = await clientHello('Allowed.test')
  expect(readHello(hello)).toEqual({ kind: 'name', name: 'allowed.test' })
  for (let length = 0; length < hello.length; length++) expect(['more', 'name']).toContain(readHello(hello.subarray(0, length)).kind)
  // In records of seven bytes.
  const parts: number[] = []
  for (let at = 5; at < hello.length; at += 7) { const piece = hello.subarray(at, at + 7); parts.push(0x16, 3, 1, 0, piece.length, ...piece) }
  expect(readHello(new Uint8Array(parts))).toEqual({ kind: 'name', name: 'allowed.test' })
  expect(readHello(new TextEncoder().encode('SSH-2.0-x')).kind).toBe('other')
  for (let seed = 0; seed < 2000; seed++) {
    const broken = new Uint8Array(hello)
    broken[(seed * 31) % broken.length] = seed & 255
    expect(['more', 'name', 'none', 'other']).toContain(readHello(broken).kind)
  }
})

test('a listed name is reached, on its port, and what is not for it is refused', async () => {
  const { heard, port } = await upstream('hello')
  const { say, refusals } = way((host) => host === 'allowed.test' ? LISTED : { may: false, why: 'no' })
  expect(await say(`CONNECT allowed.test:${port} HTTP/1.1\r\n\r\n`, 'inside')).toBe('HTTP/1.1 200 Connection established\r\n\r\nhello')
  expect(heard).toEqual(['inside'])
  expect(await say(`CONNECT other.test:${port} HTTP/1.1\r\n\r\n`)).toStartWith('HTTP/1.1 403 ')
  expect(refusals).toEqual([`other.test:${port} no`])
  for (const head of ['GET / HTTP/1.1\r\n\r\n', 'CONNECT x HTTP/1.1\r\n\r\n', '\0\r\n\r\n', 'GET https://allowed.test/ HTTP/1.1\r\n\r\n']) expect(await say(head)).toStartWith('HTTP/1.1 400 ')
  expect(await say('x'.repeat(40_000))).toStartWith('HTTP/1.1 431 ')
})

test('no address of the host or its networks is reached, by number or by a name that leads there, and nobody is asked', async () => {
  const { port } = await upstream('secret')
  const { say, refusals, asked } = way(LISTED, {})
  for (const host of ['127.0.0.1', '[::1]', '169.254.169.254', '10.0.0.1', '[fd00:ec2::254]', '[::ffff:127.0.0.1]', '0.0.0.0', '192.168.0.1']) expect([host, (await say(`CONNECT ${host}:${port} HTTP/1.1\r\n\r\n`))?.slice(9, 12)]).toEqual([host, '403'])
  expect(asked).toEqual([])
  // A name that was allowed and leads inside: that is what rebinding comes to.
  expect(await say(`CONNECT localhost:${port} HTTP/1.1\r\n\r\n`)).toStartWith('HTTP/1.1 403 ')
  expect(refusals.at(-1)).toBe(`localhost:${port} there is no such host on the public internet`)
  // Other ways to write an address are names that nobody knows, or what they stand for.
  for (const host of ['2130706433', '0x7f000001', '0177.0.0.1', '127.1']) expect([host, (await say(`CONNECT ${host}:${port} HTTP/1.1\r\n\r\n`))?.slice(9, 12)]).toEqual([host, '403'])
})

test.skipIf(process.getuid?.() !== 0)('on the port of https the name inside is the one that was allowed', async () => {
  const host = `127.77.${process.pid % 200}.1`
  const { heard } = await upstream('hello', { host, port: 443 })
  const { say } = way(LISTED, { 'allowed.test': host })
  // Control: the right one is let through, also in two pieces.
  const right = await clientHello('allowed.test')
  expect(await say('CONNECT allowed.test:443 HTTP/1.1\r\n\r\n', right.subarray(0, 20), right.subarray(20))).toEndWith('hello')
  const before = heard.length
  for (const first of [await clientHello('other.test'), await clientHello(''), new TextEncoder().encode('GET / HTTP/1.1\r\nHost: other.test\r\n\r\n')]) expect(await say('CONNECT allowed.test:443 HTTP/1.1\r\n\r\n', first)).toBeNull()
  expect(heard).toHaveLength(before)
})

test('a plain request is one request, to the host that was looked at', async () => {
  const { heard, port } = await upstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const { say } = way(LISTED)
  const at = `http://allowed.test:${port}`
  expect(await say(`POST ${at}/a HTTP/1.1\r\nHost: other.test\r\nHOST : x\r\nContent-Length: 3\r\n\r\nabcGET ${at}/b HTTP/1.1\r\nHost: other.test\r\n\r\n`)).toEndWith('ok')
  expect(heard.join('')).toBe(`POST /a HTTP/1.1\r\nHost: allowed.test:${port}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc`)
  for (const head of ['Transfer-Encoding: chunked', 'Content-Length: 1\r\nContent-Length: 2', 'Content-Length: +1', 'Upgrade: websocket']) expect([head, (await say(`POST ${at}/ HTTP/1.1\r\n${head}\r\n\r\n`))?.slice(9, 12)]).toEqual([head, '501'])
})
