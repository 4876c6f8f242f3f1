/** At a desk: everything by keyboard, many workspaces at once, and from there to the phone. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { encode } from 'uqr'
import type { Locator, Page } from 'playwright-core'
import type { Approval, Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { CHROMIUM, DESK, PHONE, startWorld, test, type World } from './world.ts'

let world: World
let demo: Workspace
let first: Workspace
let second: Workspace
let desk: Page

const home = () => new URL('/', demo.webUrl).href
const field = () => desk.getByRole('textbox', { name: 'Message to the agent' })
const palette = () => desk.getByRole('dialog', { name: 'Search and commands' })
const keys = async (...pressed: string[]) => { for (const key of pressed) await desk.keyboard.press(key) }
/** The page is seen before anything listens to keys; one that changes nothing says when that is. */
const go = async (url: string) => {
  await desk.goto(url)
  const help = desk.getByRole('dialog', { name: 'Keyboard' })
  await eventually(async () => { await keys('?'); return help.isVisible() }, 'the keys')
  await keys('Escape')
  await help.waitFor({ state: 'detached' })
}
const room = (name: string) => desk.getByRole('region', { name, exact: true })
const waiting = async (workspace: Workspace) => (await world.workspace(workspace.id)).needsYou
const decided = async (workspace: Workspace) => (await world.ask<Approval[]>('GET', `/approvals?workspace=${workspace.id}&all=true`)).map(({ decision }) => decision?.behavior ?? null)

beforeAll(async () => {
  if (CHROMIUM === null) return
  world = await startWorld({
    scenarios: {
      change: () => [[{ tool: 'bash', input: { command: "printf 'new\\n' > new.txt" } }], [{ text: 'Everything is changed.' }]],
      ask: () => [[{ tool: 'bash', input: { command: 'touch asked-for.txt' } }], [{ text: 'It is over.' }]],
      push: () => [[{ tool: 'bash', input: { command: 'git push --force origin main' } }], [{ text: 'It is over.' }]],
    },
  })
  demo = await world.up('demo', 'please do [[change]]', '--approvals', 'skip')
  first = await world.up('first', 'please do [[ask]]')
  second = await world.up('second', 'please do [[ask]]')
  await world.turnOver(demo.id)
  await eventually(async () => (await waiting(first)) + (await waiting(second)) === 2, 'two questions')
  desk = await world.open(DESK)
}, 300_000)

afterAll(() => world?.close(), 120_000)

