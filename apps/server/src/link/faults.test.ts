/** Bad peers and bad networks: each costs its own link and nothing else. */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { createServer, connect } from 'node:net'
import type { Socket } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomIds } from '@berth/wire'
import { ENROL_PATH, LINK_CLOSE, LINK_MESSAGE_LIMIT } from '@berth/wire/daemon'
import type { ToDaemon } from '@berth/wire/daemon'
import { sendHttp } from '@berth/wire/http-stream'
import { createMux } from '@berth/wire/mux'
import type { Mux } from '@berth/wire/mux'
import { assignmentOf, failure, harness, message, textsOf, until } from './test/harness.ts'
import type { Harness } from './test/harness.ts'
import { hello, rawPeer, tokenOf } from './test/raw-peer.ts'
import type { RawPeer } from './test/raw-peer.ts'

// Every wait below is for an event; this is only for a machine that is busy with something else.
setDefaultTimeout(60_000)
const open: Harness[] = []
const cleanups: (() => void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) cleanup()
  for (const h of open.splice(0)) await h.stop()
})
async function start(...args: Parameters<typeof harness>): Promise<Harness> { const h = await harness(...args); open.push(h); return h }

async function raw(h: Harness, token: string): Promise<RawPeer> {
  const peer = await rawPeer(h, token)
  cleanups.push(() => { peer.socket.close() })
  return peer
}

test('the newest link wins; the older one is fenced and waits long', async () => {
  const h = await start({ over: 'tcp' })
  const a = await h.daemon()
  const id = a.boot.workspaceId
  await until('connected', () => a.link.connected)
  const token = h.store.backup().match(/link-token-\d+/)?.[0] ?? ''
  const second = await raw(h, token)
  second.say(hello(id))
  await until('welcomed', () => second.texts.some((text) => text.includes('"welcome"')))
  await until('the first is off', () => !a.link.connected)
  await until('it was told why', () => a.log.some((line) => line.includes('a newer link took over')))
  expect([h.server.daemons.count(), h.server.daemons.connected(id)]).toEqual([1, true])
  // What the fenced one journals meanwhile is not written under its old epoch.
  second.say({ type: 'events', epoch: 1, journalId: 'j', entries: [{ n: 1, id: randomIds.event(), ageMs: 0, body: { type: 'x' } }] })
  expect(await second.closed).toBe(LINK_CLOSE.fenced)
  expect(h.store.events(id)).toEqual([])
})

test('an unknown token is rejected, and the daemon gives up', async () => {
  const h = await start({ over: 'tcp' })
  expect(await (await raw(h, 'nonsense')).closed).toBe(LINK_CLOSE.rejected)
  const d = await h.daemon({ bootToken: 'never-issued' })
  await d.rejected
  expect(d.link.connected).toBe(false)
  expect((await fetch(h.listener.url + ENROL_PATH, { method: 'POST', body: 'x'.repeat(100_000) })).status).toBe(413)
  expect((await fetch(h.listener.url + ENROL_PATH, { method: 'POST', body: '{}' })).status).toBe(400)
  expect((await fetch(`${h.listener.url}/api/v1/workspaces`)).status).toBe(404)
})

test('a machine no longer wanted is rejected when it comes back', async () => {
  const h = await start()
  const d = await h.daemon()
  await until('connected', () => d.link.connected)
  h.store.unwant(d.boot.workspaceId)
  await h.restartServer()
  await d.rejected
})

test('a stored token that is no longer good is replaced by enrolling with the boot token', async () => {
  const h = await start()
  const a = await h.daemon()
  await until('connected', () => a.link.connected)
  await a.stop()
  writeFileSync(join(a.boot.stateDir, 'link-token.json'), JSON.stringify({ workspaceId: a.boot.workspaceId, generation: 1, linkToken: 'stale' }))
  const b = await h.daemon({ workspaceId: a.boot.workspaceId, dir: a.boot.stateDir })
  await until('connected again', () => b.link.connected)
})

