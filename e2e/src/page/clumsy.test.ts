/** Keys that are held down, browsers that keep nothing, and an agent that counts on them. */
import { afterAll, beforeAll, expect } from 'bun:test'
import type { Page } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { CHROMIUM, DESK, PHONE, startWorld, test, type World } from './world.ts'

const FLOW_MS = 120_000
/** What a page keeps for the way it keeps every two seconds. */
const KEPT_WITHIN_MS = 5000
/** Names that every object of the language has. */
const QUESTIONS = ['constructor', '__proto__', 'toString']

let world: World
let demo: Workspace
let phone: Page
let desk: Page

const asks = (page: Page) => page.locator('.dock').getByRole('region', { name: /^Needs you/ })
const log = (page: Page) => page.getByRole('log')
const message = (page: Page) => page.getByRole('textbox', { name: 'Message to the agent' })
const turn = (words: string) => log(phone).locator('.turn').filter({ hasText: words })

async function say(text: string): Promise<void> {
  await message(desk).fill(text)
  await desk.getByRole('button', { name: 'Send' }).click()
}
async function counted(type: string): Promise<number> {
  return (await world.events(demo.id)).filter(({ body }) => body.type === type).length
}
const reads = ['/etc/hostname', '/etc/hosts', '/etc/passwd'].map((path) => ({ tool: 'Read', input: { file_path: path } }))

beforeAll(async () => {
  if (CHROMIUM === null) return
  world = await startWorld({ scenarios: {
    begin: () => [[{ text: 'Here we begin.' }]],
    three: () => [reads, [{ text: 'All three are read.' }]],
    names: () => [[{ tool: 'question', input: { questions: QUESTIONS.map((question) => ({ question, header: 'Name', multiSelect: false, options: [{ label: `${question} yes`, description: '' }, { label: `${question} no`, description: '' }] })) } }], [{ text: 'The names are over.' }]],
    aside: () => [[{ tool: 'bash', input: { command: 'echo aside > aside.txt', run_in_background: true } }], [{ text: 'The aside is over.' }]],
    padded: () => [[{ tool: 'bash', input: { command: `echo ${'a'.repeat(6000)}; rm -rf ./build; echo ${'b'.repeat(6000)}` } }], [{ text: 'The padding is over.' }]],
    slow: () => [[{ tool: 'bash', input: { command: 'echo slow > slow.txt' } }], [{ text: 'The slow part is over.' }]],
  } })
  demo = await world.up('clumsy', 'please do [[begin]]')
  ;[phone, desk] = await Promise.all([world.open(PHONE), world.open(DESK)])
  for (const page of [phone, desk]) await page.goto(world.at(demo))
  await turn('Here we begin.').waitFor({ timeout: FLOW_MS })
}, 300_000)
afterAll(async () => { await world?.close() }, 120_000)

test('hostile-question: a question named like a part of the language is a question', async () => {
  await say('now [[names]]')
  await asks(phone).getByRole('heading', { name: '3 questions' }).waitFor()
  for (const question of QUESTIONS) await asks(phone).getByRole('radio', { name: `${question} no` }).check()
  await asks(phone).getByRole('radio', { name: 'constructor yes' }).check()
  await asks(phone).getByRole('button', { name: 'Answer' }).tap()
  await turn('The names are over.').waitFor({ timeout: FLOW_MS })
  await log(phone).getByText('Answered by ada on web: constructor yes').waitFor()
}, FLOW_MS)

test('keyboard-held: a key that is held answers nothing that was not seen', async () => {
  const before = await counted('approval.decided')
  await say('now [[three]]')
  await asks(phone).getByText('1 of 3').waitFor()
  const allow = asks(phone).getByRole('button', { name: 'Allow once' })
  await allow.tap()
  await asks(phone).getByText('1 of 2').waitFor()
  await allow.and(phone.locator(':enabled')).waitFor()
  await asks(phone).getByText('1 of 2').waitFor()
  // What the desk shows is what its key answers.
  await asks(desk).getByText('1 of 2').waitFor()
  await asks(desk).getByRole('button', { name: 'Allow once' }).and(desk.locator(':enabled')).waitFor()
  await desk.locator('h1').first().click()
  // The second `down` of a key that is not up is a repeat.
  await desk.keyboard.down('y')
  for (let repeat = 0; repeat < 5; repeat++) await desk.keyboard.down('y')
  await asks(desk).getByText('1 of 2').waitFor({ state: 'detached' })
  await asks(desk).getByRole('button', { name: 'Allow once' }).and(desk.locator(':enabled')).waitFor()
  for (let repeat = 0; repeat < 5; repeat++) await desk.keyboard.down('y')
  await desk.keyboard.up('y')
  expect(await counted('approval.decided')).toBe(before + 2)
  await allow.tap()
  await turn('All three are read.').waitFor({ timeout: FLOW_MS })
  expect(await counted('approval.decided')).toBe(before + 3)
}, FLOW_MS)

