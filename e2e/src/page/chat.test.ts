/** Saying something to an agent: phrases, files, commands, uploads, now or when it is done; and the phone's bar. Real Claude Code on `local`. */
import { afterAll, beforeAll, expect } from 'bun:test'
import type { Page } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { touch } from './touch.ts'
import { CHROMIUM, DESK, PHONE, startWorld, test, type World } from './world.ts'

const FLOW_MS = 120_000
const LONG_PRESS_MS = 700

let world: World
let demo: Workspace
let phone: Page
let desk: Page

const log = (page: Page) => page.getByRole('log')
const field = (page: Page) => page.getByRole('textbox', { name: 'Message to the agent' })
const chip = (page: Page, name: string) => page.locator('.chips').getByRole('button', { name, exact: true })
const choices = (page: Page, name: string) => page.getByRole('listbox', { name })
const menu = () => phone.getByRole('dialog')
/** What the model was told last, of the conversation. */
const told = () => JSON.stringify(world.model.requests().findLast(({ offersTools }) => offersTools)?.body['messages'] ?? '')
async function say(page: Page, text: string): Promise<void> {
  await field(page).fill(text)
  await page.getByRole('button', { name: /^(Send|Queue)$/ }).click()
}
async function turnOver(): Promise<void> {
  await world.turnOver(demo.id)
  await desk.getByRole('button', { name: 'Send' }).waitFor()
}

beforeAll(async () => {
  if (CHROMIUM === null) return
  const from = { 'src/totals/discount.ts': 'export const split = 1\n', '.claude/commands/greet.md': '---\ndescription: Greet somebody\n---\nPlease [[say greetings to $ARGUMENTS]]\n' }
  world = await startWorld({ from, scenarios: {
    offers: () => [[{ text: 'Shall I go on with one of these?\n\n1. rename the function\n2. leave it as it is\n\nWhich one?' }]],
    tell: () => [
      [{ tool: 'mcp:berth/open_preview', input: { port: 3000, label: 'shop' } }],
      [{ tool: 'mcp:berth/notify', input: { title: 'Half way', body: 'the shop opens' } }],
      [{ text: 'All told.' }],
    ],
    change: ({ cwd }) => [[{ tool: 'write', input: { path: `${cwd ?? '.'}/new.txt`, content: 'new\n' } }], [{ text: 'One file is new.' }]],
  } })
  demo = await world.up('demo', 'please do [[offers]]', '--approvals', 'skip')
  ;[phone, desk] = [await world.open(PHONE), await world.open(DESK)]
  for (const page of [phone, desk]) await page.goto(world.at(demo))
  await world.turnOver(demo.id)
}, 300_000)
afterAll(() => world?.close(), 120_000)

test('chat-replies: what the last turn offers is one tap away', async () => {
  await chip(phone, '1. rename the function').tap()
  await log(desk).locator('.said').getByText('1. rename the function').waitFor()
  await turnOver()
  await say(desk, 'now [[change]]')
  await log(phone).locator('.turn').getByText('One file is new.').waitFor()
  await chip(phone, 'Commit this').waitFor()
}, FLOW_MS)

test('chat-told: what the agent tells its person stands in the stream, live and on a page that is opened later', async () => {
  await say(desk, 'and [[tell]]')
  await turnOver()
  await phone.reload()
  for (const page of [desk, phone]) {
    await log(page).locator('.notice', { hasText: 'Half way' }).getByText('the shop opens').waitFor()
    await log(page).locator('.tool', { hasText: 'Told you' }).waitFor()
    await log(page).locator('.tool', { hasText: 'Opened a preview' }).waitFor()
    expect(await log(page).innerText()).not.toContain('mcp__')
  }
  expect(await log(phone).getByRole('link', { name: 'Open the preview' }).getAttribute('href')).toBe(`/workspaces/${demo.id}/preview`)
}, FLOW_MS)

test('chat-phrases: the phrases are the person’s own, and one tap sends one', async () => {
  await desk.goto(new URL('/settings', demo.webUrl).href)
  await desk.getByRole('textbox', { name: 'A new phrase' }).fill('please [[say as phrased]]')
  await desk.getByRole('button', { name: 'Add', exact: true }).click()
  await desk.getByRole('textbox', { name: 'Phrase 4' }).waitFor()
  await desk.goto(world.at(demo))
  await phone.reload()
  await chip(phone, 'please [[say as phrased]]').tap()
  await log(desk).getByText('as phrased', { exact: true }).waitFor()
  await turnOver()
}, FLOW_MS)

test('chat-mention: some letters after an @ find a file, and its path reaches the agent', async () => {
  await field(desk).fill('look at @disc')
  const option = choices(desk, 'Files').getByRole('option').first()
  await option.getByText('src/totals/discount.ts').waitFor()
  await field(desk).press('Enter')
  expect(await field(desk).inputValue()).toBe('look at @src/totals/discount.ts ')
  await desk.keyboard.type('[[say looked]]')
  await field(desk).press('Enter')
  await log(phone).getByText('looked', { exact: true }).waitFor()
  expect(told()).toContain('@src/totals/discount.ts')
  await turnOver()
}, FLOW_MS)

