/** One terminal for everybody: a phone looks at no cost, types when it wants to, and resizes nobody. */
import { afterAll, beforeAll, expect } from 'bun:test'
import type { Page } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { picture } from './review-hands.ts'
import { CHROMIUM, DESK, PHONE, startWorld, test, type World } from './world.ts'

let world: World
let shell: Workspace
let phone: Page
let wide: Page
/** What the phone loaded. */
const loaded: string[] = []

/** Says what it hears, control characters spelled out. */
const COMMAND = 'printf "\\033[31mred words\\033[0m \\342\\200\\256txet\\n"; stty -icanon -echo min 1; exec cat -v'

beforeAll(async () => {
  if (CHROMIUM === null) return
  world = await startWorld()
  shell = await world.product.json<Workspace>(['up', '.', '--provider', 'local', '--agent', 'plain', '--command', COMMAND, '--no-open', '-y', '--name', 'shell'], { cwd: world.dir })
  wide = await world.open(DESK)
  phone = await world.open(PHONE)
  phone.on('request', (request) => loaded.push(request.url()))
}, 300_000)
afterAll(() => world?.close(), 120_000)

const live = (page: Page) => page.locator('.xterm-rows')
const size = (page: Page) => page.locator('.term-strip .mono').innerText()
const type = async (page: Page, text: string) => {
  await page.locator('.xterm-helper-textarea').focus()
  await page.keyboard.type(text)
}

test('terminal-snapshot: the screen is there before anything is loaded, in its colours, and it is text', async () => {
  await wide.goto(world.at(shell, 'terminal'))
  await live(wide).getByText('red words').waitFor()
  await phone.goto(world.at(shell, 'terminal'))
  await phone.locator('.term-screen .f1').getByText('red words').waitFor()
  expect(await size(phone)).toBe(await size(wide))
  expect(await phone.locator('.xterm').count()).toBe(0)
  await picture(phone, 'terminal-phone')
  // What would turn the line around is not let through.
  expect(await live(wide).innerText()).toContain('txet')
  expect(/[\u202a-\u202e]/.test(await live(wide).innerText())).toBe(false)
  await picture(wide, 'terminal-desk')
}, 60_000)

test('terminal-line: one line is said without opening the terminal', async () => {
  const before = await size(wide)
  await phone.getByRole('button', { name: /Send one line/ }).click()
  await phone.getByRole('dialog').getByRole('textbox').fill('said from a phone')
  await picture(phone, 'terminal-line-phone')
  await phone.getByRole('dialog').getByRole('button', { name: /Send/ }).click()
  await live(wide).getByText('said from a phone').first().waitFor()
  await phone.locator('.term-screen').getByText('said from a phone').first().waitFor()
  expect(await size(wide)).toBe(before)
}, 60_000)

test('terminal-type, terminal-keys: typing loads the terminal, and the bar has the keys that glass has not (US1.5.1)', async () => {
  const before = loaded.length
  await phone.getByRole('button', { name: 'Type', exact: true }).click()
  await phone.locator('.terminal .over').filter({ visible: false }).waitFor({ state: 'attached' })
  expect(loaded.slice(before).some((url) => /xterm/.test(url))).toBe(true)
  expect(loaded.slice(0, before).some((url) => /xterm/.test(url))).toBe(false)
  await type(phone, 'typed live')
  await live(wide).getByText('typed live').waitFor()
  const keys = phone.getByRole('toolbar', { name: 'Keys' })
  for (const [name, shown] of [[/Escape/, '^['], ['Up', '^[[A'], ['Shift Tab', '^[[Z'], ['Pipe', '|'], ['Tilde', '~']] as const) {
    await keys.getByRole('button', { name }).click()
    await eventually(async () => (await live(wide).innerText()).includes(shown), `the key ${String(name)}`)
  }
  await keys.getByRole('button', { name: 'ctrl, Control' }).click()
  await type(phone, 'a')
  await eventually(async () => (await live(wide).innerText()).includes('^A'), 'a letter with Control')
  for (const button of await keys.getByRole('button').all()) expect((await button.boundingBox())?.height).toBeGreaterThanOrEqual(44)
  await picture(phone, 'terminal-type-phone')
}, 90_000)

test('terminal-together: two people type into one terminal and see the same', async () => {
  await phone.keyboard.press('Enter')
  await type(phone, 'one ')
  await type(wide, 'two ')
  await type(phone, 'three')
  for (const page of [phone, wide]) await eventually(async () => (await live(page).innerText()).replaceAll('\u00a0', ' ').includes('one two three'), 'the words of both')
  await phone.locator('.term-strip').getByText('2 at it').waitFor()
}, 60_000)

test('terminal-fit: who looks and who types resizes nobody, unless asked to', async () => {
  const before = await size(wide)
  expect(await size(phone)).toBe(before)
  await phone.setViewportSize({ width: 844, height: 390 })
  await phone.setViewportSize(PHONE.viewport)
  expect(await size(wide)).toBe(before)
  await phone.getByRole('button', { name: 'Fit to this screen' }).click()
  await eventually(async () => (await size(phone)) !== before, 'the phone decides now')
  await picture(phone, 'terminal-fit-phone')
}, 60_000)

test('nothing that was shown made the browser complain', () => {
  expect(world.complaints).toEqual([])
})