test('approve-whole-input: what else a yes lets through is said, and what cannot be shown whole is held', async () => {
  await say('now [[aside]]')
  await asks(phone).locator('.facts').getByText('run_in_background').waitFor()
  await asks(phone).getByRole('button', { name: 'Deny', exact: true }).tap()
  await turn('The aside is over.').waitFor({ timeout: FLOW_MS })
  await say('now [[padded]]')
  await asks(phone).getByText('characters left out').waitFor()
  await asks(phone).locator('.risk.high').getByText('is too long to be shown whole').waitFor()
  expect(await asks(phone).getByRole('button', { name: 'Edit' }).count()).toBe(0)
  await asks(phone).getByRole('button', { name: 'Hold to allow once' }).waitFor()
  await asks(phone).getByRole('button', { name: 'Deny', exact: true }).tap()
  await turn('The padding is over.').waitFor({ timeout: FLOW_MS })
}, FLOW_MS)

test('chat-draft: what is being written outlives the page, and is gone once it is said', async () => {
  await phone.goto(world.at(demo))
  await message(phone).fill('thanks, [[begin]], and')
  await phone.reload()
  expect(await message(phone).inputValue()).toBe('thanks, [[begin]], and')
  const ended = await counted('turn.ended')
  await phone.getByRole('button', { name: 'Send' }).tap()
  await eventually(async () => (await counted('turn.ended')) > ended, 'the answer')
  await phone.reload()
  await message(phone).waitFor()
  expect(await message(phone).inputValue()).toBe('')
}, FLOW_MS)

test('sheets-back: Back leaves the menu, the dialog and the page below together', async () => {
  await phone.goto(new URL('/', demo.webUrl).href)
  await phone.getByRole('main').locator('.item').filter({ hasText: 'clumsy' }).tap()
  await phone.getByRole('button', { name: 'Actions' }).tap()
  await phone.getByRole('dialog', { name: 'clumsy' }).waitFor()
  await phone.goBack()
  await phone.getByRole('heading', { name: 'Inbox' }).waitFor()
  expect(await phone.getByRole('dialog').count()).toBe(0)
  await phone.goForward()
  await phone.getByRole('button', { name: 'Actions' }).tap()
  await phone.getByRole('button', { name: 'Delete' }).tap()
  await phone.getByRole('dialog', { name: 'Delete clumsy?' }).waitFor()
  await phone.goBack()
  await phone.getByRole('heading', { name: 'Inbox' }).waitFor()
  expect(await phone.getByRole('dialog').count()).toBe(0)
}, FLOW_MS)

test('approve-link: a link leads to the very question', async () => {
  const before = await counted('approval.decided')
  await say('now [[three]]')
  await asks(desk).getByText('1 of 3').waitFor()
  const waiting = (await world.approvals(demo.id)).filter(({ state }) => state === 'open').toSorted((one, other) => one.askedAt - other.askedAt)
  const last = waiting.at(-1)
  await phone.goto(`${world.at(demo)}?approval=${last?.approvalId}`)
  await asks(phone).and(phone.locator(`[data-approval="${last?.approvalId}"]`)).waitFor()
  for (const _ of waiting) {
    const heading = await asks(phone).getByRole('heading').innerText()
    await asks(phone).getByRole('button', { name: 'Allow once' }).tap()
    await asks(phone).getByRole('heading', { name: heading, exact: true }).waitFor({ state: 'detached' })
  }
  expect(await counted('approval.decided')).toBe(before + 3)
}, FLOW_MS)

