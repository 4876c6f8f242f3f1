/**
 * Without a connection: what was opened can be read, what is said waits and is said once, nothing old is answered.
 * And a page that sleeps with its phone comes back without a word of it, caught up. Between the page and the server
 * lies a relay that the tests cut.
 */
import { afterAll, beforeAll, expect } from 'bun:test'
import type { Page } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { CHROMIUM, DESK, PHONE, startWorld, test, type World } from './world.ts'
import { startNextVersion } from './next-version.ts'
import { startRelay, type Relay } from './relay.ts'

let world: World
let relay: Relay
let demo: Workspace
let asks: Workspace
let phone: Page

const NOT_HEARD = 'The server is not heard'
const log = () => phone.getByRole('log')
const at = (workspace: Workspace, room?: string) => relay.through(world.at(workspace, room))
const banner = () => phone.getByText(NOT_HEARD)
/** Looks without making the database: the page makes it. */
const kept = async (database: string, key: string) => (await read(database, key)) !== undefined
const read = (database: string, key: string) => phone.evaluate(async ([name = '', wanted = '']) => {
  if (!(await indexedDB.databases()).some((known) => known.name === name)) return undefined
  return new Promise<unknown>((resolve) => {
    const opening = indexedDB.open(name)
    opening.onsuccess = () => {
      const { result } = opening
      const asked = result.transaction('kept').objectStore('kept').get(wanted)
      asked.onsuccess = () => resolve((result.close(), asked.result))
    }
  })
}, [database, key])
/** As if this device had read as many reviews as it keeps, the first of them long ago. */
const readManyReviews = (first: string) => phone.evaluate((oldest) => new Promise<void>((resolve, reject) => {
  const opening = indexedDB.open('berth-rooms', 1)
  opening.onupgradeneeded = () => opening.result.createObjectStore('kept')
  opening.onsuccess = () => {
    const change = opening.result.transaction('kept', 'readwrite')
    change.objectStore('kept').put({ value: null, at: 1 }, oldest)
    change.objectStore('kept').put([oldest, ...Array.from({ length: 29 }, (_, index) => `review:${index}`)], 'order')
    change.oncomplete = () => resolve(opening.result.close())
    change.onerror = () => reject(change.error)
  }
}), first)

async function away(): Promise<void> {
  await relay.cut()
  await banner().waitFor()
}
async function back(): Promise<void> {
  await relay.mend()
  await banner().waitFor({ state: 'detached' })
}

beforeAll(async () => {
  if (CHROMIUM === null) return
  world = await startWorld({
    scenarios: {
      change: () => [[{ tool: 'bash', input: { command: "printf 'kept for the train\\n' > new.txt" } }], [{ text: 'Everything is changed.' }]],
      ask: () => [[{ tool: 'bash', input: { command: 'touch asked-for.txt' } }], [{ text: 'It is there.' }]],
    },
  })
  demo = await world.up('demo', 'please do [[change]]', '--approvals', 'skip')
  asks = await world.up('asks', 'please do [[ask]]')
  await world.turnOver(demo.id)
  relay = await startRelay(Number(new URL(demo.webUrl).port))
  phone = await world.open(PHONE, relay.through)
}, 300_000)

afterAll(async () => {
  await relay?.close()
  await world?.close()
}, 120_000)

test('install: the browser finds nothing that keeps the page from being an app', async () => {
  const session = await phone.context().newCDPSession(phone)
  await eventually(() => phone.evaluate(() => navigator.serviceWorker.controller !== null), 'the worker stands behind the page', 30_000)
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors')
  // A window without history of its own, as tests have it, is the one thing it does not install from.
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([])
  const { url, errors, data } = await session.send('Page.getAppManifest')
  expect([new URL(url).pathname, errors]).toEqual(['/manifest.webmanifest', []])
  const manifest = JSON.parse(data ?? '{}') as { display: string; icons: { src: string; purpose?: string }[] }
  expect(manifest.display).toBe('standalone')
  expect(manifest.icons.flatMap(({ purpose = 'any' }) => purpose.split(' '))).toContain('maskable')
  for (const { src } of manifest.icons) expect(await phone.evaluate(async (path) => (await fetch(path)).status, src)).toBe(200)
  await session.detach()
}, 60_000)