test('another machine\'s token, an old protocol and a wrong generation are told apart', async () => {
  const h = await start({ over: 'tcp' })
  const id = randomIds.workspace()
  const token = await tokenOf(h, id)
  for (const [more, code] of [[{ workspaceId: randomIds.workspace() }, LINK_CLOSE.rejected], [{ generation: 2 }, LINK_CLOSE.rejected], [{ protocol: 0 }, LINK_CLOSE.incompatible]] as const) {
    const peer = await raw(h, token)
    peer.say(hello(id, more))
    expect(await peer.closed).toBe(code)
  }
  expect(h.store.openEpochs.size).toBe(0)
})

test('a payload goes apart from its head only to a daemon that knows that', async () => {
  const body = new Uint8Array(50_000).fill(7)
  const inOnePiece = (): ReadableStream => new ReadableStream({
    start(controller) {
      controller.enqueue(body.slice())
      controller.close()
    },
  })
  const h = await start({ over: 'tcp', deps: { linkHttp: () => Promise.resolve(new Response(inOnePiece())) } })
  for (const protocol of [1, 2]) {
    const id = randomIds.workspace()
    const peer = await raw(h, await tokenOf(h, id))
    peer.socket.binaryType = 'arraybuffer'
    const mux = createMux({ role: 'daemon', send: (frame) => { peer.socket.send(frame as Uint8Array<ArrayBuffer>) }, onOpen: () => {} })
    const large: number[] = []
    peer.socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (!(data instanceof ArrayBuffer)) return
      if (data.byteLength >= body.length) large.push(data.byteLength)
      mux.receive(new Uint8Array(data))
    })
    peer.say(hello(id, { protocol }))
    await until('welcome', () => peer.texts.some((text) => text.includes('"welcome"')))
    const answer = await sendHttp(await mux.open({ service: 'http' }), { method: 'GET', path: '/git/x' })
    expect(Buffer.compare(await answer.bytes(), body)).toBe(0)
    expect(large).toEqual([protocol === 1 ? 5 + body.length : body.length])
  }
})

test('nor to a server that does not', async () => {
  const h = await start()
  const body = new Uint8Array(50_000).fill(7)
  for (const protocol of [1, 2]) {
    const large: number[] = []
    const carried = Promise.withResolvers<Uint8Array>()
    let mux: Mux | null = null
    const server = Bun.serve({
      hostname: '127.0.0.1', port: 0,
      fetch: (request, self) => (new URL(request.url).pathname === ENROL_PATH ? Response.json({ linkToken: 'token' }) : self.upgrade(request, { data: undefined }) ? undefined : new Response(null, { status: 400 })),
      websocket: {
        open(socket) { mux = createMux({ role: 'server', send: (frame) => { socket.sendBinary(frame as Uint8Array<ArrayBuffer>) }, onOpen: () => {} }) },
        message(socket, data) {
          if (typeof data !== 'string') {
            if (data.length >= body.length) large.push(data.length)
            return mux?.receive(data)
          }
          if ((JSON.parse(data) as { type: string }).type !== 'hello') return
          const welcome: ToDaemon = { type: 'welcome', protocol, epoch: 1, serverVersion: 'test', journal: { do: 'continue', ackedN: 0 }, assignment: assignmentOf(randomIds.workspace()) }
          socket.send(JSON.stringify(welcome))
          void mux?.open({ service: 'tcp', port: 1 }).then((stream) => new Response(stream.readable as ReadableStream<Uint8Array<ArrayBuffer>>).bytes()).then(carried.resolve, carried.reject)
        },
      },
    })
    cleanups.push(() => { void server.stop(true) })
    await h.daemon({ linkUrl: `http://127.0.0.1:${server.port}`, onStream(_, stream) {
      const direct = stream.direct({ onBytes() {}, onRoom() {}, onOver() {} })
      expect(direct.write(body)).toBe(body.length)
      direct.end()
    } })
    expect(Buffer.compare(await carried.promise, body)).toBe(0)
    expect(large).toEqual([protocol === 1 ? 5 + body.length : body.length])
  }
})

