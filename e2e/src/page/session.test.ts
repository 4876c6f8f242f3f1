/**
 * The page in a real Chromium, against a real server with the real Claude Code on `local`: who looks sees what
 * happens, answers it, and types into the same terminal as everybody else.
 */
import { afterAll, beforeAll, expect, test as plainTest } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import type { StoredEvent, Workspace } from '@berth/wire'
import { modelHost, modelUrl, setUpProviders } from '../providers.ts'
import { dirtyRepository } from '../repository.ts'
import { startProduct, type Product } from '../product.ts'

const CHROMIUM = process.env['BERTH_CHROMIUM'] ?? ['chromium', 'chromium-browser', 'google-chrome'].map((name) => Bun.which(name)).find(Boolean) ?? null
/** Without these it asks the network for updates and lists. */
const QUIET = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const WAIT_MS = 60_000
const FIRST_LOAD_LIMIT_BYTES = 50_000

const HOSTILE_TEXT = 'Look: <script>window.pwned = 1</script><img src=x onerror="window.pwned = 2"> \u001b[31mred\u001b[0m \u202etxet'
const HOSTILE_COMMAND = 'touch "<img src=x onerror=window.pwned=3>\u202e safe"'
const LONG_COMMAND = `echo ${Array.from({ length: 60 }, (_, at) => `word-${at}`).join(' ')} > long.txt`

const test = CHROMIUM === null ? plainTest.skip : plainTest
if (CHROMIUM === null) console.warn('no Chromium here, so the page is not tried: install `chromium`, or set BERTH_CHROMIUM to its path')

let product: Product
let model: ScriptedModel
let repository: Awaited<ReturnType<typeof dirtyRepository>>
let browser: Browser
let demo: Workspace
let first: Viewer
let second: Viewer
const closers: (() => Promise<unknown> | void)[] = []

interface Viewer { readonly context: BrowserContext; readonly page: Page; /** What the browser complained about. */ readonly complaints: string[] }

async function viewer(): Promise<Viewer> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  context.setDefaultTimeout(WAIT_MS)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  return { context, page, complaints }
}

async function link(...words: string[]): Promise<string> {
  return (await product.cli(['web', ...words, '--no-open'])).stdout.trim()
}

async function signIn({ page }: Viewer, ...words: string[]): Promise<void> {
  await page.goto(await link(...words))
  await page.getByRole('button', { name: 'Sign in on this browser' }).click()
}

/** With this browser's cookies. */
async function statusOf(page: Page, path: string): Promise<number | undefined> {
  return (await page.goto(new URL(path, demo.webUrl).href))?.status()
}

const main = (page: Page) => page.getByRole('main')
const log = (page: Page) => page.getByRole('log')
const asks = (page: Page) => page.locator('.dock').getByRole('region', { name: /^Needs you/ })
const screen = (page: Page) => page.locator('.xterm-rows')

async function say(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Message to the agent' }).fill(text)
  await page.keyboard.press('Enter')
}

function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
  const { port } = server
  void server.stop(true)
  return port ?? 0
}

beforeAll(async () => {
  if (CHROMIUM === null) return
  repository = await dirtyRepository()
  closers.unshift(() => repository.remove())
  model = await startScriptedModel({
    hostname: modelHost('local'),
    scenarios: {
      hostile: () => [[{ text: HOSTILE_TEXT }, { tool: 'bash', input: { command: HOSTILE_COMMAND } }], [{ text: 'The hostile part is over.' }]],
      lengthy: () => [[{ tool: 'bash', input: { command: LONG_COMMAND } }], [{ text: 'The long part is over.' }]],
    },
  })
  closers.unshift(() => model.close())
  product = startProduct({ USER: 'ada' })
  closers.unshift(() => product.close())
  setUpProviders(product.home, model)
  // A server that comes back at another port would be another server to the page.
  writeFileSync(join(product.home, 'config.yaml'), `port: ${freePort()}\n`)
  browser = await chromium.launch({ executablePath: CHROMIUM, args: QUIET })
  closers.unshift(() => browser.close())
  demo = await product.json<Workspace>(['up', '.', '--provider', 'local', '--prompt', 'please do [[work]]', '--env', `ANTHROPIC_BASE_URL=${modelUrl(model)}`, '--env', 'ANTHROPIC_AUTH_TOKEN=placeholder-not-a-secret', '--no-open', '-y', '--name', 'demo'], { cwd: repository.dir })
  first = await viewer()
  second = await viewer()
}, 300_000)

