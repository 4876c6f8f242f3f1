/**
 * A page that holds a long session, its reader at the end, on a slow processor: from the message on its socket until the
 * frame with the new card is drawn, and what the page's script holds in memory. A message comes when it comes, so half a
 * frame of waiting is in it; once more with each at the beginning of a frame, as a script that appends in a loop has it.
 * The floor is a page of one paragraph, turn about.
 */
import type { BrowserContext, Page } from 'playwright-core'
import type { WorkspaceId } from '@berth/wire'
import { openBarePage, type BarePage } from './bare-page.ts'
import { heapBytes, openBrowser, PHONE, SLOWDOWN } from './browser.ts'
import { MB, percentile } from './measure.ts'
import type { Bench } from './measure.ts'
import { startPlainWorkspace } from './plain-workspace.ts'
import { signedIn } from './signed-in.ts'
import { openStoredEvents, said, work } from './stored-events.ts'
import type { StoredEvents } from './stored-events.ts'

const GOAL = { appendMs: 17, heapMb: 10 }
const EVENTS = 2000
const FEW = 100
const APPENDS = 60
/** The first ones only warm. */
const WARMING = 10
const SHOWN_MS = 60_000
/** What one drawing leaves to be done is not part of the next. */
const REST_MS = 100
/** So many at a time, as a busy agent sends them: the page folds and draws each time. */
const BURST = 50

export const pageAppend: Bench = {
  name: 'page-append',
  summary: 'one more card on a page with 2,000 events, and its heap',
  async *run({ signal }) {
    const closers: (() => Promise<void>)[] = []
    try {
      const browser = await openBrowser()
      closers.unshift(() => browser.close())
      const workspace = await startPlainWorkspace('sleep 100000')
      closers.unshift(() => workspace.close())
      const events = await openStoredEvents(workspace.product)
      closers.unshift(() => events.close())
      const storage = await signedIn(browser, workspace.product)
      const context = await browser.newContext({ ...PHONE, storageState: storage, serviceWorkers: 'block' })
      const page = await open(context, `${workspace.product.server().url}/workspaces/${workspace.id}`)
      const session = await context.newCDPSession(page)
      await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN })
      const bare = await openBarePage(browser, watchFrames)
      closers.unshift(() => bare.close())
      const at = { events, page, bare, id: workspace.id, signal }
      await fill(at, 0, FEW)
      const few = await appends(at, 'few')
      await fill(at, FEW, EVENTS)
      const heap = await heapBytes(session)
      const { ours, floor } = await appends(at, 'many')
      const detail = `${ours.length} messages, one after the other, ${SLOWDOWN}x slower; from the socket to the drawn frame; with ${FEW} events ${percentile(few.ours, 50).toFixed(1)} ms; floor: a page of one paragraph`
      yield { name: 'page-append-p50', value: percentile(ours, 50), unit: 'ms', floor: percentile(floor, 50), goal: { valueAtMost: GOAL.appendMs }, detail }
      yield { name: 'page-append-p95', value: percentile(ours, 95), unit: 'ms', floor: percentile(floor, 95), detail }
      const fromFrame = await appends(at, 'from a frame')
      const framed = `the same, each message at the beginning of a frame, so that no wait for the screen is in it but the frame's own`
      yield { name: 'page-append-frame-p50', value: percentile(fromFrame.ours, 50), unit: 'ms', floor: percentile(fromFrame.floor, 50), goal: { valueAtMost: GOAL.appendMs }, detail: framed }
      yield { name: 'page-append-frame-p95', value: percentile(fromFrame.ours, 95), unit: 'ms', floor: percentile(fromFrame.floor, 95), detail: framed }
      yield { name: 'page-heap', value: heap / MB, unit: 'MB', floor: null, goal: { valueAtMost: GOAL.heapMb }, detail: `the script's heap with ${EVENTS} events in it, after a collection` }
    } finally {
      for (const close of closers) await close()
    }
  },
}

interface At { readonly events: StoredEvents; readonly page: Page; readonly bare: BarePage; readonly id: WorkspaceId; readonly signal: AbortSignal }

async function open(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage()
  await page.addInitScript(watchFrames)
  await page.goto(url)
  await page.waitForFunction(() => document.documentElement.classList.contains('live'))
  return page
}

/**
 * In the page, before its script: when a message of events came, and when the frame after it was drawn. Nobody else looks
 * meanwhile. Where `name` of the window says so, a message is held until the frame before it is drawn.
 */
function watchFrames(): void {
  const channel = new MessageChannel()
  let next = (): void => undefined
  channel.port1.onmessage = () => next()
  // Posted from within a frame it comes after what that frame drew.
  const afterFrame = (then: () => void): void => void requestAnimationFrame(() => {
    next = then
    channel.port2.postMessage(null)
  })
  globalThis.WebSocket = class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols)
      this.addEventListener('message', (event) => {
        if (!String(event.data).startsWith('{"type":"events"')) return
        if (event.isTrusted && window.name === 'from a frame') {
          event.stopImmediatePropagation()
          return afterFrame(() => this.dispatchEvent(new MessageEvent('message', { data: event.data })))
        }
        const since = performance.now()
        afterFrame(() => console.debug(`drawn ${performance.now() - since}`))
      })
    }
  }
}

async function fill({ events, page, id, signal }: At, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += BURST) {
    signal.throwIfAborted()
    await events.append(id, work(Math.min(BURST, to - at), at))
  }
  await shown({ events, page, id }, `filled up to ${to}.`)
  // A reader who was left behind would see nothing of what is measured.
  await page.waitForFunction(isAtEnd, null, { timeout: SHOWN_MS })
}

async function shown({ events, page, id }: Omit<At, 'signal' | 'bare'>, text: string): Promise<void> {
  await events.append(id, [said(text)])
  await page.getByText(text).waitFor({ timeout: SHOWN_MS })
}

function isAtEnd(): boolean {
  const log = document.querySelector('[role=log]')
  return log !== null && log.scrollHeight - log.scrollTop - log.clientHeight < 1
}

async function appends({ events, page, bare, id, signal }: At, name: string): Promise<{ ours: number[]; floor: number[] }> {
  const ours: number[] = []
  const floor: number[] = []
  for (const shown of [page, bare.page]) await shown.evaluate((as) => void (window.name = as), name)
  for (let append = 0; append < APPENDS; append++) {
    signal.throwIfAborted()
    const text = `${name} and one more, ${append}.`
    ours.push(await drawn(page, () => events.append(id, [said(text)])))
    floor.push(await drawn(bare.page, () => bare.say(text)))
  }
  await page.getByText(`${name} and one more, ${APPENDS - 1}.`).waitFor({ timeout: SHOWN_MS })
  await page.waitForFunction(isAtEnd, null, { timeout: SHOWN_MS })
  return { ours: ours.slice(WARMING), floor: floor.slice(WARMING) }
}

/** Told by the page: whatever is evaluated in it stays in its heap. */
async function drawn(page: Page, act: () => Promise<void> | void): Promise<number> {
  const told = page.waitForEvent('console', { predicate: (message) => message.text().startsWith('drawn '), timeout: SHOWN_MS })
  await act()
  const { length } = 'drawn '
  const ms = Number((await told).text().slice(length))
  await Bun.sleep(REST_MS)
  return ms
}