test('paused-words, review-narrow: what a person put to sleep says that no word wakes it, and a review fits the narrowest phone', async () => {
  await phone.goto(world.at(demo))
  await say('now [[slow]]')
  await asks(phone).getByRole('button', { name: 'Allow once' }).tap()
  await turn('The slow part is over.').waitFor({ timeout: FLOW_MS })
  await phone.goto(world.at(demo, 'changes'))
  await phone.setViewportSize({ width: 320, height: 640 })
  const acts = phone.locator('.review-acts')
  await acts.waitFor()
  for (const name of ['Reject', 'Comment', 'Accept']) {
    const box = await acts.getByRole('button', { name }).boundingBox()
    expect((box?.x ?? 999) + (box?.width ?? 0)).toBeLessThanOrEqual(320)
    expect(await acts.getByRole('button', { name }).evaluate(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth)).toBe(true)
  }
  await phone.goto(world.at(demo))
  await say('now [[slow]]')
  await asks(phone).getByRole('button', { name: 'Deny', exact: true }).waitFor()
  const more = await Promise.all(['Deny with a reason', 'For this session'].map((name) => asks(phone).getByRole('button', { name }).boundingBox()))
  for (const box of more) expect((box?.x ?? 999) + (box?.width ?? 0)).toBeLessThanOrEqual(308)
  await phone.setViewportSize(PHONE.viewport)
  await phone.getByRole('navigation', { name: 'Views and actions' }).getByRole('button', { name: 'Pause' }).tap()
  await asks(phone).getByText('Your answer is kept until somebody wakes it').waitFor({ timeout: FLOW_MS })
  expect(await message(phone).getAttribute('placeholder')).toBe('Kept until somebody wakes it')
  await phone.getByRole('button', { name: 'Wake' }).tap()
  await asks(phone).getByText('Your answer is kept').waitFor({ state: 'detached', timeout: FLOW_MS })
  await eventually(async () => (await world.workspace(demo.id)).phase === 'running', 'awake again')
  await asks(phone).getByRole('button', { name: 'Deny', exact: true }).tap()
  await eventually(async () => (await world.approvals(demo.id)).every(({ state }) => state !== 'open' && state !== 'orphaned'), 'the answer')
  await world.turnOver(demo.id)
}, FLOW_MS)

test('a page that hears late reads no changes ahead while something is asked: the machine may be on its way to sleep', async () => {
  const page = await world.open(PHONE)
  let late = false
  await page.routeWebSocket('**/api/v1/socket', (socket) => {
    const server = socket.connectToServer()
    socket.onMessage((text) => server.send(text))
    server.onMessage((text) => { if (!late || (JSON.parse(String(text)) as { type: string }).type !== 'workspace') socket.send(text) })
  })
  await page.goto(world.at(demo))
  await say('now [[slow]]')
  await asks(page).getByRole('button', { name: 'Deny', exact: true }).waitFor()
  late = true
  const read = page.waitForRequest(/\/review$/, { timeout: KEPT_WITHIN_MS }).then((request) => request.url(), () => null)
  await world.ask('POST', `/workspaces/${demo.id}/stop`)
  expect(await read).toBeNull()
  await page.context().close()
  await eventually(async () => (await world.workspace(demo.id)).phase === 'stopped', 'asleep')
  await world.ask('POST', `/workspaces/${demo.id}/start`)
  await eventually(async () => (await world.workspace(demo.id)).phase === 'running', 'awake again')
  await asks(desk).getByRole('button', { name: 'Deny', exact: true }).click()
  await eventually(async () => (await world.approvals(demo.id)).every(({ state }) => state !== 'open' && state !== 'orphaned'), 'the answer')
  await world.turnOver(demo.id)
}, FLOW_MS)

test('tiles-names: a tile shows its state beside the longest name', async () => {
  const page = await world.open(DESK)
  const longest = 'n'.repeat(39)
  await page.routeWebSocket(/socket/, (socket) => {
    socket.connectToServer().onMessage((data) => socket.send(String(data).replaceAll('"name":"clumsy"', `"name":"${longest}"`)))
  })
  await page.goto(new URL('/grid', demo.webUrl).href)
  const tile = page.locator('.tile').filter({ hasText: longest })
  await tile.waitFor()
  const [outer, state] = await Promise.all([tile.boundingBox(), tile.locator('.state').boundingBox()])
  expect((state?.x ?? 9999) + (state?.width ?? 0)).toBeLessThanOrEqual((outer?.x ?? 0) + (outer?.width ?? 0))
  await page.context().close()
}, FLOW_MS)

test('session-private: a browser that keeps nothing shows and says everything', async () => {
  const page = await world.open(PHONE)
  await page.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches']) Object.defineProperty(globalThis, name, { get() { throw new DOMException('refused', 'SecurityError') } })
  })
  await page.goto(world.at(demo))
  const ended = await counted('turn.ended')
  await message(page).fill('thanks, [[begin]]')
  await page.getByRole('button', { name: 'Send' }).tap()
  await eventually(async () => (await counted('turn.ended')) > ended, 'the answer')
  for (const room of ['status', 'files', 'changes', 'terminal']) {
    await page.goto(world.at(demo, room))
    await page.locator('.detail .room > :not(.skeleton)').first().waitFor()
  }
  await page.goto(new URL('/settings', demo.webUrl).href)
  await page.getByRole('heading', { name: 'Phrases' }).waitFor()
  await page.context().close()
  // The desk reads the changes now and then: in the moment in which its machine is put to sleep only the server knows, and refuses.
  expect(world.complaints.filter((words) => !/\b409\b.*\/review$/.test(words))).toEqual([])
}, FLOW_MS)
