/** The list: who needs a person first, with the decision inside; every state by its shape and its word; swipes and their twins. */
import { afterAll, beforeAll, expect } from 'bun:test'
import type { Page } from 'playwright-core'
import type { Approval, Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { swipe } from './touch.ts'
import { CHROMIUM, DESK, PHONE, startWorld, test, type World } from './world.ts'

let world: World
let demo: Workspace
let asks: Workspace
let phone: Page

const home = () => new URL('/', demo.webUrl).href
const main = () => phone.getByRole('main')
const card = (workspace: Workspace) => main().getByRole('region', { name: /^Needs you:/ }).filter({ hasText: workspace.name })
const row = (workspace: Workspace) => main().locator(`.item-row:has([data-workspace="${workspace.id}"])`)
const decided = async (workspace: Workspace) => (await world.ask<Approval[]>('GET', `/approvals?workspace=${workspace.id}&all=true`)).map(({ decision }) => decision?.behavior ?? 'open').toSorted()
const openOf = async (workspace: Workspace) => {
  const [found] = await world.approvals(workspace.id)
  if (!found) throw new Error('nothing is asked')
  return found
}
const ask = async (workspace: Workspace) => {
  await world.product.cli(['send', workspace.id, 'please do [[ask]]'])
  await card(workspace).waitFor()
}

beforeAll(async () => {
  if (CHROMIUM === null) return
  world = await startWorld({
    scenarios: {
      change: () => [[{ tool: 'bash', input: { command: "printf 'new\\n' > new.txt" } }], [{ text: 'Everything is changed.' }]],
      ask: () => [[{ tool: 'bash', input: { command: 'touch asked-for.txt' } }], [{ text: 'It is over.' }]],
    },
  })
}, 300_000)

afterAll(() => world?.close(), 120_000)

test('inbox-empty, inbox-live: nothing yet says how to begin, and what is begun elsewhere appears by itself', async () => {
  phone = await world.open(PHONE)
  await phone.getByRole('heading', { name: 'No workspace yet' }).waitFor()
  await main().getByText('berth up . --prompt').waitFor()
  demo = await world.up('demo', 'please do [[change]]', '--approvals', 'skip')
  await row(demo).getByRole('heading', { name: 'demo' }).waitFor()
  await main().getByRole('region', { name: 'Ready to review' }).getByRole('heading', { name: 'demo' }).waitFor({ timeout: 60_000 })
}, 180_000)

test('inbox-needs-you, inbox-answer: who waits stands first, and is answered where it stands', async () => {
  asks = await world.up('asks', 'please do [[ask]]')
  await card(asks).waitFor()
  expect(await main().locator('.rows > section').first().getAttribute('aria-label')).toBe('Needs you')
  await card(asks).getByText('touch asked-for.txt').waitFor()
  await card(asks).getByRole('button', { name: 'Deny', exact: true }).click()
  await card(asks).waitFor({ state: 'detached' })
  await eventually(async () => (await decided(asks)).join() === 'deny', 'the answer is stored')
  await world.turnOver(asks.id)
}, 120_000)

test('inbox-elsewhere: what somebody else answered goes, and it is said who it was', async () => {
  await ask(asks)
  await world.product.cli(['deny', (await openOf(asks)).approvalId])
  await eventually(async () => (await decided(asks)).join() === 'deny,deny', 'the command line denied it')
  await phone.getByText(/^Denied by ada on cli/).waitFor()
  await card(asks).waitFor({ state: 'detached' })
  await world.turnOver(asks.id)
}, 90_000)

test('inbox-review, inbox-pause, inbox-wake: rows are swiped too, and every swipe has a button beside it', async () => {
  await phone.goto(home())
  await row(demo).waitFor()
  await swipe(row(demo), 240)
  await phone.waitForURL(world.at(demo, 'changes'))
  await phone.goto(home())
  await row(demo).getByRole('button', { name: 'Pause demo' }).waitFor()
  await swipe(row(demo), -240)
  await phone.getByText('demo is being put to sleep').waitFor()
  await main().getByRole('region', { name: 'Resting' }).getByText('$0.00/h').first().waitFor({ timeout: 60_000 })
  await row(demo).getByRole('button', { name: 'Wake demo' }).click()
  await row(demo).getByRole('button', { name: 'Pause demo' }).waitFor({ timeout: 60_000 })
}, 180_000)

test('inbox-states: every row has its shape and its word, and the look follows what the person set in the system', async () => {
  await ask(asks)
  await phone.goto(home())
  await card(asks).waitFor()
  expect(await card(asks).locator('use').first().getAttribute('href')).toBe('#st-needs')
  for (const section of await main().locator('.rows > section').all()) {
    const word = await section.getAttribute('aria-label')
    for (const use of await section.locator('.item > svg use').all()) expect([word, await use.getAttribute('href')]).toEqual([word, expect.stringMatching(/^#st-/)])
  }
  const colours = () => phone.evaluate(() => {
    const style = getComputedStyle(document.documentElement)
    return { ground: getComputedStyle(document.body).backgroundColor, line: style.getPropertyValue('--line'), move: style.getPropertyValue('--move') }
  })
  await phone.emulateMedia({ colorScheme: 'light', contrast: 'no-preference', reducedMotion: 'no-preference' })
  const usual = await colours()
  await phone.emulateMedia({ colorScheme: 'dark', contrast: 'more', reducedMotion: 'reduce' })
  const other = await colours()
  expect([other.ground, other.line, other.move].map((value, index) => value !== [usual.ground, usual.line, usual.move][index])).toEqual([true, true, true])
  // Where the system takes the colours away, words and shapes are left.
  await phone.emulateMedia({ forcedColors: 'active', colorScheme: 'light', contrast: null, reducedMotion: 'reduce' })
  expect(await card(asks).getByRole('button', { name: 'Allow once' }).isVisible()).toBe(true)
  await phone.emulateMedia({ forcedColors: 'none' })
  const desk = await world.open(DESK)
  await desk.getByRole('navigation', { name: 'Workspaces' }).getByRole('heading', { name: 'asks' }).waitFor()
  await desk.context().close()
}, 90_000)

test('clock-wrong: on a device whose clock is wrong by hours, what is told as time is right', async () => {
  for (const hours of [5, -5]) {
    const page = await world.open(PHONE)
    await page.addInitScript((wrongMs) => {
      const Real = Date
      const wrong = function (...given: unknown[]) { return Reflect.construct(Real, given.length > 0 ? given : [Real.now() + wrongMs], new.target ?? Real) as Date }
      globalThis.Date = Object.assign(wrong, { now: () => Real.now() + wrongMs, parse: Real.parse, UTC: Real.UTC, prototype: Real.prototype }) as unknown as DateConstructor
    }, hours * 3_600_000)
    await page.goto(home())
    expect(Math.abs(await page.evaluate(() => Date.now()) - Date.now())).toBeGreaterThan(4 * 3_600_000)
    const there = page.getByRole('main').getByRole('region', { name: /^Needs you:/ }).filter({ hasText: 'asks' })
    await there.getByText(/^(?:now|\d+ (?:s|min) ago)$/).first().waitFor()
    await page.goto(world.at(asks))
    // Since when it waits, in minutes and seconds.
    await page.locator('.strip').getByText(/^[0-9]:\d\d$/).waitFor()
    await page.goto(world.at(asks, 'status'))
    await page.getByRole('region', { name: 'Machine' }).getByText(/^(?:now|\d+ min ago)$/).first().waitFor()
    await page.context().close()
  }
}, 120_000)

test('nothing that was shown made the browser complain', () => {
  expect(world.complaints).toEqual([])
})