afterAll(async () => {
  // One that fails must not keep the others from cleaning up.
  for (const close of closers) await Promise.resolve(close()).catch((error: unknown) => console.error(error))
}, 120_000)

test('a browser that is not signed in sees how to, and no data', async () => {
  const { page, context } = await viewer()
  for (const url of [demo.webUrl, demo.terminalUrl]) {
    expect((await page.goto(url))?.status()).toBe(401)
    expect(await page.locator('body').innerText()).toContain('berth web')
    expect(await page.content()).not.toContain('demo')
  }
  for (const path of ['/api/v1/workspaces', `/api/v1/workspaces/${demo.id}/stream?offset=-1`, '/api/v1/approvals', '/assets/']) expect(await statusOf(page, path)).toBe(401)
  await context.close()
}, 60_000)

test('the link signs one browser in, once', async () => {
  const url = await link()
  for (const { page } of [first, second]) {
    await page.goto(url)
    await page.getByRole('button', { name: 'Sign in on this browser' }).click()
  }
  await first.page.getByRole('heading', { name: 'Inbox' }).waitFor()
  await second.page.getByRole('heading', { name: /used already/ }).waitFor()
  expect(await statusOf(second.page, '/api/v1/workspaces')).toBe(401)
  // The browser's console mentions these refusals.
  second.complaints.length = 0
}, 60_000)

test('the first load is small, and the terminal is not part of it', async () => {
  const { page } = first
  const session = await first.context.newCDPSession(page)
  await session.send('Network.enable')
  await session.send('Network.setCacheDisabled', { cacheDisabled: true })
  const urls = new Map<string, string>()
  let bytes = 0
  session.on('Network.responseReceived', ({ requestId, response }) => urls.set(requestId, response.url))
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (!(urls.get(requestId) ?? '/api/').includes('/api/')) bytes += encodedDataLength
  })
  await page.reload()
  await main(page).getByText('demo', { exact: true }).waitFor()
  await session.detach()
  expect([...urls.values()].filter((url) => url.includes('xterm'))).toEqual([])
  expect(bytes).toBeGreaterThan(5000)
  expect(bytes).toBeLessThanOrEqual(FIRST_LOAD_LIMIT_BYTES)
}, 60_000)

test('the list begins with who needs a person', async () => {
  const { page } = first
  const calling = main(page).getByRole('region', { name: 'Needs you', exact: true })
  await calling.getByText('demo', { exact: true }).waitFor()
  expect(await main(page).locator('.list section').first().getAttribute('aria-label')).toBe('Needs you')
  await calling.getByRole('heading', { name: 'Write hello.txt?' }).waitFor()
  await calling.getByText('demo', { exact: true }).click()
  await page.waitForURL(demo.webUrl)
}, 60_000)

test('what one browser answers, the other sees without a reload', async () => {
  await signIn(second, 'demo')
  await second.page.waitForURL(demo.webUrl)
  for (const { page } of [first, second]) {
    await page.evaluate(() => Object.assign(globalThis, { notReloaded: true }))
    await log(page).getByText('please do [[work]]').waitFor()
    await asks(page).getByText('alpha').waitFor()
  }
  await asks(first.page).getByRole('button', { name: 'Allow once' }).click()
  for (const { page } of [first, second]) {
    await log(page).getByText('Allowed by ada on web').first().waitFor()
    await asks(page).getByText('touch command-ran && cat hello.txt', { exact: true }).waitFor()
  }
  await asks(second.page).getByRole('button', { name: 'Allow once' }).click()
  await asks(first.page).getByRole('heading', { name: 'Edit hello.txt?' }).waitFor()
  await asks(first.page).getByRole('button', { name: 'Allow once' }).click()
  for (const { page } of [first, second]) {
    await log(page).getByText('Turn done').waitFor()
    expect(await asks(page).count()).toBe(0)
    expect(await log(page).getByText('Allowed by ada on web').count()).toBe(3)
    const edit = log(page).locator('.tool:not(.answered)').filter({ hasText: 'Edit' })
    expect(await edit.locator('.delta').innerText()).toMatch(/^\+1\s*−1$/)
    expect(await page.evaluate(() => 'notReloaded' in globalThis)).toBe(true)
  }
}, 180_000)