/** A frame of the mux as its peer may write it. */
function frameOf(type: number, id: number, payload: Uint8Array | string = ''): Uint8Array<ArrayBuffer> {
  const frame = Buffer.concat([new Uint8Array(5), Buffer.from(payload)])
  frame[0] = type
  frame.writeUInt32BE(id, 1)
  return new Uint8Array(frame)
}
const OPEN = 1, DATA = 2, FIN = 4, RST = 5, APART = 6
const ONE = 1, OTHER = 3
const head = frameOf(APART, ONE)
const large = new Uint8Array(64 * 1024).fill(7)
const open2 = frameOf(OPEN, 2, '{"service":"http"}')
/** What a daemon says, and what comes of it: what the stream that it speaks of reads, or why that is over, or that its link is. */
const APARTS: Record<string, { says: (Uint8Array<ArrayBuffer> | string)[]; comes: Uint8Array | string | typeof LINK_CLOSE.garbage }> = {
  'bytes that look like an OPEN': { says: [head, open2], comes: open2 },
  'another APART': { says: [head, frameOf(APART, OTHER)], comes: frameOf(APART, OTHER) },
  'a text, and then the payload': { says: [head, '{"type":"pong"}', large], comes: large },
  'the payload of a stream that was never opened, by either side': { says: [frameOf(APART, 2), open2, frameOf(APART, 99), large, frameOf(DATA, ONE, 'x')], comes: Buffer.from('x') },
  'more after its end': { says: [frameOf(FIN, ONE), head, large], comes: 'data after the end' },
  'the payload of a stream that it reset': { says: [frameOf(RST, ONE, 'enough'), head, large], comes: 'enough' },
  'more than the window': { says: Array.from({ length: 17 }, () => [head, large]).flat(), comes: 'window exceeded' },
  'nothing': { says: [head, new Uint8Array(0)], comes: LINK_CLOSE.garbage },
  'too much': { says: [head, new Uint8Array(64 * 1024 + 1)], comes: LINK_CLOSE.garbage },
  'as much as a message holds': { says: [head, new Uint8Array(LINK_MESSAGE_LIMIT)], comes: LINK_CLOSE.garbage },
  'an APART of no stream': { says: [frameOf(APART, 0), large], comes: LINK_CLOSE.garbage },
  'an APART with something in it': { says: [frameOf(APART, ONE, 'x'), large], comes: LINK_CLOSE.garbage },
}

test('what a daemon sends apart is its stream\'s and nobody else\'s, or ends its own link', async () => {
  let asked = 0
  const h = await start({ over: 'tcp', deps: { linkHttp: () => { asked += 1; return Promise.resolve(new Response('ok')) } } })
  const good = await h.daemon({ onStream(_, stream) { stream.readable.pipeTo(stream.writable).catch(() => {}) } })
  await until('connected', () => good.link.connected)
  const echo = await h.server.daemons.openStream(good.boot.workspaceId, { service: 'tcp', port: 1 })
  const [to, from] = [echo.writable.getWriter(), echo.readable.getReader()]
  for (const [what, { says, comes }] of Object.entries(APARTS)) {
    const id = randomIds.workspace()
    const peer = await raw(h, await tokenOf(h, id))
    peer.say(hello(id, { protocol: 2 }))
    await until('welcome', () => h.server.daemons.connected(id))
    const [one, other] = [await h.server.daemons.openStream(id, { service: 'tcp', port: 1 }), await h.server.daemons.openStream(id, { service: 'tcp', port: 2 })]
    for (const message of says) peer.socket.send(message)
    // Behind them all, on a stream of its own.
    peer.socket.send(frameOf(DATA, OTHER, 'still there'))
    const behind = await other.readable.getReader().read().catch((error: { code: string }) => error.code)
    if (comes === LINK_CLOSE.garbage) expect([what, behind, await peer.closed]).toEqual([what, 'daemon_unreachable', comes])
    else expect([what, behind]).toEqual([what, { done: false, value: Buffer.from('still there') }])
    // Of a stream that is over nothing more is read, not even what had come.
    const read = await one.readable.getReader().read().then(({ value }) => value, (error: Error) => error)
    if (comes instanceof Uint8Array) expect([what, Buffer.compare(read as Uint8Array, comes)]).toEqual([what, 0])
    else expect([what, read]).toMatchObject([what, comes === LINK_CLOSE.garbage ? { code: 'daemon_unreachable' } : { code: 'cancelled', message: comes }])
    await to.write(Buffer.from(what))
    expect(Buffer.from((await from.read()).value ?? []).toString()).toBe(what)
    peer.socket.close()
    await peer.closed
  }
  expect([asked, h.server.daemons.count()]).toEqual([0, 1])
})

