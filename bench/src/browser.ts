/** Chromium as a phone sees the page: a slow network, a slow processor, nothing in the cache. The same for every page. */
import { chromium } from 'playwright-core'
import type { Browser, BrowserContext, BrowserContextOptions, CDPSession, Page } from 'playwright-core'
import { CHROMIUM, CHROMIUM_HINT, QUIET } from '@berth/testkit/chromium'
import { BerthError } from '@berth/wire/error'

export const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }
/** 1.6 Mbit/s down, 750 kbit/s up, 150 ms there and back. */
const SLOW = { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 750e3 / 8 }
export const SLOWDOWN = 4

export async function openBrowser(): Promise<Browser> {
  if (CHROMIUM === null) throw new BerthError('unsupported', 'there is no Chromium here', { hint: CHROMIUM_HINT })
  return chromium.launch({ executablePath: CHROMIUM, args: QUIET })
}

export interface Load {
  /** Of everything until the page stood still: headers and bodies as they crossed the wire. */
  readonly bytes: number
  readonly requests: number
  readonly firstPaintMs: number
  /** When a tap was first answered; null: no tap was tried. */
  readonly tapMs: number | null
}
export interface Visit {
  readonly url: string
  readonly storage: NonNullable<BrowserContextOptions['storageState']>
  /** Taps once and says whether something answered. */
  readonly tap?: (page: Page) => Promise<boolean>
  readonly limitMs?: number
}

const STILL_MS = 1500
const LIMIT_MS = 90_000
const TAP_EVERY_MS = 40

/** One visit with a cold cache. */
export async function load(browser: Browser, visit: Visit): Promise<Load> {
  const context = await browser.newContext({ ...PHONE, storageState: visit.storage, serviceWorkers: 'block' })
  try {
    const page = await context.newPage()
    const traffic = await slowDown(context, page)
    const limit = visit.limitMs ?? LIMIT_MS
    await page.goto(visit.url, { waitUntil: 'commit', timeout: limit })
    const tapMs = visit.tap === undefined ? null : await answered(page, visit.tap, limit)
    const firstPaintMs = await firstPaint(page, limit)
    const bytes = await traffic.still()
    return { bytes, requests: traffic.requests(), firstPaintMs, tapMs }
  } finally {
    await context.close()
  }
}

interface Traffic { requests(): number; /** The bytes, once nothing came for a while. */ still(): Promise<number> }
async function slowDown(context: BrowserContext, page: Page): Promise<Traffic> {
  const session = await context.newCDPSession(page)
  await session.send('Network.enable')
  await session.send('Network.setCacheDisabled', { cacheDisabled: true })
  await session.send('Network.emulateNetworkConditions', SLOW)
  await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN })
  let bytes = 0
  let count = 0
  let at = performance.now()
  session.on('Network.requestWillBeSent', () => void (count += 1))
  session.on('Network.dataReceived', () => void (at = performance.now()))
  session.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength
    at = performance.now()
  })
  return {
    requests: () => count,
    async still() {
      for (let waited = 0; waited < LIMIT_MS && performance.now() - at < STILL_MS; waited += 100) await Bun.sleep(100)
      return bytes
    },
  }
}

/** The browser's own mark, since the navigation began. */
async function firstPaint(page: Page, limitMs: number): Promise<number> {
  const mark = await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null, null, { timeout: limitMs, polling: 100 })
  return Number(await mark.jsonValue())
}

async function answered(page: Page, tap: (page: Page) => Promise<boolean>, limitMs: number): Promise<number> {
  const until = performance.now() + limitMs
  while (performance.now() < until) {
    if (await tap(page).catch(() => false)) return page.evaluate(() => performance.now())
    await Bun.sleep(TAP_EVERY_MS)
  }
  throw new BerthError('timeout', `no tap was answered within ${limitMs / 1000} s`)
}

/** What the page holds after everything that nobody needs is gone. */
export async function heapBytes(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.enable')
  for (let round = 0; round < 3; round++) await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = (await session.send('Runtime.getHeapUsage'))
  return usedSize
}