test('chat-paste: pasted lines go into the message as they are', async () => {
  await desk.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await field(desk).focus()
  await desk.evaluate(() => navigator.clipboard.writeText('first pasted\n  second, indented'))
  await desk.keyboard.press('Control+v')
  expect(await field(desk).inputValue()).toBe('first pasted\n  second, indented')
  await desk.keyboard.press('Shift+Enter')
  await desk.keyboard.type('[[say pasted]]')
  await field(desk).press('Enter')
  await log(phone).getByText('pasted', { exact: true }).waitFor()
  expect(told()).toContain(String.raw`first pasted\n  second, indented\n[[say pasted]]`)
  await turnOver()
}, FLOW_MS)

test('chat-upload: files and images land in the workspace, whatever their names, and the message names them', async () => {
  await desk.locator('input[type=file]').setInputFiles([
    { name: 'shot\n<img src=x onerror=window.pwned=1>.png', mimeType: 'image/png', buffer: Buffer.from('89504e470d0a1a0a0000000d494844520000ffff0000ffff0806000000', 'hex') },
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('some notes\n') },
  ])
  const files = desk.getByRole('list', { name: 'Files' })
  await eventually(async () => (await files.locator('li').allInnerTexts()).filter((text) => /\/\.?[^ ]*uploads?\//.test(text)).length === 2, 'both are there')
  // Pasted as a screenshot is, and let go over the message.
  await field(desk).evaluate((element) => {
    const carried = (name: string) => { const data = new DataTransfer(); data.items.add(new File(['some bytes'], name)); return data }
    element.dispatchEvent(new ClipboardEvent('paste', { clipboardData: carried('pasted.png'), bubbles: true, cancelable: true }))
    element.dispatchEvent(new DragEvent('drop', { dataTransfer: carried('dropped.txt'), bubbles: true, cancelable: true }))
  })
  await eventually(async () => /-pasted\.png[^]*-dropped\.txt|-dropped\.txt[^]*-pasted\.png/.test(await field(desk).inputValue()), 'those too')
  const text = await field(desk).inputValue()
  expect(text).toMatch(/-notes\.txt /)
  expect(text).not.toMatch(/[<>\n]/)
  expect(await desk.evaluate(() => 'pwned' in globalThis)).toBe(false)
  // Nothing of it is decoded, whatever size it claims.
  expect(await desk.locator('img').count()).toBe(0)
  await field(desk).press('End')
  await desk.keyboard.type('[[say received]]')
  await field(desk).press('Enter')
  await log(phone).getByText('received', { exact: true }).waitFor()
  expect(told()).toContain('-notes.txt')
  await turnOver()
}, FLOW_MS)

test('chat-commands: the agent’s commands and the project’s are found by a slash, and what they say is seen', async () => {
  await field(desk).fill('/gre')
  await choices(desk, 'Commands').getByRole('option').filter({ hasText: 'Greet somebody' }).waitFor()
  await field(desk).press('Enter')
  expect(await field(desk).inputValue()).toBe('/greet ')
  await desk.keyboard.type('you all')
  await field(desk).press('Enter')
  await log(phone).getByText('greetings to you all').waitFor()
  await turnOver()
  await say(desk, '/rename harbour')
  await log(phone).getByText('Session renamed to: harbour').waitFor()
  // One that opens a menu says so, and closes it.
  await say(desk, '/model')
  await log(phone).getByText('this command opens a menu: use it in the terminal').waitFor()
  await say(desk, 'and [[say heard again]]')
  await log(phone).getByText('heard again', { exact: true }).waitFor()
  await turnOver()
}, FLOW_MS)

test('chat-queue, chat-steer, chat-stop: while it works a message waits its turn, or takes it; and it can be stopped (US2.3)', async () => {
  await say(desk, 'now [[long 120]]')
  await phone.locator('.writing, .thinking').first().waitFor()
  await say(phone, 'later [[say the queued one]]')
  await log(desk).locator('.said.pending').getByText('later [[say the queued one]]').waitFor()
  // At once behind another one of the same hand.
  await say(desk, 'and [[say the one before]]')
  await field(desk).fill('instead [[say the steered one]]')
  await desk.getByRole('button', { name: 'Say it now' }).click()
  await log(phone).getByText('the steered one', { exact: true }).waitFor()
  await turnOver()
  // The agent may take what waited in one turn, so that the last of it is answered alone.
  for (const waited of ['the queued one', 'the one before']) expect(told()).toContain(waited)
  await say(desk, 'now [[long 120]]')
  await phone.getByRole('button', { name: 'Stop the turn' }).tap()
  await log(desk).locator('.turn.interrupted').last().getByText('Interrupted').waitFor()
  await turnOver()
}, FLOW_MS)

/** Held as a thumb holds it. */
async function hold(name: string): Promise<void> {
  const box = await phone.getByRole('navigation', { name: 'Views and actions' }).getByRole('button', { name }).boundingBox()
  await touch(phone, [[{ x: (box?.x ?? 0) + 20, y: (box?.y ?? 0) + 20 }]], () => menu().waitFor({ timeout: LONG_PRESS_MS * 10 }))
}

test('bar-views, bar-long-press: six places under the thumb, and what a long press offers is also in the menu', async () => {
  const bar = phone.getByRole('navigation', { name: 'Views and actions' })
  // While one writes, the keyboard has its place.
  await log(phone).tap()
  await bar.getByRole('link', { name: 'Status' }).tap()
  await phone.waitForURL(world.at(demo, 'status'))
  await bar.getByRole('link', { name: 'Files' }).tap()
  await phone.waitForURL(world.at(demo, 'files'))
  await bar.getByRole('link', { name: 'Chat' }).tap()
  await phone.waitForURL(world.at(demo))
  for (const [name, offered] of [['Pause', ['Stop the turn', 'Pause', 'Pause all']], ['Commit', ['Quick commit', 'Review & commit']], ['Terminal', ['Run a command', 'How to connect']]] as const) {
    await hold(name)
    for (const label of offered) await menu().getByRole('button', { name: label, exact: false }).first().waitFor()
    await phone.keyboard.press('Escape')
    await menu().waitFor({ state: 'detached' })
  }
  await phone.getByRole('button', { name: 'Actions' }).tap()
  for (const label of ['Stop the turn', 'Pause all', 'Quick commit', 'Run a command']) await menu().getByRole('button', { name: label }).waitFor()
  await phone.keyboard.press('Escape')
}, FLOW_MS)

test('bar-commit, bar-terminal, bar-pause: quick commit, how to connect, and pause with the way back (US4.1)', async () => {
  await hold('Commit')
  await menu().getByRole('button', { name: 'Quick commit' }).tap()
  await phone.getByText(/^Committed [0-9a-f]{7} on /).waitFor()
  await hold('Terminal')
  await menu().getByRole('button', { name: /How to connect/ }).tap()
  await phone.getByRole('dialog', { name: 'Connect to demo' }).getByRole('button', { name: 'Copy the command berth attach demo' }).waitFor()
  await phone.getByRole('dialog', { name: 'Connect to demo' }).getByRole('button', { name: 'Copy the command berth ssh demo' }).waitFor()
  await phone.keyboard.press('Escape')
  expect(world.complaints).toEqual([])
  await phone.getByRole('navigation', { name: 'Views and actions' }).getByRole('button', { name: 'Pause' }).tap()
  await phone.getByText('demo is being put to sleep').waitFor()
  await phone.getByRole('button', { name: 'Undo' }).tap()
  await eventually(async () => (await world.workspace(demo.id)).wish.target === 'running', 'it is to stay awake')
}, FLOW_MS)

test('haptics: a device that can be felt is told of an answer, once', async () => {
  await eventually(async () => (await world.workspace(demo.id)).phase === 'running', 'awake')
  const asking = await world.up('asking', 'please do [[ask felt]]')
  await phone.addInitScript(() => {
    const felt: unknown[] = []
    Object.assign(globalThis, { felt })
    Object.defineProperty(navigator, 'vibrate', { value: (pattern: unknown) => felt.push(pattern) > 0 })
  })
  await phone.goto(world.at(asking))
  await phone.locator('.dock').getByRole('button', { name: 'Allow once' }).tap()
  await eventually(async () => (await phone.evaluate(() => (globalThis as unknown as { felt: unknown[] }).felt.length)) === 1, 'a tick')
  // What its page asked of a machine on its way to sleep and back, before it knew, was refused, which a browser writes down.
  const expected = new RegExp(`status of (409|503) .*/${demo.id}/review$`)
  expect(world.complaints.filter((line) => !expected.test(line))).toEqual([])
}, FLOW_MS)

test('bar-pause-all: everything is put to sleep by a long press, and all of it wakes again on second thoughts', async () => {
  await phone.goto(world.at(demo))
  const all = () => world.product.json<Workspace[]>(['list'])
  await eventually(async () => (await all()).every(({ phase }) => phase === 'running'), 'all are awake')
  const { length } = await all()
  const targets = async () => new Set((await all()).map(({ wish }) => wish.target))
  await hold('Pause')
  await menu().getByRole('button', { name: 'Pause all' }).tap()
  await phone.getByText(`${length} put to sleep`).waitFor()
  expect(await targets()).toEqual(new Set(['stopped']))
  await phone.getByRole('button', { name: 'Undo' }).tap()
  await eventually(async () => [...(await targets())].join() === 'running', 'they are to stay awake')
}, FLOW_MS)