test('the whole command stands in the question, and a denial reaches the agent', async () => {
  const { page } = first
  await say(page, 'now [[lengthy]]')
  await asks(page).locator('.cmd').waitFor()
  expect(await asks(page).locator('.cmd').innerText()).toBe(LONG_COMMAND)
  await asks(page).getByRole('button', { name: 'Deny', exact: true }).press('Enter')
  await log(page).getByText('Denied by ada on web').waitFor()
  await log(second.page).getByText('Denied by ada on web').waitFor()
  const told = await model.waitFor(({ body, offersTools }) => offersTools && JSON.stringify(body).includes('[[lengthy]]') && JSON.stringify(body).includes('"is_error":true'))
  expect(told.selected?.name).toBe('lengthy')
}, 120_000)

test('what an agent writes stays text', async () => {
  const { page } = first
  await page.getByRole('status').filter({ hasText: 'Turn' }).waitFor({ state: 'attached' })
  await say(page, 'now [[hostile]]')
  await asks(page).locator('.cmd').waitFor()
  expect(await asks(page).locator('.cmd').innerText()).toBe(HOSTILE_COMMAND.replace('\u202e', '⟨U+202E⟩'))
  await log(page).getByText('<script>window.pwned = 1</script><img src=x onerror="window.pwned = 2"> red ⟨U+202E⟩txet').waitFor()
  expect(await log(page).locator('img, script').count()).toBe(0)
  expect(await page.evaluate(() => 'pwned' in globalThis)).toBe(false)
  await asks(page).getByRole('button', { name: 'Allow once' }).click()
  await log(page).getByText('The hostile part is over.').waitFor()
}, 120_000)

test('a question is answered by one of its choices', async () => {
  const { page } = first
  await say(page, 'now [[question]]')
  await asks(page).getByRole('heading', { name: 'Which database?' }).waitFor()
  const answer = asks(page).getByRole('button', { name: 'Answer' })
  expect(await answer.isDisabled()).toBe(true)
  await asks(page).getByRole('radio', { name: /Postgres/ }).check()
  await answer.click()
  await log(page).getByText('Thank you for the answer.').waitFor()
  const told = await model.waitFor(({ body, selected }) => selected?.name === 'question' && selected.step === 1 && JSON.stringify(body).includes('tool_result'))
  expect(JSON.stringify(told.body)).toMatch(/Which database\?[^}]{0,20}=[^}]{0,20}Postgres/)
}, 120_000)

test('the terminal shows the real program, and the ways back work', async () => {
  const { page } = first
  await page.getByRole('link', { name: 'Terminal', exact: true }).click()
  await page.waitForURL(demo.terminalUrl)
  await screen(page).getByText('Thank you for the answer.').first().waitFor()
  await page.goBack()
  await log(page).getByText('The hostile part is over.').waitFor()
  await page.getByRole('textbox', { name: 'Message to the agent' }).focus()
  // The first leaves the field, the second the workspace.
  await page.keyboard.press('Escape')
  expect(page.url()).toBe(demo.webUrl)
  await page.keyboard.press('Escape')
  await page.getByRole('heading', { name: 'Inbox' }).waitFor()
  expect(new URL(page.url()).pathname).toBe('/')
}, 60_000)

test('two browsers share a terminal, and a reload finds it as it was', async () => {
  const cat = await product.json<Workspace>(['up', '.', '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--no-open', '-y', '--name', 'cat'], { cwd: repository.dir })
  for (const { page } of [first, second]) {
    await page.goto(cat.terminalUrl)
    await page.locator('.terminal .over').waitFor({ state: 'hidden' })
  }
  await first.page.locator('.xterm-helper-textarea').focus()
  await first.page.keyboard.type('from the first')
  await first.page.keyboard.press('Enter')
  // Once typed, once said by cat.
  for (const { page } of [first, second]) await screen(page).getByText('from the first').nth(1).waitFor()
  await second.page.locator('.xterm-helper-textarea').focus()
  await second.page.keyboard.type('from the second')
  await second.page.keyboard.press('Enter')
  await screen(first.page).getByText('from the second').nth(1).waitFor()
  await first.page.reload()
  await screen(first.page).getByText('from the second').nth(1).waitFor()
  expect(await screen(first.page).getByText('from the first').count()).toBe(2)
}, 180_000)

