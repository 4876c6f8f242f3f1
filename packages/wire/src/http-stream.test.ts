import { expect, test } from 'bun:test'
import { sendHttp, serveHttp } from './http-stream.ts'
import { BerthError } from './errors.ts'
import { createMux } from './mux.ts'
import type { Mux, MuxStream } from './mux.ts'

/** Two muxes joined directly; every stream the daemon opens is served by `handler`. */
function joined(handler: (request: Request) => Promise<Response>): { daemon: Mux; server: Mux; served: Promise<void>[] } {
  const served: Promise<void>[] = []
  const server: Mux = createMux({ role: 'server', send: (frame) => { daemon.receive(frame.slice()) }, onOpen: (_, stream) => { served.push(serveHttp(stream, handler)) } })
  const daemon: Mux = createMux({ role: 'daemon', send: (frame) => { server.receive(frame.slice()) }, onOpen: () => {} })
  return { daemon, server, served }
}
async function settled(link: { daemon: Mux; server: Mux; served: Promise<void>[] }): Promise<void> {
  await Promise.all(link.served)
  while (link.daemon.streams + link.server.streams > 0) await new Promise((resolve) => setImmediate(resolve))
}
const open = (mux: Mux): Promise<MuxStream> => mux.open({ service: 'http' })

test('carries method, path, headers and both bodies', async () => {
  const link = joined(async (request) => new Response(`${request.method} ${new URL(request.url).pathname}${new URL(request.url).search} ${request.headers.get('x-a')} ${await request.text()}`, { status: 201, headers: [['set-cookie', 'a=1'], ['set-cookie', 'b=2'], ['connection', 'close']] }))
  const response = await sendHttp(await open(link.daemon), { method: 'post', path: '/git/x?y=1', headers: { 'x-a': 'v' }, body: 'hello' })
  expect(response.status).toBe(201)
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  expect(response.headers.get('connection')).toBeNull()
  expect(await response.text()).toBe('POST /git/x?y=1 v hello')
  await settled(link)
})

test('streams large bodies both ways at once', async () => {
  const link = joined((request) => Promise.resolve(new Response(request.body)))
  const size = 20 * 1024 * 1024
  let sent = 0
  const body = new ReadableStream<Uint8Array>({ pull(controller) { if (sent >= size) return controller.close(); controller.enqueue(new Uint8Array(100_000).fill(sent & 255)); sent += 100_000 } }, { highWaterMark: 0 })
  const response = await sendHttp(await open(link.daemon), { method: 'POST', path: '/echo', body })
  let got = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) got += chunk.length
  expect(got).toBe(sent)
  await settled(link)
})

test('an answer that comes before the request has ended is read, and ends the sending', async () => {
  const link = joined(() => Promise.resolve(new Response('too big', { status: 413 })))
  let cancelled = false
  const endless = new ReadableStream<Uint8Array>({ pull(controller) { controller.enqueue(new Uint8Array(64 * 1024)) }, cancel() { cancelled = true } }, { highWaterMark: 0 })
  const response = await sendHttp(await open(link.daemon), { method: 'POST', path: '/x', body: endless })
  expect([response.status, await response.text()]).toEqual([413, 'too big'])
  await settled(link)
  expect(cancelled).toBe(true)
})

test('a refusal becomes its status and body; a bug says nothing of itself', async () => {
  const link = joined((request) => Promise.reject(request.url.endsWith('/bug') ? new Error('password hunter2') : new BerthError('not_found', 'no such repository')))
  const refused = await sendHttp(await open(link.daemon), { method: 'GET', path: '/x' })
  expect([refused.status, await refused.json()]).toEqual([404, { code: 'not_found', message: 'no such repository' }])
  const bug = await sendHttp(await open(link.daemon), { method: 'GET', path: '/bug' })
  expect(bug.status).toBe(500)
  expect(await bug.text()).not.toContain('hunter2')
  await settled(link)
})

test('bodiless answers, and HEAD', async () => {
  const link = joined((request) => Promise.resolve(request.method === 'HEAD' ? new Response('ignored', { headers: { etag: 'x' } }) : new Response(null, { status: 304 })))
  expect((await sendHttp(await open(link.daemon), { method: 'GET', path: '/' })).status).toBe(304)
  const head = await sendHttp(await open(link.daemon), { method: 'HEAD', path: '/' })
  expect([head.status, head.headers.get('etag'), head.body]).toEqual([200, 'x', null])
  await settled(link)
})

test('garbage instead of a head ends the exchange and nothing else', async () => {
  const link = joined(() => Promise.resolve(new Response('ok')))
  for (const garbage of [new Uint8Array([255, 255, 255, 255, 1]), new Uint8Array([0, 0, 0, 2, 123, 125]), new Uint8Array([0, 0, 0, 9, 1]), new Uint8Array(0)]) {
    const stream = await open(link.daemon)
    const writer = stream.writable.getWriter()
    if (garbage.length > 0) await writer.write(garbage)
    await writer.close().catch(() => {})
    await expect(stream.readable.getReader().read()).rejects.toBeInstanceOf(BerthError)
  }
  expect(await (await sendHttp(await open(link.daemon), { method: 'GET', path: '/' })).text()).toBe('ok')
  await settled(link)
})

test('an asker that goes away aborts the handler', async () => {
  const aborted = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  const link = joined((request) => new Promise(() => { started.resolve(); request.signal.addEventListener('abort', () => { aborted.resolve() }) }))
  const abort = new AbortController()
  const asking = sendHttp(await open(link.daemon), { method: 'GET', path: '/', signal: abort.signal })
  await started.promise
  abort.abort()
  await expect(asking).rejects.toBeInstanceOf(BerthError)
  await aborted.promise
})

test('a handler that wants no more of the request still gets its whole answer across', async () => {
  const text = 'x'.repeat(300_000)
  const link = joined(async (request) => {
    const reader = request.body?.getReader()
    await reader?.read()
    // What a child process does that answers and ends before it saw the end of its input.
    await reader?.cancel()
    return new Response(text)
  })
  const ending = Promise.withResolvers<void>()
  const body = new ReadableStream<Uint8Array>({
    start(controller) { controller.enqueue(new TextEncoder().encode('want')) },
    async pull(controller) {
      await ending.promise
      controller.close()
    },
  })
  const response = await sendHttp(await open(link.daemon), { method: 'POST', path: '/git/git-upload-pack', body })
  const answer = response.text()
  ending.resolve()
  expect((await answer).length).toBe(text.length)
  await settled(link)
})