test('offline-session, offline-inbox: what was opened is read from the device, and says from when it is', async () => {
  await readManyReviews('review:long ago')
  await phone.goto(at(demo))
  await log().getByText('Everything is changed.').waitFor()
  await eventually(() => kept('berth', `session ${demo.id}`), 'the session is kept')
  await eventually(() => kept('berth-rooms', `review:${demo.id}`), 'its changes are kept')
  await eventually(async () => !(await kept('berth-rooms', 'review:long ago')), 'those of long ago are let go')
  await phone.goto(at(asks))
  await phone.locator('.dock').getByRole('region', { name: /^Needs you/ }).waitFor()
  await eventually(() => kept('berth', `session ${asks.id}`), 'the other session is kept')
  // The list has it some seconds after the card stands.
  await eventually(async () => ((await read('berth', 'list')) as { approvals: { workspaceId: string }[] } | undefined)?.approvals.some(({ workspaceId }) => workspaceId === asks.id) === true, 'what it asks is kept in the list')
  await relay.cut()
  // From nothing, as after the phone was off; at its end, also where it is longer than the screen.
  await phone.setViewportSize({ ...PHONE.viewport, height: 420 })
  await phone.goto(at(demo))
  await log().getByText('Everything is changed.').waitFor()
  await eventually(() => log().evaluate(({ scrollTop, scrollHeight, clientHeight }) => scrollTop > 0 && scrollHeight - scrollTop - clientHeight < 5), 'the end of it')
  await phone.setViewportSize(PHONE.viewport)
  expect(await banner().innerText()).toMatch(/as of \d\d:\d\d/)
  await phone.getByRole('link', { name: 'All workspaces' }).click()
  await phone.getByRole('main').getByText('demo', { exact: true }).waitFor()
  // From one to another without loading anything.
  await phone.getByRole('main').locator(`a[href="/workspaces/${asks.id}"]`).first().click()
  await log().getByText(/please do/).waitFor()
}, 120_000)

test('offline-changes: the changes of a session are read without a connection, and nothing is decided about them', async () => {
  await phone.goto(at(demo, 'changes'))
  const room = phone.locator('.review')
  await room.getByText('kept for the train').waitFor()
  await room.getByText(/As of|as of/).first().waitFor()
  expect(await room.getByRole('button', { name: 'Accept', exact: true }).isDisabled()).toBe(true)
}, 60_000)

test('offline-approval: nothing is answered from what is old, and all of it once the server is heard', async () => {
  await phone.goto(at(asks))
  const card = phone.locator('.dock').getByRole('region', { name: /^Needs you/ })
  await card.getByText(/may have been answered already/).waitFor()
  for (const name of ['Deny', 'Allow once', 'Edit', 'Deny with a reason', 'For this session']) expect(await card.getByRole('button', { name, exact: true }).isDisabled()).toBe(true)
  await phone.keyboard.press('y')
  await phone.goto(relay.through(new URL('/', demo.webUrl).href))
  const inInbox = phone.getByRole('main').getByRole('region', { name: /^Needs you:/ })
  expect(await inInbox.getByRole('button', { name: 'Allow once' }).isDisabled()).toBe(true)
  await back()
  // The server is heard a moment before its list is here, and what is shown is old until then.
  await inInbox.getByRole('button', { name: 'Allow once' }).and(phone.locator(':enabled')).waitFor()
  expect((await world.workspace(asks.id)).needsYou).toBe(1)
  await inInbox.getByRole('button', { name: 'Allow once' }).click()
  await inInbox.waitFor({ state: 'detached' })
  await world.turnOver(asks.id)
}, 90_000)

