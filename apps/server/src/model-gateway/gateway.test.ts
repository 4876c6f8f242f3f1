/** What a hostile workspace tries with its limit: it leaves before it is told what it used, and asks many times at once. */
import { afterEach, expect, test } from 'bun:test'
import type { KeptModelKey, ModelUse, SessionRow } from '@berth/core'
import type { OrgId, SessionId, UserId, WorkspaceId } from '@berth/wire'
import type { ModelBudget } from '@berth/wire/model-access'
import { createModelGateway } from './gateway.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => { for (const cleanup of cleanups.splice(0).toReversed()) await cleanup() })
const WORKSPACE = { id: 'ws_a' as WorkspaceId, orgId: 'org_a' as OrgId, creatorId: 'usr_a' as UserId, sessionId: 'ses_a' as SessionId, name: 'demo' }
const MODEL = 'claude-opus-5-5'
const sse = (data: { type: string }): string => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`
const START = sse({ type: 'message_start', message: { model: MODEL, usage: { input_tokens: 100, output_tokens: 1 } } } as { type: string })
const delta = (text: string): string => sse({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } } as { type: string })
const END = sse({ type: 'message_delta', usage: { output_tokens: 50 } } as { type: string })

/** A vendor that writes the pieces, each when it is asked for. */
function vendor(pieces: readonly string[] | ((nth: number) => readonly string[])) {
  let asked = 0
  const server = Bun.serve({
    port: 0, hostname: '127.0.0.1', idleTimeout: 0,
    fetch() {
      const mine = typeof pieces === 'function' ? pieces(asked) : pieces
      asked++
      let at = 0
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          const next = mine[at++]
          if (next === undefined) controller.close()
          else controller.enqueue(new TextEncoder().encode(next))
        },
      }, { highWaterMark: 0 })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    },
  })
  cleanups.push(() => server.stop(true))
  return { url: `http://127.0.0.1:${server.port}`, asked: () => asked }
}
function open(from: string | readonly KeptModelKey[], limitMicros: number | null, budget?: Omit<ModelBudget, 'usedMicros'>) {
  const told: string[] = []
  let toldOnce = false
  let time = 0
  const rows: ModelUse[] = []
  let waiting: (() => void)[] = []
  const store = {
    modelKeys: { inOrder: async () => ({ limitMicros, keys: typeof from === 'string' ? [{ name: null, baseUrl: from, key: 'k' }] : [...from] }), renewLogin: async (_: unknown, renew: (login: NonNullable<KeptModelKey['login']>) => Promise<KeptModelKey['login'] | null>) => { const kept = typeof from === 'string' ? undefined : from[0]?.login; return kept === undefined ? null : (await renew(kept)) ?? kept } },
    modelBudgets: { list: async () => (budget === undefined ? [] : [{ ...budget, usedMicros: 0 }]), put: async () => {}, tell: async () => !toldOnce && (toldOnce = true) },
    events: { append: async (_: unknown, events: readonly { body: unknown }[]) => { told.push(JSON.stringify(events)); return [] } },
    sessions: { list: async () => new Map([[WORKSPACE.id, [{ id: 'ses_bbbbbbbbbbbb' }] as unknown as readonly SessionRow[]]]) },
    modelUsage: {
      add: async (row: ModelUse) => { rows.push(row); waiting.forEach((go) => go()); waiting = [] },
      monthMicros: async () => rows.reduce((sum, { costMicros, unpricedTokens }) => sum + costMicros + unpricedTokens * 10, 0),
      costMicros: async () => rows.reduce((sum, { costMicros }) => sum + costMicros, 0),
    },
  }
  const gateway = createModelGateway({ store, clock: { now: () => time } as never, log: () => {} })
  const ask = (signal = new AbortController().signal, body: object = {}, session = '') => gateway(WORKSPACE, new Request(`http://link/model/${session}anthropic/v1/messages`, {
    method: 'POST', signal, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: MODEL, max_tokens: 1000, stream: true, messages: [], ...body }),
  }))
  const noted = async (count: number): Promise<ModelUse[]> => {
    while (rows.length < count) await new Promise<void>((go) => waiting.push(go))
    return rows
  }
  return { gateway, ask, noted, rows, told, at: (now: number) => { time = now } }
}

test('a stream that is broken off before its last line is counted for what it wrote', async () => {
  const { ask, noted } = open(vendor([START, ...Array.from({ length: 10 }, () => delta('0123456789'.repeat(3))), END]).url, null)
  const reader = (await ask()).body?.getReader()
  let text = ''
  while (!text.includes('0123456789'.repeat(3))) text += new TextDecoder().decode((await reader?.read())?.value)
  await reader?.cancel()
  const [row] = await noted(1)
  expect(row).toMatchObject({ model: MODEL, inputTokens: 100, requests: 1 })
  expect(row?.outputTokens).toBeGreaterThanOrEqual(10)
})

