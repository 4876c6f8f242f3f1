/** Who may look, the ways there and back, and what a page does when the server goes or very much comes at once. */
import { afterAll, beforeAll, expect } from 'bun:test'
import type { Page } from 'playwright-core'
import type { StoredEvent, Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { CHROMIUM, DESK, startWorld, test, type World } from './world.ts'

const FLOW_MS = 120_000

let world: World
let demo: Workspace
let desk: Page

const log = (page: Page) => page.getByRole('log')
/** With the browser's own cookies. */
const statusOf = async (page: Page, path: string) => (await page.goto(new URL(path, demo.webUrl).href))?.status()
const link = async () => (await world.product.cli(['web', '--no-open'])).stdout.trim()

beforeAll(async () => {
  if (CHROMIUM === null) return
  world = await startWorld()
  demo = await world.up('demo', 'please [[say it is over]]', '--approvals', 'skip')
  desk = await world.open(DESK)
}, 300_000)
afterAll(async () => { await world?.close() }, 120_000)

test('session-stranger: a browser that is not signed in sees how to, and no data (US2.1)', async () => {
  const context = await world.browser.newContext()
  const page = await context.newPage()
  for (const url of [demo.webUrl, demo.terminalUrl]) {
    expect((await page.goto(url))?.status()).toBe(401)
    expect(await page.locator('body').innerText()).toContain('berth web')
    expect(await page.content()).not.toContain('demo')
  }
  for (const path of ['/api/v1/workspaces', `/api/v1/workspaces/${demo.id}/stream?offset=-1`, '/api/v1/approvals', '/assets/']) expect(await statusOf(page, path)).toBe(401)
  await context.close()
}, FLOW_MS)

test('session-link: the link signs one browser in, once (US2.2)', async () => {
  const url = await link()
  const contexts = [await world.browser.newContext(), await world.browser.newContext()]
  const [first, second] = [await contexts[0]?.newPage(), await contexts[1]?.newPage()]
  for (const page of [first, second]) {
    await page?.goto(url)
    await page?.getByRole('button', { name: 'Sign in on this browser' }).click()
  }
  await first?.getByRole('heading', { name: 'Inbox' }).first().waitFor()
  await second?.getByRole('heading', { name: /used already/ }).waitFor()
  if (second) expect(await statusOf(second, '/api/v1/workspaces')).toBe(401)
  for (const context of contexts) await context.close()
}, FLOW_MS)

test('session-ways: from the session to its terminal and back, and out by the keyboard', async () => {
  await desk.goto(demo.webUrl)
  await log(desk).locator('.turn').getByText('it is over').waitFor()
  await desk.getByRole('link', { name: 'Terminal', exact: true }).click()
  await desk.waitForURL(demo.terminalUrl)
  await desk.locator('.xterm-rows').getByText('it is over').first().waitFor()
  await desk.goBack()
  await desk.waitForURL(demo.webUrl)
  await desk.getByRole('textbox', { name: 'Message to the agent' }).focus()
  // The first leaves the field, the second the workspace.
  await desk.keyboard.press('Escape')
  expect(desk.url()).toBe(demo.webUrl)
  await desk.keyboard.press('Escape')
  await desk.getByRole('heading', { name: 'Inbox' }).first().waitFor()
  expect(new URL(desk.url()).pathname).toBe('/')
}, FLOW_MS)

test('session-typed-early: what is typed before the script is there is still there when it is, and can be sent', async () => {
  const context = await world.browser.newContext({ ...DESK, storageState: await desk.context().storageState() })
  const page = await context.newPage()
  const goOn = Promise.withResolvers<void>()
  await page.route(/\/assets\/[^/]+\.js$/, async (route) => {
    await goOn.promise
    await route.continue()
  })
  await page.goto(demo.webUrl, { waitUntil: 'commit' })
  const field = page.getByRole('textbox', { name: 'Message to the agent' })
  await field.pressSequentially('typed early')
  expect(await page.evaluate(() => document.documentElement.classList.contains('live'))).toBe(false)
  goOn.resolve()
  await page.locator('html.live').waitFor()
  await page.getByRole('button', { name: 'Send' }).and(page.locator(':enabled')).waitFor()
  expect(await field.inputValue()).toBe('typed early')
  await context.close()
}, FLOW_MS)

test('session-restart: a page outlasts the server, and shows nothing twice', async () => {
  await desk.goto(demo.webUrl)
  await log(desk).locator('.turn').getByText('it is over').waitFor()
  await desk.evaluate(() => Object.assign(globalThis, { notReloaded: true }))
  const complaintsBefore = world.complaints.length
  await world.product.cli(['server', 'stop'])
  await desk.getByText('The server is not heard').waitFor()
  await world.product.cli(['list'])
  await desk.getByText('The server is not heard').waitFor({ state: 'detached' })
  await world.product.cli(['send', 'demo', 'are you there? [[say still here]]'])
  await log(desk).locator('.turn').getByText('still here', { exact: true }).waitFor({ timeout: FLOW_MS })
  expect(await desk.evaluate(() => 'notReloaded' in globalThis)).toBe(true)
  for (const words of ['it is over', 'still here']) expect(await log(desk).locator('.turn').getByText(words, { exact: true }).count()).toBe(1)
  // Nobody answered for a while, or said that it ends, and the browser says so; nothing else may be said.
  const said = world.complaints.splice(complaintsBefore)
  expect(said.filter((text) => !/net::ERR_|WebSocket connection|status of 503/.test(text))).toEqual([])
}, FLOW_MS)

test('session-flood: ten thousand events are drawn by the frame, not by the event', async () => {
  const COUNT = 10_000
  const PAGE = 250
  let last = 0
  const event = (seq: number): StoredEvent => ({ workspaceId: demo.id, seq, id: 'evt_000000000001' as StoredEvent['id'], at: 1, source: 'daemon', body: { type: 'message', sessionId: 'ses_000000000001', messageId: `m${seq}`, role: 'agent', text: `number ${seq}` } })
  const context = await world.browser.newContext({ ...DESK, storageState: await desk.context().storageState() })
  const page = await context.newPage()
  await page.routeWebSocket('**/api/v1/socket', (socket) => {
    const server = socket.connectToServer()
    socket.onMessage((text) => {
      const message = JSON.parse(String(text)) as { type: string; after: number }
      if (message.type !== 'watch') return server.send(text)
      // A page whose connection broke off asks again, from what it has.
      if (last === 0) last = message.after + COUNT
      for (let after = message.after; after < last; after += PAGE) socket.send(JSON.stringify({ type: 'events', workspaceId: demo.id, upToDate: false, events: Array.from({ length: Math.min(PAGE, last - after) }, (_, index) => event(after + index + 1)) }))
    })
  })
  await page.goto(new URL('/', demo.webUrl).href)
  const row = page.getByRole('navigation', { name: 'Workspaces' }).getByText('demo', { exact: true }).or(page.getByRole('main').getByText('demo', { exact: true })).first()
  await row.waitFor()
  await page.evaluate(() => {
    const counted = globalThis as unknown as { drawings: number }
    counted.drawings = 0
    // Clocks and the list go on beside it, the more of them the slower the machine is.
    const inLog = ({ target }: MutationRecord) => target instanceof Element && target.closest('[role="log"]') !== null
    new MutationObserver((records) => { if (records.some(inLog)) counted.drawings += 1 }).observe(document.body, { childList: true, subtree: true })
  })
  await row.click()
  await log(page).getByText(/^number \d+$/).nth(70).waitFor()
  await log(page).getByText(`number ${last}`, { exact: true }).waitFor()
  expect(await page.evaluate(() => (globalThis as unknown as { drawings: number }).drawings)).toBeLessThan(COUNT / PAGE + 40)
  // As the worker's shell, which knows no list yet: of a long session it asks for the end all the same.
  const asked: { after: number; at: string | null }[] = []
  // In a browser of its own: what the page before kept of the session is asked on from, once it has come to keep it.
  const other = await world.browser.newContext({ ...DESK, storageState: await desk.context().storageState() })
  const late = await other.newPage()
  await late.addInitScript(() => {
    const find = document.getElementById.bind(document)
    document.getElementById = (id: string) => (id === 'boot' ? null : find(id))
  })
  await late.routeWebSocket('**/api/v1/socket', (socket) => {
    const server = socket.connectToServer()
    server.onMessage((text) => {
      const message = JSON.parse(String(text)) as { type: string; workspaces: Workspace[] }
      socket.send(message.type === 'list' ? JSON.stringify({ ...message, workspaces: message.workspaces.map((workspace) => ({ ...workspace, tail: COUNT })) }) : String(text))
    })
    socket.onMessage((text) => {
      const { type, after, at } = JSON.parse(String(text)) as { type: string; after: number; at: string | null }
      if (type === 'watch') asked.push({ after, at })
      server.send(text)
    })
  })
  await late.goto(world.at(demo))
  await eventually(async () => asked.length > 1, 'the session is asked for, and again from where it is kept')
  expect(asked).toEqual([{ after: COUNT - 120, at: 'chat' }, { after: 0, at: 'chat' }])
  await context.close()
  await other.close()
  expect(world.complaints).toEqual([])
}, FLOW_MS)