test('outbox-send, outbox-undo: what is said without a connection waits, can be taken back, and is said once', async () => {
  await phone.goto(at(demo))
  await log().getByText('Everything is changed.').waitFor()
  await away()
  const field = phone.getByRole('textbox', { name: 'Message to the agent' })
  const waiting = phone.getByRole('list', { name: 'Waiting for the connection' })
  for (const text of ['first from the train [[say one]]', 'never mind this', 'second from the train [[say two]]']) {
    await field.fill(text)
    await field.press('Enter')
    await waiting.getByText(text).waitFor()
  }
  await waiting.getByRole('listitem').filter({ hasText: 'never mind this' }).getByRole('button', { name: 'Undo' }).click()
  await eventually(async () => (await field.inputValue()) === 'never mind this', 'it is in the field again', 10_000)
  await field.fill('')
  // It waits on the device, not in the page.
  await phone.reload()
  await waiting.getByText('second from the train').waitFor()
  expect(await waiting.getByRole('listitem').count()).toBe(2)
  await back()
  await waiting.waitFor({ state: 'detached' })
  await log().getByText('two', { exact: true }).waitFor({ timeout: 60_000 })
  await world.turnOver(demo.id)
  const prompts = (await world.events(demo.id)).flatMap(({ body }) => (body.type === 'prompt' && body['status'] === 'accepted' ? [String(body['text'])] : []))
  expect(prompts.filter((text) => /from the train|never mind/.test(text)).map((text) => text.split(' ')[0] ?? '')).toEqual(['first', 'second'])
}, 150_000)

/** Whatever says that there is no connection, on any change of the page, as a person would see it. */
const watchWords = () => phone.evaluate(() => {
  const seen: string[] = []
  Object.assign(globalThis, { seen })
  const look = () => {
    const words = /not heard|disconnected|offline|reconnect/i.exec(document.body.innerText)?.[0]
    if (words) seen.push(words)
  }
  new MutationObserver(look).observe(document.documentElement, { subtree: true, childList: true, characterData: true, attributes: true })
  look()
})
const wordsSeen = () => phone.evaluate(() => (globalThis as unknown as { seen: string[] }).seen)
const setVisible = (visible: boolean) => phone.evaluate((state) => {
  Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state })
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => state === 'hidden' })
  document.dispatchEvent(new Event('visibilitychange'))
}, visible ? 'visible' : 'hidden')
/** The last of them: a new page begins later, and one that does not have the beginning does not count turns. */
const rows = async () => (await log().locator('.stretch > *').allInnerTexts()).map((text) => text.replace(/Turn \d+, /, '')).slice(-6)
/** While the page is away the agent goes on; back, the page holds what a new one would, once. */
async function caughtUp(word: string): Promise<void> {
  await log().getByText(word, { exact: true }).waitFor()
  await world.turnOver(demo.id)
  // The page hears of the end of the turn a little after the server.
  await log().locator('.stretch > *').last().getByText('$').waitFor()
  const [here, seen] = [await rows(), await wordsSeen()]
  expect(seen).toEqual([])
  expect(await log().getByText(word, { exact: true }).count()).toBe(1)
  await phone.reload()
  await log().getByText(word, { exact: true }).waitFor()
  expect(await rows()).toEqual(here)
}

async function frozen(breaks: () => Promise<void> | void): Promise<void> {
  await phone.goto(at(demo))
  await log().getByText('Everything is changed.').waitFor()
  await eventually(async () => (await world.workspace(demo.id)).viewers > 0, 'the page is connected')
  await watchWords()
  const session = await phone.context().newCDPSession(phone)
  await session.send('Debugger.enable')
  await setVisible(false)
  // Not one line of the page runs from here on.
  const paused = new Promise((resolve) => session.once('Debugger.paused', resolve))
  await session.send('Debugger.pause')
  await paused
  await breaks()
  const word = `awake${relay.connections}`
  // The five seconds are what is tested.
  await Promise.all([world.product.cli(['send', demo.id, `[[say ${word}]]`]), Bun.sleep(5000)])
  await relay.mend()
  await session.send('Debugger.resume')
  await setVisible(true)
  await session.detach()
  await caughtUp(word)
}

