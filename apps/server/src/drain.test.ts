import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { createClient } from '@berth/client'
import { openTestDatabase, type TestDatabase } from '@berth/store/testing'
import { parseMetrics } from './metrics/testing.ts'
import { startHarness } from './test/harness.ts'
import type { Harness } from './test/harness.ts'

setDefaultTimeout(60_000)
let b: Harness | null = null
const underWay = async (of: Harness): Promise<number> => Number(/^berth_http_requests_pending (\S+)/m.exec(await (await of.fetch('/metrics')).text())?.[1])
// Holds the cluster of the test databases from one server to the next.
let held: TestDatabase
beforeAll(async () => { held = await openTestDatabase() })
afterAll(() => held?.close())
afterEach(async () => {
  await b?.close()
  b = null
})

test('is alive and ready, by any name, and says so no more when it goes away', async () => {
  b = await startHarness({ publicUrl: 'https://berth.example.org' })
  const { server } = b
  const ask = (path: string) => fetch(`${server.url}${path}`, { headers: { host: '10.1.2.3' } })
  expect(await (await ask('/healthz')).json()).toEqual({ alive: true })
  const ready = await ask('/readyz')
  expect([ready.status, await ready.json()]).toEqual([200, { ready: true, checks: { database: true, migrations: true, links: true, accepting: true } }])
  // What else is asked by such a name is refused as before.
  expect((await ask('/health')).status).toBe(403)
})

test('what was begun is finished, streams end where they can go on, and nothing new is taken', async () => {
  b = await startHarness()
  const { server } = b
  const workspace = await b.create()
  const stream = await b.fetch(`/api/v1/workspaces/${workspace.id}/stream?offset=-1&live=sse`)
  const poll = b.fetch(`/api/v1/workspaces/${workspace.id}/stream?offset=now&live=long-poll`)
  const reader = stream.body?.getReader()
  expect((await reader?.read())?.done).toBe(false)
  // An upload whose end has not come yet.
  const rest = Promise.withResolvers<void>()
  const upload = b.fetch(`/api/v1/workspaces/${workspace.id}/messages`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode('{"text":"before '))
        await rest.promise
        controller.enqueue(new TextEncoder().encode('and after"}'))
        controller.close()
      },
    }),
  })
  // What waits to be accepted is not begun: the stream, this question, the upload and, unless an event answered it, the poll are.
  let answered = 0
  void poll.then(() => { answered = 1 })
  while ((await underWay(b)) < 4 - answered) await Bun.sleep(10)
  const stopping = server.stop()
  const ends = async (): Promise<boolean> => { for (;;) if ((await reader?.read())?.done !== false) return true }
  expect(await ends()).toBe(true)
  expect([200, 204]).toContain((await poll).status)
  await expect(fetch(`${server.url}/healthz`)).rejects.toThrow()
  rest.resolve()
  const answer = await upload
  expect(answer.status).toBeLessThan(500)
  expect(answer.headers.get('connection')).toBe('close')
  await stopping
})

test('a balancer is told before nothing new is taken', async () => {
  b = await startHarness({ drainNoticeSeconds: 1 })
  const { server } = b
  const stopping = server.stop()
  const seen = async (): Promise<number> => (await fetch(`${server.url}/readyz`)).status
  while ((await seen()) === 200);
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  await createClient({ url: server.url, token: server.token }).listWorkspaces({})
  await stopping
})

test('metrics are for owners of the server, in two texts that parsers take', async () => {
  b = await startHarness()
  await b.create()
  const { server } = b
  expect((await fetch(`${server.url}/metrics`)).status).toBe(401)
  const text = await b.fetch('/metrics')
  expect(text.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const open = await b.fetch('/metrics', { headers: { accept: 'application/openmetrics-text; version=1.0.0' } })
  const samples = await parseMetrics({ prometheus: await text.text(), openmetrics: await open.text() })
  expect(samples.filter(({ name }) => name === 'berth_workspaces').reduce((sum, { value }) => sum + value, 0)).toBe(1)
  expect(samples).toContainEqual({ name: 'berth_links', labels: {}, value: 0 })
  expect(samples.find(({ name, labels }) => name === 'berth_http_request_seconds_count' && labels['route'] === '/api/v1/workspaces' && labels['method'] === 'POST')).toMatchObject({ value: 1 })
  expect(samples.some(({ name }) => name === 'process_resident_memory_bytes')).toBe(true)
})
