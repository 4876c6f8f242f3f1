/**
 * A page that holds a long session, its reader at the end, on a slow processor, and what its script holds in memory. Once
 * as messages come: from the one on its socket until the frame with the new card is drawn, half a frame of waiting in it.
 * Once in a loop, the next card after the frame of the one before it, each with its frame: how the goal, one
 * frame, was taken. The floor is a page of one paragraph, in the same run.
 */
import type { BrowserContext, ConsoleMessage, Page } from 'playwright-core'
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
      yield { name: 'page-append-p50', value: percentile(ours, 50), unit: 'ms', floor: percentile(floor, 50), detail }
      yield { name: 'page-append-p95', value: percentile(ours, 95), unit: 'ms', floor: percentile(floor, 95), detail }
      const loop = await appendsInLoop(at)
      const looped = `${loop.ours.length} messages in a loop, each after the frame of the one before it, ${SLOWDOWN}x slower; with its frame (60 a second)`
      yield { name: 'page-append-loop-p50', value: percentile(loop.ours, 50), unit: 'ms', floor: percentile(loop.floor, 50), goal: { valueAtMost: GOAL.appendMs }, detail: looped }
      yield { name: 'page-append-loop-p95', value: percentile(loop.ours, 95), unit: 'ms', floor: percentile(loop.floor, 95), detail: looped }
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
 * In the page, before its script: how long each message of events took until its frame was drawn. Nobody else looks
 * meanwhile. Where the window's name is a number, that many messages are held first and then given one by one, each when
 * the frame of the one before it is drawn.
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
  const held: (() => void)[] = []
  globalThis.WebSocket = class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols)
      this.addEventListener('message', (event) => {
        if (!String(event.data).startsWith('{"type":"events"')) return
        const hold = event.isTrusted ? Number(window.name) || 0 : 0
        if (hold > 0) {
          event.stopImmediatePropagation()
          held.push(() => this.dispatchEvent(new MessageEvent('message', { data: event.data })))
          console.debug(`held ${held.length}`)
          if (held.length === hold) afterFrame(() => held.shift()?.())
          return
        }
        const since = performance.now()
        afterFrame(() => {
          console.debug(`drawn ${performance.now() - since}`)
          held.shift()?.()
        })
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

async function appendsInLoop({ events, page, bare, id, signal }: At): Promise<{ ours: number[]; floor: number[] }> {
  const ours = await loop(page, (text) => events.append(id, [said(text)]), signal)
  await page.waitForFunction(isAtEnd, null, { timeout: SHOWN_MS })
  return { ours, floor: await loop(bare.page, (text) => bare.say(text), signal) }
}

async function loop(page: Page, say: (text: string) => Promise<void> | void, signal: AbortSignal): Promise<number[]> {
  const took: number[] = []
  const all = Promise.withResolvers<void>()
  const heard = (message: ConsoleMessage): void => {
    const ms = told(message, 'drawn')
    if (ms !== null && took.push(ms) === APPENDS) all.resolve()
  }
  await page.evaluate((many) => void (window.name = String(many)), APPENDS)
  page.on('console', heard)
  for (let append = 1; append <= APPENDS; append++) {
    signal.throwIfAborted()
    const held = page.waitForEvent('console', { predicate: (message) => told(message, 'held') === append, timeout: SHOWN_MS })
    await say(`in a loop and one more, ${append}.`)
    await held
  }
  await all.promise
  page.off('console', heard)
  await page.getByText(`in a loop and one more, ${APPENDS}.`).waitFor({ timeout: SHOWN_MS })
  return took.slice(WARMING)
}

/** Told by the page: whatever is evaluated in it stays in its heap. */
async function drawn(page: Page, act: () => Promise<void> | void): Promise<number> {
  const heard = page.waitForEvent('console', { predicate: (message) => told(message, 'drawn') !== null, timeout: SHOWN_MS })
  await act()
  const ms = Number(told(await heard, 'drawn'))
  await Bun.sleep(REST_MS)
  return ms
}

function told(message: ConsoleMessage, what: string): number | null {
  const [word, number] = message.text().split(' ')
  return word === what ? Number(number) : null
}