test('background-short: five seconds frozen, the socket closed by the system: not a word of it, and caught up', () => frozen(() => relay.cut()), 90_000)

test('background-half-open: five seconds frozen, the socket dead without a word: not a word of it, and caught up', () => frozen(() => relay.stall()), 90_000)

test('background-long: five minutes in a pocket: not a word of it, and caught up', async () => {
  await phone.clock.install()
  await phone.goto(at(demo))
  await log().getByText('Everything is changed.').waitFor()
  await eventually(async () => (await world.workspace(demo.id)).viewers > 0, 'the page is connected')
  await watchWords()
  await setVisible(false)
  await relay.cut()
  await world.product.cli(['send', demo.id, '[[say rested]]'])
  // Timers that came due meanwhile fire once, late, as when a device wakes.
  await phone.clock.fastForward('02:30')
  await phone.clock.fastForward('02:30')
  await relay.mend()
  await setVisible(true)
  await caughtUp('rested')
}, 90_000)

test('worker-two-tabs: a new version comes while two tabs stand open: nothing that is written is lost, and the rooms of both still open', async () => {
  const server = startNextVersion(Number(new URL(demo.webUrl).port))
  try {
    const one = await world.open(DESK, server.through)
    const two = await one.context().newPage()
    await two.goto(server.through(world.at(demo)))
    const field = two.getByRole('textbox', { name: 'Message to the agent' })
    await field.fill('half a sentence')
    const shells = () => one.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith('berth-shell-')))
    /** Says what stands instead when there were not so many. */
    const changedTo = async (page: Page, times: number): Promise<true> => {
      const now = await page.evaluate(async () => {
        const registration = await navigator.serviceWorker.getRegistration()
        const [{ workers }, installing, waiting, active] = [document.documentElement.dataset, registration?.installing?.state, registration?.waiting?.state, registration?.active?.state]
        const kept = await Promise.all((await caches.keys()).map(async (name) => [name, (await (await caches.open(name)).keys()).length]))
        return { workers: Number(workers ?? 0), installing, waiting, active, kept }
      })
      if (now.workers !== times) throw new Error(JSON.stringify(now))
      return true
    }
    for (const page of [one, two]) {
      await eventually(() => page.evaluate(() => navigator.serviceWorker.controller !== null), 'a worker stands behind both', 30_000)
      await page.evaluate(() => navigator.serviceWorker.addEventListener('controllerchange', () => (document.documentElement.dataset['workers'] = String(Number(document.documentElement.dataset['workers'] ?? 0) + 1))))
    }
    let last = (await shells()).join()
    for (const version of [1, 2]) {
      await server.update()
      // As another, whose browser was closed before it had all.
      await one.evaluate((name) => caches.open(name), `berth-shell-half${version}`)
      // At first it is refused; and whoever asks while the browser itself still looks is told what that finds, which may be the version before.
      await eventually(() => one.evaluate(async () => {
        const found = await (await navigator.serviceWorker.getRegistration())?.update() as ServiceWorkerRegistration | undefined
        return Boolean(found?.installing ?? found?.waiting)
      }), 'it is looked for', 30_000)
      for (const page of [one, two]) await eventually(() => changedTo(page, version), 'both have the new worker', 30_000)
      expect(await field.inputValue()).toBe('half a sentence')
      // The last version and this one: what is older is let go, and what never was one.
      await eventually(async () => { const kept = await shells(); return kept.length === 2 && kept.includes(last) }, 'two versions are kept', 10_000)
      last = (await shells()).filter((name) => name !== last).join()
      if (version > 1) continue
      // A room that this page never opened, and the server has no more.
      await one.getByRole('link', { name: 'Settings' }).first().click()
      await one.getByRole('heading', { name: 'Settings', level: 1 }).waitFor()
    }
    await one.context().close()
  } finally {
    await server.close()
  }
}, 120_000)