test('a page outlasts the server, and shows nothing twice', async () => {
  const { page } = first
  await page.goto(demo.webUrl)
  await log(page).getByText('The hostile part is over.').waitFor()
  await page.evaluate(() => Object.assign(globalThis, { notReloaded: true }))
  const cards = () => log(page).locator('.stream > *').count()
  const before = await cards()
  const complaintsBefore = first.complaints.length
  await product.cli(['server', 'stop'])
  await page.getByText('The server is not heard').waitFor()
  await product.cli(['list'])
  await page.getByText('The server is not heard').waitFor({ state: 'detached' })
  await product.cli(['send', 'demo', 'are you there? [[say still here]]'])
  await log(page).getByText('still here', { exact: true }).waitFor()
  expect(await page.evaluate(() => 'notReloaded' in globalThis)).toBe(true)
  const texts = await log(page).locator('.text').allInnerTexts()
  expect(texts.filter((text) => text.includes('The hostile part is over.'))).toHaveLength(1)
  expect(texts.filter((text) => text === 'still here')).toHaveLength(1)
  expect(await cards()).toBeGreaterThan(before)
  // Nobody answered for a while, and the browser says so; nothing else may be said.
  for (const { complaints } of [first, second]) {
    const kept = complaints.filter((text, index) => (complaints === first.complaints && index < complaintsBefore) || !/net::ERR_|WebSocket connection/.test(text))
    complaints.splice(0, complaints.length, ...kept)
  }
}, 180_000)

test('ten thousand events are drawn by the frame, not by the event', async () => {
  const { page, context } = await viewer()
  await signIn({ page, context, complaints: [] })
  await main(page).getByText('demo', { exact: true }).waitFor()
  const COUNT = 10_000
  let last = 0
  const event = (seq: number): StoredEvent => ({ workspaceId: demo.id, seq, id: 'evt_000000000001' as StoredEvent['id'], at: 1, source: 'daemon', body: { type: 'message', sessionId: 'ses_000000000001', messageId: `m${seq}`, role: 'agent', text: `number ${(last = seq)}` } })
  const PAGE = 250
  await page.reload()
  await page.routeWebSocket('**/api/v1/socket', (socket) => {
    const server = socket.connectToServer()
    socket.onMessage((text) => {
      const message = JSON.parse(String(text)) as { type: string; after: number }
      if (message.type !== 'watch') return server.send(text)
      for (let at = 0; at < COUNT / PAGE; at++) socket.send(JSON.stringify({ type: 'events', workspaceId: demo.id, upToDate: false, events: Array.from({ length: PAGE }, (_, index) => event(message.after + at * PAGE + index + 1)) }))
    })
  })
  await page.reload()
  await main(page).getByText('demo', { exact: true }).waitFor()
  await page.evaluate(() => {
    const counted = globalThis as unknown as { drawings: number; startedAt: number }
    counted.drawings = 0
    counted.startedAt = performance.now()
    new MutationObserver(() => (counted.drawings += 1)).observe(document.body, { childList: true, subtree: true })
  })
  await main(page).getByText('demo', { exact: true }).click()
  await log(page).getByText(/^number \d+$/).nth(70).waitFor()
  await log(page).getByText(`number ${last}`, { exact: true }).waitFor()
  const { drawings, tookMs } = await page.evaluate(() => {
    const { drawings, startedAt } = globalThis as unknown as { drawings: number; startedAt: number }
    return { drawings, tookMs: Math.round(performance.now() - startedAt) }
  })
  console.log(`${COUNT} events: ${drawings} drawings, ${tookMs} ms from the click`)
  expect(drawings).toBeLessThan(COUNT / PAGE + 40)
  await context.close()
}, 120_000)

test('the browsers complained about nothing, so the content policy holds', () => {
  expect(first.complaints).toEqual([])
  expect(second.complaints).toEqual([])
})