test('garbage closes its own link and costs the others nothing', async () => {
  const h = await start({ over: 'tcp' })
  const good = await h.daemon()
  await until('connected', () => good.link.connected)
  const id = randomIds.workspace()
  const token = await tokenOf(h, id)
  const garbage: ((peer: RawPeer) => void)[] = [
    (peer) => { peer.socket.send('not json') },
    (peer) => { peer.socket.send('[]') },
    (peer) => { peer.socket.send(new Uint8Array([1, 2, 3])) },
    (peer) => { peer.say({ type: 'events', epoch: 0, journalId: 'j', entries: [] }) },
    (peer) => { peer.say({ type: 'hello' }) },
    (peer) => { peer.say(hello(id)); peer.say(hello(id)) },
  ]
  for (const send of garbage) {
    const peer = await raw(h, token)
    send(peer)
    expect(await peer.closed).toBe(LINK_CLOSE.garbage)
  }
  const late = await raw(h, token)
  late.say(hello(id))
  await until('welcomed', () => late.texts.length > 0)
  late.say({ type: 'of a newer version', x: 1 })
  late.socket.send(new Uint8Array([9, 0, 0, 0, 1]))
  expect(await late.closed).toBe(LINK_CLOSE.garbage)
  const large = await raw(h, token)
  large.socket.send('x'.repeat(LINK_MESSAGE_LIMIT + 1))
  expect(await large.closed).not.toBe(1000)
  expect(good.link.connected).toBe(true)
  expect(h.server.daemons.count()).toBe(1)
  await until('all closed in the store', () => h.store.openEpochs.size === 1)
})

test('a half-open link is noticed by both ends', async () => {
  const h = await start({ over: 'tcp', deps: { pingMs: 40 } })
  const sockets: Socket[] = []
  const { port } = new URL(h.listener.url)
  let dead = false
  const proxy = createServer((near) => {
    const far = connect(Number(port), '127.0.0.1')
    sockets.push(near, far)
    for (const [from, to] of [[near, far], [far, near]] as const) {
      from.on('data', (chunk) => { if (!dead) to.write(chunk) })
      from.on('error', () => {})
      from.on('close', () => { if (!dead) to.destroy() })
    }
  })
  await new Promise<void>((resolve) => { proxy.listen(0, '127.0.0.1', resolve) })
  cleanups.push(() => { proxy.close(); for (const socket of sockets) socket.destroy() })
  const address = proxy.address()
  const d = await h.daemon({ linkUrl: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, timings: { silenceMs: 150 } })
  const id = d.boot.workspaceId
  await until('connected', () => h.server.daemons.connected(id))
  await until('seen', () => h.store.seenCount > 0)
  dead = true
  await until('the server noticed', () => !h.server.daemons.connected(id))
  await until('the daemon noticed', () => d.log.some((line) => line.includes('fell silent')))
  dead = false
  await until('connected again', () => h.server.daemons.connected(id))
})

test('a draining server sends its daemons away, and they come back to the next one', async () => {
  const h = await start()
  const d = await h.daemon()
  await until('connected', () => d.link.connected)
  const calling = h.server.daemons
  await h.server.drain()
  expect(calling.count()).toBe(0)
  await h.restartServer()
  d.journal.append(message('after'))
  await until('stored', () => textsOf(h.store.events(d.boot.workspaceId)).includes('after'))
})

