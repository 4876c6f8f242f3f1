/**
 * What a phone pays for a session page: every byte that crosses the wire with a cold cache, from the address to the
 * answer of the first tap, by the browser's own count (CDP encoded lengths), and where they went.
 */
import { afterAll, beforeAll, expect } from 'bun:test'
import { deflateRawSync } from 'node:zlib'
import type { StoredEvent, Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { CHROMIUM, PHONE, signIn, startWorld, test, type World } from './world.ts'

const BUDGET_BYTES = 50_000
/** Enough that the first drawing holds as many as it ever does. */
const EVENTS = 80
const CALLS = 30

let world: World
let long: Workspace
const link = async () => (await world.product.cli(['web', '--no-open'])).stdout.trim()

beforeAll(async () => {
  if (CHROMIUM === null) return
  const call = (at: number) => [{ text: `Step ${at}: looking at what module ${at} does before it is changed, because its callers are many.` }, { tool: 'bash', input: { command: `printf 'module ${at}: %s lines\\n' ${at * 37}; seq 1 ${at}` } }]
  world = await startWorld({ scenarios: { many: () => [...Array.from({ length: CALLS }, (_, at) => call(at + 1)), [{ text: 'All modules were looked at.' }]] } })
  long = await world.up('long', 'please do [[many]]', '--approvals', 'skip')
  await eventually(async () => (await world.ask<{ events: StoredEvent[] }>('GET', `/workspaces/${long.id}/events?after=${EVENTS}&limit=1000`)).events.some(({ body }) => body['text'] === 'All modules were looked at.'), 'the last word is said', 150_000)
}, 300_000)
afterAll(() => world?.close(), 120_000)

test('a session page costs at most 50,000 bytes until it answers a tap', async () => {
  const context = await world.browser.newContext(PHONE)
  const page = await context.newPage()
  await signIn(page, await link())
  await page.goto('about:blank')
  const session = await context.newCDPSession(page)
  await session.send('Network.enable')
  await session.send('Network.setCacheDisabled', { cacheDisabled: true })
  await session.send('Network.setBypassServiceWorker', { bypass: true })
  const urls = new Map<string, string>()
  const costs: { path: string; bytes: number }[] = []
  let packed = false
  let frames = 0
  let windowBits = 0
  let sent = Buffer.alloc(0)
  let strangers = 0
  session.on('Network.responseReceived', ({ requestId, response }) => urls.set(requestId, response.url))
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => void costs.push({ path: new URL(urls.get(requestId) ?? 'about:unknown').pathname, bytes: encodedDataLength }))
  session.on('Network.requestWillBeSent', ({ request }) => { if (!request.url.startsWith('data:') && new URL(request.url).origin !== new URL(long.webUrl).origin) strangers += 1 })
  // The browser shows frames unpacked; packed as the extension packs them, with the window that was agreed on over those
  // before, they are so large.
  session.on('Network.webSocketHandshakeResponseReceived', ({ response }) => {
    const said = response.headersText ?? JSON.stringify(response.headers)
    packed = /permessage-deflate/.test(said)
    windowBits = /server_no_context_takeover/.test(said) ? 0 : Number(/server_max_window_bits=(\d+)/.exec(said)?.[1] ?? 15)
  })
  session.on('Network.webSocketFrameReceived', ({ response: { payloadData } }) => {
    const payload = Buffer.from(payloadData)
    if (!packed || payload.length < 700) return void (frames += 4 + payload.length)
    frames += 4 + deflateRawSync(payload, windowBits > 0 && sent.length > 0 ? { windowBits, dictionary: sent } : {}).length
    sent = Buffer.concat([sent, payload]).subarray(-(2 ** windowBits))
  })
  await page.goto(long.webUrl)
  await page.getByText('All modules were looked at.').waitFor()
  await page.getByRole('button', { name: 'Actions' }).tap()
  await page.getByRole('dialog').getByText('Pause all').waitFor()
  const loaded = costs.reduce((sum, { bytes }) => sum + bytes, 0)
  console.log([...costs.map(({ path, bytes }) => `${String(bytes).padStart(7)}  ${path}`), `${String(frames).padStart(7)}  the socket, until then${packed ? ', packed' : ''}`, `${String(loaded + frames).padStart(7)}  together, of ${BUDGET_BYTES}`].join('\n'))
  expect(await page.getByRole('log').locator('.tool').count()).toBeGreaterThan(15)
  expect(strangers).toBe(0)
  expect(loaded).toBeGreaterThan(10_000)
  expect(loaded + frames).toBeLessThanOrEqual(BUDGET_BYTES)
  await context.close()
}, 120_000)

test('with scripts blocked the page is a readable status page', async () => {
  const context = await world.browser.newContext({ viewport: PHONE.viewport, javaScriptEnabled: false })
  const page = await context.newPage()
  await signIn(page, await link())
  expect(await page.locator('main').innerText()).toContain('long')
  await page.goto(long.webUrl)
  expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('long')
  expect(await page.getByRole('log').innerText()).toContain('All modules were looked at.')
  expect(await page.locator('.noscript').innerText()).toContain('Scripts are blocked')
  await context.close()
}, 60_000)
