/** A session of 50,000 events until its page stands and follows, against one of 100 on the same server, turn about. */
import type { Browser, BrowserContextOptions } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import { openBrowser, PHONE } from './browser.ts'
import { sideBySide, spread } from './measure.ts'
import type { Bench } from './measure.ts'
import { startProduct } from './product.ts'
import type { Product } from './product.ts'
import { signedIn } from './signed-in.ts'
import { openStoredEvents, said, work } from './stored-events.ts'
import { bringUp, plainOn } from './workspace.ts'

const GOAL_RATIO = 1.2
const MANY = 50_000
const FEW = 100
const LAST = 'The last word of it.'
const RUNS = 15

export const pageOpen: Bench = {
  name: 'page-open',
  summary: 'a page of a session with 50,000 events, against one with 100',
  async *run({ signal, note }) {
    const browser = await openBrowser()
    const product = startProduct()
    try {
      const many = await session(product, 'many', MANY)
      const few = await session(product, 'few', FEW)
      note('the events are stored')
      const storage = await signedIn(browser, product)
      const { value, floor, values } = await sideBySide(signal, () => opened(browser, storage, many.webUrl), () => opened(browser, storage, few.webUrl), RUNS)
      yield { name: 'page-open', value, unit: 'ms', floor, goal: { ratioAtMost: GOAL_RATIO }, detail: `cold cache, until the last event is seen and the script has taken over; floor: ${FEW} events; ${spread(values, 'ms')}` }
    } finally {
      await browser.close()
      await product.close()
    }
  },
}

async function session(product: Product, name: string, count: number): Promise<Workspace> {
  const workspace = await bringUp(product, name, plainOn('sleep 100000'))
  const events = await openStoredEvents(product)
  try {
    await events.append(workspace.id, [...work(count), said(LAST)])
  } finally {
    await events.close()
  }
  return workspace
}

async function opened(browser: Browser, storage: NonNullable<BrowserContextOptions['storageState']>, url: string): Promise<number> {
  const context = await browser.newContext({ ...PHONE, storageState: storage, serviceWorkers: 'block' })
  try {
    const page = await context.newPage()
    await page.goto(url, { waitUntil: 'commit' })
    const at = await page.waitForFunction((last) => (document.documentElement.classList.contains('live') && document.querySelector('[role=log]')?.textContent?.includes(last) === true ? performance.now() : null), LAST, { polling: 'raf' })
    return Number(await at.jsonValue())
  } finally {
    await context.close()
  }
}