test('an assignment changed while it was being read is sent again', async () => {
  const gates: (() => void)[] = []
  let name = 'old'
  const h = await start({ deps: { assignmentFor: async (id) => { const now = name; await new Promise<void>((resolve) => { gates.push(resolve) }); return assignmentOf(id, now) } } })
  const d = await h.daemon()
  await until('reading', () => gates.length === 1)
  name = 'new'
  await h.server.daemons.reassign(d.boot.workspaceId)
  gates[0]?.()
  await until('reading again', () => gates.length === 2)
  gates[1]?.()
  await until('both arrived', () => d.assignments.length === 2)
  expect(d.assignments.map((assignment) => assignment.name)).toEqual(['old', 'new'])
})

test('a stalled stream bounds both ends, and calls and other streams go on beside it', async () => {
  const h = await start()
  let written = 0
  const d = await h.daemon({
    calls: { 'session.interrupt': () => Promise.resolve({ interrupted: true }) },
    onStream(what, stream) {
      if (what.service === 'terminal') return void stream.readable.pipeTo(stream.writable).catch(() => {})
      const endless = new ReadableStream<Uint8Array>({ pull(controller) { written += 65_536; controller.enqueue(new Uint8Array(65_536)) } }, { highWaterMark: 0 })
      endless.pipeTo(stream.writable).catch(() => {})
    },
  })
  const id = d.boot.workspaceId
  await until('connected', () => h.server.daemons.connected(id))
  const stalled = await h.server.daemons.openStream(id, { service: 'tcp', port: 1 })
  const bulk = await h.server.daemons.openStream(id, { service: 'tcp', port: 2 })
  const reader = bulk.readable.getReader()
  let got = 0
  while (got < 64 * 1024 * 1024) got += (await reader.read()).value?.length ?? Infinity
  // Nobody read the first one: all it ever sent is its first window and what waits in the pipe.
  expect(written - got).toBeLessThan(1.5 * 1024 * 1024 + 4 * 1024 * 1024)
  const echo = await h.server.daemons.openStream(id, { service: 'terminal', terminalId: 't', cols: 80, rows: 24, mode: 'control' })
  const writer = echo.writable.getWriter()
  await writer.write(new TextEncoder().encode('key'))
  expect(new TextDecoder().decode((await echo.readable.getReader().read()).value)).toBe('key')
  expect(await h.server.daemons.call(id, 'session.interrupt', {}, { withinMs: 5000 })).toEqual({ interrupted: true })
  stalled.abort('end of test')
  bulk.abort('end of test')
  await h.restartServer()
  expect(await failure(echo.writable.getWriter === undefined ? Promise.resolve() : writer.closed)).toMatchObject({ code: 'daemon_unreachable' })
})

test('a daemon that reads nothing is cut off before it costs much memory', async () => {
  const h = await start({ over: 'tcp' })
  const id = randomIds.workspace()
  const token = await tokenOf(h, id)
  const { port } = new URL(h.listener.url)
  const socket = connect(Number(port), '127.0.0.1')
  cleanups.push(() => { socket.destroy() })
  socket.on('error', () => {})
  socket.write(`GET /link/v1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  await new Promise((resolve) => { socket.once('data', resolve) })
  const text = Buffer.from(JSON.stringify(hello(id)))
  const head = Buffer.alloc(8)
  head[0] = 0x81; head[1] = 0x80 | 126; head.writeUInt16BE(text.length, 2)
  socket.write(Buffer.concat([head, text])) // The mask is zero.
  await until('welcomed', () => h.server.daemons.connected(id))
  socket.pause()
  const before = process.memoryUsage().rss
  const reason = 'x'.repeat(500_000)
  const calls: Promise<unknown>[] = []
  for (let i = 0; i < 60; i += 1) calls.push(failure(h.server.daemons.call(id, 'logs.read', { source: reason }, { withinMs: 60_000 })))
  await Promise.all(calls)
  expect(h.server.daemons.connected(id)).toBe(false)
  expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1024 * 1024)
})