test('the limit holds for who never reads to the end', async () => {
  const limit = 100_000
  const server = vendor([START, ...Array.from({ length: 400 }, () => delta('x'.repeat(300)))])
  const { ask, noted, rows } = open(server.url, limit)
  let refused = 0
  for (let call = 0; refused === 0 && call < 500; call++) {
    const answer = await ask()
    if (answer.status !== 200) { refused = answer.status; break }
    const reader = answer.body?.getReader()
    for (let piece = 0; piece < 20; piece++) if ((await reader?.read())?.done !== false) break
    await reader?.cancel()
    await noted(call + 1)
  }
  expect(refused).toBe(403)
  const spent = rows.reduce((sum, { costMicros }) => sum + costMicros, 0)
  expect(spent).toBeGreaterThanOrEqual(limit)
  // The one call that passed it was written whole, by a vendor that has no need to think.
  expect(spent).toBeLessThan(limit + 400 * 100 * 20)
})

test('an answer is stopped at the limit in the vendor\'s words', async () => {
  const { ask, noted } = open(vendor([START, ...Array.from({ length: 5000 }, () => delta('y'.repeat(300))), END]).url, 50_000)
  const text = await (await ask()).text()
  expect(text).toStartWith(START)
  expect(text).toEndWith('\n\n')
  expect(JSON.parse(text.trimEnd().split('\n').at(-1)?.slice('data: '.length) ?? '')).toMatchObject({ type: 'error', error: { type: 'permission_error', message: expect.stringContaining('has used what it may, $0.05') } })
  const [row] = await noted(1)
  expect(row?.costMicros).toBeGreaterThan(50_000)
  // What came in one piece was written before anybody could stop it; all of it would be ten dollars.
  expect(row?.costMicros).toBeLessThan(5_000_000)
  expect((await ask()).status).toBe(403)
})

test('calls at once cannot pass the limit together', async () => {
  const server = vendor([START, delta('z'.repeat(30)), END])
  const { ask, noted, rows } = open(server.url, 25_000)
  const answers = await Promise.all(Array.from({ length: 30 }, () => ask(undefined, { max_tokens: 500 })))
  const begun = answers.filter(({ status }) => status === 200)
  const refused = answers.filter(({ status }) => status === 429)
  expect(begun.length + refused.length).toBe(30)
  expect(begun.length).toBeLessThanOrEqual(2)
  expect(refused[0]?.headers.get('retry-after')).toBe('2')
  expect(await refused[0]?.json()).toMatchObject({ type: 'error', error: { type: 'rate_limit_error' } })
  expect(server.asked()).toBe(begun.length)
  await Promise.all(begun.map((answer) => answer.text()))
  await noted(begun.length)
  expect(rows.every(({ outputTokens }) => outputTokens === 50)).toBe(true)
  expect((await ask()).status).toBe(200)
})

test('a call that is left before its answer came is counted for what it asked', async () => {
  const held = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch: () => new Promise<Response>(() => {}) })
  cleanups.push(() => held.stop(true))
  const { ask, noted } = open(`http://127.0.0.1:${held.port}`, null)
  const leave = new AbortController()
  const asking = ask(leave.signal, { messages: [{ role: 'user', content: 'w'.repeat(3000) }] })
  while (held.pendingRequests === 0) await Bun.sleep(1)
  leave.abort()
  expect((await asking).status).toBe(502)
  const [row] = await noted(1)
  expect(row?.inputTokens).toBeGreaterThan(1000)
  expect(row?.inputTokens).toBeLessThan(1200)
})

/** A vendor that refuses, and says how often it was asked and by whom. */
function refusing(status: number, headers: Record<string, string> = {}) {
  const keys: (string | null)[] = []
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: ({ headers: said }) => { keys.push(said.get('x-api-key') ?? said.get('authorization')); return Response.json({ type: 'error', error: { type: 'x', message: `no, ${status}` } }, { status, headers }) } })
  cleanups.push(() => server.stop(true))
  return { url: `http://127.0.0.1:${server.port}`, keys }
}