test('palette-go, palette-command, palette-file: one key, some letters, and one is there', async () => {
  // The keys come after what is seen.
  await eventually(async () => { await keys('Control+k'); return palette().isVisible() }, 'the palette')
  await palette().getByRole('combobox').fill('dem')
  await palette().getByRole('option', { name: /^demo/, selected: true }).waitFor()
  await keys('Enter')
  await desk.getByRole('heading', { level: 1, name: 'demo' }).waitFor()
  await keys('Control+k')
  await palette().getByRole('combobox').fill('>files')
  await keys('Enter')
  await room('Files').waitFor()
  await keys('Control+k')
  await palette().getByRole('combobox').fill('/readm')
  await palette().getByRole('option', { name: /README\.md/, selected: true }).waitFor()
  await keys('Enter')
  await eventually(async () => (await field().inputValue()) === '@README.md ', 'the file is mentioned')
  await field().fill('')
  await desk.getByRole('button', { name: 'Actions' }).focus()
  await keys('Control+k')
  await palette().waitFor()
  await keys('Escape')
  await palette().waitFor({ state: 'detached' })
  expect(await desk.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Actions')
  await keys('?')
  await desk.getByRole('dialog', { name: 'Keyboard' }).getByRole('button', { name: 'Close' }).click()
  await desk.getByRole('dialog', { name: 'Keyboard' }).waitFor({ state: 'detached' })
  expect(await desk.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Actions')
}, 60_000)

test('keyboard-go: every room and place by two keys, and back by one', async () => {
  await go(world.at(demo))
  await room('Changes').waitFor()
  for (const [key, name] of [['t', 'Terminal'], ['f', 'Files'], ['p', 'Preview'], ['s', 'Status'], ['r', 'Changes']] as const) {
    await desk.locator('body').evaluate(() => { if (document.activeElement instanceof HTMLElement) document.activeElement.blur() })
    await keys('g', key)
    await room(name).waitFor()
  }
  await keys('Escape')
  await desk.waitForURL(world.at(demo))
  await keys('?')
  await desk.getByRole('dialog', { name: 'Keyboard' }).waitFor()
  await keys('Escape')
  await desk.getByRole('dialog', { name: 'Keyboard' }).waitFor({ state: 'detached' })
  await keys('.')
  const actions = desk.getByRole('dialog', { name: 'demo' })
  await actions.getByRole('button', { name: 'Pause all' }).waitFor()
  await keys('ArrowDown', 'Escape')
  await actions.waitFor({ state: 'detached' })
  // In a room of its own the same key is the room's.
  await desk.locator('body').evaluate(() => { if (document.activeElement instanceof HTMLElement) document.activeElement.blur() })
  await keys('c')
  expect(await field().evaluate((element) => element === document.activeElement)).toBe(true)
  await keys('Escape', 'g', 'l')
  await desk.waitForURL(/\/grid$/)
  await keys('g', ',')
  await desk.waitForURL(/\/settings$/)
  await keys('g', 'i')
  await desk.waitForURL(home())
  // Two wait: a key answers none that was not walked to.
  await desk.getByRole('main').getByRole('region', { name: /^Needs you:/ }).nth(1).waitFor()
  await keys('n')
  expect([await waiting(first), await waiting(second)]).toEqual([1, 1])
  await keys('g', 'n')
  await desk.getByRole('dialog').getByRole('combobox', { name: 'Repository' }).waitFor()
  // The list of repositories, once it has come, takes the first for itself.
  await eventually(async () => {
    await keys('Escape')
    return desk.waitForURL(home(), { timeout: 2000 }).then(() => true, () => false)
  }, 'the form closes', 20_000)
  // A dialog that is still closing takes the key for itself.
  await eventually(async () => {
    await keys('Alt+3')
    return desk.waitForURL(world.at(demo), { timeout: 2000 }).then(() => true, () => false)
  }, 'the third of the list', 20_000)
}, 60_000)

test('keyboard-list, keyboard-answer: down the list, and yes or no to the card that has the focus', async () => {
  await go(home())
  await desk.getByRole('main').getByRole('region', { name: /^Needs you:/ }).nth(1).waitFor()
  await keys('j')
  const focused = () => desk.evaluate(() => document.activeElement?.closest('.ask')?.textContent ?? document.activeElement?.textContent ?? '')
  // The list beside comes first, then the cards; whichever order the two questions stand in.
  for (let step = 0; step < 12 && !(await desk.evaluate(() => document.activeElement?.closest('.ask') !== null)); step++) await keys('j')
  await keys('j')
  const mine = (await focused()).includes('second') ? second : first
  const other = mine === second ? first : second
  await keys('y')
  await eventually(async () => (await decided(mine)).includes('allow'), 'the card with the focus is allowed')
  expect(await decided(other)).toEqual([null])
  await world.turnOver(mine.id)
  await go(world.at(other))
  await desk.locator('.dock').getByRole('button', { name: 'Deny', exact: true }).waitFor()
  await keys('n')
  await eventually(async () => (await decided(other)).includes('deny'), 'the other one is denied')
  await world.turnOver(other.id)
}, 90_000)

test('keyboard-hold: what is held under a thumb takes two presses of a key, never one', async () => {
  await world.product.cli(['send', first.id, 'please do [[push]]'])
  await go(world.at(first))
  const hold = desk.locator('.dock').getByRole('button', { name: 'Hold to allow once' })
  await hold.waitFor()
  await keys('y')
  expect(await hold.evaluate((element) => element === document.activeElement)).toBe(true)
  await keys('Enter')
  await desk.locator('.dock').getByRole('button', { name: 'Press again to allow once' }).waitFor()
  expect(await waiting(first)).toBe(1)
  await keys('Enter')
  await eventually(async () => (await waiting(first)) === 0, 'the second press counts')
  await world.turnOver(first.id)
}, 90_000)

/** Whatever can be clicked on the page, or in the dialog that is open, that the Tab key does not come to. */
async function unreached(within: Locator): Promise<string[]> {
  const total = await within.evaluate((root) => {
    const all = [...root.querySelectorAll<HTMLElement>('a[href], button, input, select, textarea, summary, [role="button"], [tabindex]')]
    const wanted = all.filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.matches(':disabled, [tabindex="-1"]') && !(element instanceof HTMLInputElement && element.type === 'radio'))
    for (const [index, element] of wanted.entries()) element.dataset['walk'] = String(index)
    ;(document.activeElement as HTMLElement | null)?.blur()
    return wanted.length
  })
  for (let step = 0; step < total * 2 + 10; step++) {
    await desk.keyboard.press('Tab')
    if (await desk.evaluate(() => { delete (document.activeElement as HTMLElement | null)?.dataset['walk']; return document.querySelectorAll('[data-walk]').length === 0 })) return []
  }
  return within.evaluate((root) => [...root.querySelectorAll<HTMLElement>('[data-walk]')].map((element) => `${element.tagName} ${element.getAttribute('aria-label') ?? element.textContent}`))
}

test('keyboard-tab: the Tab key comes to everything that a pointer can press', async () => {
  const body = desk.locator('body')
  for (const [path, ready] of [['/', 'Inbox'], ['/grid', 'demo'], ['/settings', 'Notify this device'], [`/workspaces/${demo.id}/changes`, 'new.txt'], [`/workspaces/${demo.id}/files`, 'README.md'], [`/workspaces/${demo.id}/status`, 'demo']] as const) {
    await desk.goto(new URL(path, demo.webUrl).href)
    await desk.getByText(ready).first().waitFor()
    expect([path, await unreached(body)]).toEqual([path, []])
  }
  await desk.goto(new URL('/new', demo.webUrl).href)
  await desk.getByRole('dialog').getByText('Stay awake').waitFor()
  expect(await unreached(desk.getByRole('dialog'))).toEqual([])
}, 120_000)

test('forced-colours: where the system sets the colours, the focus, what is chosen, the edges of fields and what changed are still seen', async () => {
  const page = await world.open({ ...DESK, forcedColors: 'active' })
  const unseen: string[] = []
  for (const [path, ready] of [['/', 'Inbox'], ['/new', 'Stay awake'], ['/settings', 'Notify this device'], [`/workspaces/${first.id}`, 'touch asked-for.txt'], [`/workspaces/${demo.id}/changes`, 'new.txt'], [`/workspaces/${demo.id}/files`, 'README.md']] as const) {
    await page.goto(new URL(path, demo.webUrl).href)
    await page.getByText(ready).locator('visible=true').first().waitFor()
    unseen.push(...(await page.evaluate(withoutLines)).map((what) => `${path}: ${what}`))
    for (let at = 0; at < 16; at++) {
      await page.keyboard.press('Tab')
      const lost = await page.evaluate(focusUnseen)
      if (lost !== null) unseen.push(`${path}: focus on ${lost}`)
    }
  }
  expect(unseen).toEqual([])
  await page.goto(world.at(demo, 'changes'))
  await page.locator('.diff .l.a .sign').first().getByText('+').waitFor()
  await page.getByRole('button', { name: 'Search and commands' }).locator('visible=true').first().click()
  const chosen = page.getByRole('dialog', { name: 'Search and commands' }).getByRole('option', { selected: true })
  expect(await chosen.evaluate((option) => getComputedStyle(option).outlineStyle)).toBe('solid')
  await page.context().close()
}, 120_000)

test('reflow-asked: on a screen that is short, as one is that is enlarged to 200 %, what is asked and the answers are seen together', async () => {
  await world.product.cli(['send', first.id, 'please do [[ask]]'])
  await eventually(async () => (await waiting(first)) === 1, 'its question')
  const page = await world.open({ viewport: { width: 640, height: 360 } })
  await page.goto(world.at(first))
  const card = page.locator('.dock').getByRole('region', { name: /^Needs you/ })
  for (const part of [card.getByText('touch asked-for.txt'), card.getByRole('button', { name: 'Deny', exact: true }), card.getByRole('button', { name: 'Allow once' })]) {
    await part.waitFor()
    // What is there at its edges is it, and not what cuts it.
    expect(await part.evaluate((element) => {
      const { left, top, bottom } = element.getBoundingClientRect()
      return [top + 3, bottom - 3].map((y) => { const there = document.elementFromPoint(left + 6, y); return there !== null && (element.contains(there) || there.contains(element)) && there.closest('.dock') !== null })
    })).toEqual([true, true])
  }
  await page.context().close()
}, 60_000)

/** In the page: what is chosen, and fields, that nothing but a ground or a shadow would show. */
function withoutLines(): string[] {
  const drawn = (element: Element) => { const { outlineStyle, borderTopStyle, borderBottomStyle } = getComputedStyle(element); return outlineStyle !== 'none' || borderTopStyle !== 'none' || borderBottomStyle !== 'none' }
  const box = (element: Element) => (getComputedStyle(element).opacity === '0' || element.closest('.composer, .palette-field') ? (element.closest('label, .composer, .palette-field') ?? element) : element)
  const wanted = '[aria-pressed="true"], [aria-selected="true"], [aria-current]:not([aria-current="false"]), input:not([type="checkbox"], [type="file"]), textarea, select'
  return [...document.querySelectorAll(wanted)].filter((element) => element.checkVisibility() && !drawn(box(element))).map((element) => element.outerHTML.slice(0, 120))
}

/** In the page: null when it has a line around it. */
function focusUnseen(): string | null {
  const focused = document.activeElement
  if (focused === null || focused === document.body) return null
  const holder = getComputedStyle(focused).opacity === '0' ? (focused.closest('label') ?? focused) : focused
  const { outlineStyle, outlineWidth } = getComputedStyle(holder)
  return outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2 ? null : focused.outerHTML.slice(0, 120)
}

test('tiles-live, tiles-open: many at once, each as it goes on, and one press away', async () => {
  await desk.goto(new URL('/grid', demo.webUrl).href)
  const tile = desk.getByRole('region', { name: 'Live tiles' }).getByRole('link').filter({ hasText: 'demo' })
  await tile.getByText('Ready to review').waitFor()
  expect(await desk.getByRole('region', { name: 'Live tiles' }).getByRole('link').count()).toBe(3)
  await world.product.cli(['send', demo.id, '[[say seen in the tile]]'])
  await tile.getByText('seen in the tile', { exact: true }).waitFor()
  await world.turnOver(demo.id)
  await tile.click()
  await desk.waitForURL(world.at(demo))
}, 60_000)

test('qr-phone: the code on the screen signs a phone in, once, and leads it to this session', async () => {
  await desk.goto(world.at(demo))
  await desk.getByRole('button', { name: 'Actions' }).click()
  await desk.getByRole('button', { name: /Open on a phone/ }).click()
  const sheet = desk.getByRole('dialog', { name: 'demo on a phone' })
  await sheet.getByText('Signs one browser in, once').waitFor()
  const url = await sheet.locator('.cmd, code, pre').filter({ hasText: 'sign-in' }).first().innerText()
  // What the camera reads: the squares of exactly this address.
  const squares = encode(url.trim(), { ecc: 'M', border: 2 }).data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('')
  expect(await sheet.getByRole('img', { name: /QR code/ }).locator('path').getAttribute('d')).toBe(squares)
  await sheet.getByText('This address is only for this computer').waitFor()
  const context = await world.browser.newContext(PHONE)
  const phone = await context.newPage()
  await phone.goto(url.trim())
  await phone.getByRole('button', { name: 'Sign in on this browser' }).click()
  await phone.getByRole('heading', { level: 1, name: 'demo' }).waitFor()
  expect(new URL(phone.url()).pathname).toBe(`/workspaces/${demo.id}`)
  await phone.goto(url.trim())
  await phone.getByRole('button', { name: 'Sign in on this browser' }).click()
  await phone.getByRole('heading', { name: /used already/ }).waitFor()
  await context.close()
}, 60_000)

test('previews-list: what listens in the workspace is listed, and goes when it ends', async () => {
  const served = await world.product.json<Workspace>(['up', '.', '--provider', 'local', '--agent', 'plain', '--command', 'timeout 20 socat TCP-LISTEN:8123,fork,reuseaddr SYSTEM:cat; cat', '--no-open', '-y', '--name', 'served'], { cwd: world.dir })
  await desk.goto(world.at(served, 'preview'))
  await room('Preview').getByText(':8123').waitFor({ timeout: 30_000 })
  await room('Preview').getByText('Nothing listens yet').waitFor({ timeout: 60_000 })
}, 120_000)

test('previews-access: a port is made public with a warning, gets a link, and is private again', async () => {
  await world.product.cli(['preview', 'served', '8200', '--label', 'web'])
  await desk.goto(world.at(await world.product.json<Workspace[]>(['list']).then((list) => list.find(({ name }) => name === 'served') ?? demo), 'preview'))
  const row = room('Preview').locator('.port').filter({ hasText: ':8200' })
  await row.getByText('web, nothing listens').waitFor()
  expect(await row.getByRole('link', { name: 'Open port 8200' }).getAttribute('href')).toMatch(/^http:\/\/8200--served\.localhost:\d+$/)
  await row.getByRole('button', { name: 'More about port 8200' }).click()
  const sheet = desk.getByRole('dialog', { name: 'Port 8200' })
  await sheet.getByRole('button', { name: 'Public' }).click()
  await sheet.getByText('Everybody who knows the address opens it, without signing in').waitFor()
  await sheet.getByRole('button', { name: 'Private' }).click()
  await sheet.getByText('Only browsers that are signed in here open it.').waitFor()
  await sheet.getByRole('button', { name: 'Make a link to share' }).click()
  await sheet.getByText(/\.berth\/share\?token=berthshare_/).waitFor()
  await sheet.getByRole('button', { name: 'Make a new link' }).waitFor()
  await sheet.getByRole('button', { name: 'Close' }).click()
  await row.getByText('Who has the link').waitFor()
}, 60_000)

test('nothing that was shown made the browser complain', () => {
  expect(world.complaints).toEqual([])
})