test('a key that is refused makes way for the next, and is passed over for a while', async () => {
  for (const status of [401, 429, 500, 529]) {
    const first = refusing(status, status === 429 ? { 'retry-after': '7' } : {})
    const second = vendor([START, END])
    const { ask, noted, at, told } = open([{ name: null, baseUrl: first.url, key: 'one' }, { name: 'backup', baseUrl: second.url, key: 'two' }], null)
    expect(await (await ask()).text()).toBe(START + END)
    expect((await noted(1))[0]).toMatchObject({ keyName: 'backup', estimated: 0 })
    await (await ask()).text()
    expect([first.keys, second.asked()]).toEqual([['one'], 2])
    expect(told).toEqual([expect.stringContaining(`Anthropic answered ${status} to the first key; the key backup is tried instead`)])
    at(status === 401 ? 300_000 : status === 429 ? 7000 : 30_000)
    await (await ask()).text()
    expect(first.keys).toHaveLength(2)
    expect(told).toHaveLength(2)
  }
})

test('what is no fault of the key, and what the last one is told, is the agent\'s answer', async () => {
  const first = refusing(400)
  const never = refusing(500)
  const { ask, rows } = open([{ name: null, baseUrl: first.url, key: 'one' }, { name: 'backup', baseUrl: never.url, key: 'two' }], null)
  expect((await ask()).status).toBe(400)
  expect(never.keys).toEqual([])
  const busy = refusing(429, { 'retry-after': '3' })
  const all = open([{ name: null, baseUrl: never.url, key: 'one' }, { name: 'backup', baseUrl: busy.url, key: 'two' }], null)
  const answer = await all.ask()
  expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toEqual([429, '3', { type: 'error', error: { type: 'x', message: 'no, 429' } }])
  expect((await all.ask()).status).toBe(429)
  expect(all.told).toHaveLength(1)
  expect(rows).toEqual([])
})

test('a login is renewed before it ends, and its token goes as a bearer\'s', async () => {
  const asked: string[] = []
  const tokens = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: async (request) => { asked.push(await request.text()); return Response.json({ access_token: 'fresh', expires_in: 100 }) } })
  cleanups.push(() => tokens.stop(true))
  const seen = refusing(400)
  const login = { accessToken: 'stale', refreshToken: 'again', expiresAt: 1000, tokenUrl: `http://127.0.0.1:${tokens.port}/token`, clientId: 'c' }
  const { ask } = open([{ name: 'max', baseUrl: seen.url, key: 'stale', login }], null)
  await ask()
  expect(seen.keys).toEqual(['Bearer fresh'])
  expect(asked).toEqual(['grant_type=refresh_token&refresh_token=again&client_id=c'])
  await tokens.stop(true)
  expect((await ask()).status).toBe(403)
})

test('the soft limit is told of once, the hard one of a month refuses, whatever the model costs', async () => {
  const { ask, noted, told } = open(vendor([sse({ type: 'message_start', message: { model: 'nobody-knows', usage: { input_tokens: 100, output_tokens: 1 } } } as { type: string }), END]).url, null, { scope: 'user', subject: 'usr_a', softMicros: 1000, hardMicros: 3000 })
  await (await ask(undefined, { model: 'nobody-knows' })).text()
  expect((await noted(1))[0]).toMatchObject({ costMicros: 0, unpricedTokens: 150 })
  await (await ask(undefined, { model: 'nobody-knows' })).text()
  await noted(2)
  const refused = await ask(undefined, { model: 'nobody-knows' })
  expect([refused.status, JSON.stringify(await refused.json())]).toEqual([403, expect.stringContaining('its owner has used this month what it may, $0.00')])
  expect(told).toHaveLength(1)
  expect(told[0]).toContain('the soft limit is $0.00')
})

test('Codex\'s question for a WebSocket is answered so that it goes on without one', async () => {
  const { gateway } = open('http://127.0.0.1:9', null)
  expect((await gateway(WORKSPACE, new Request('http://link/model/s-ses_000000000000/openai/v1/responses'))).status).toBe(426)
})

test('who asks for a stream that does not say what it used is counted all the same', async () => {
  const { ask, noted } = open(vendor([START, delta('a'.repeat(300))]).url, null)
  await (await ask()).text()
  expect((await noted(1))[0]?.outputTokens).toBeGreaterThanOrEqual(100)
})

test('what a session used is its own; one of another workspace counts for the main one', async () => {
  const { ask, noted } = open(vendor([START, END]).url, null)
  for (const session of ['s-ses_bbbbbbbbbbbb/', 's-ses_cccccccccccc/', '']) await (await ask(undefined, {}, session)).text()
  expect((await noted(3)).map(({ sessionId }) => String(sessionId))).toEqual(['ses_bbbbbbbbbbbb', 'ses_a', 'ses_a'])
})
