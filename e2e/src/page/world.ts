/**
 * What a test of the page stands on: the ground of all tests with the real agent, and one Chromium that looks at it.
 * Whatever a browser complains about is kept, so that a test can demand that it was nothing.
 */
import { test as plainTest } from 'bun:test'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { CHROMIUM, CHROMIUM_HINT, QUIET } from '@berth/testkit/chromium'
import type { Workspace } from '@berth/wire'
import { createClosers, startGround, type Ground, type GroundOptions } from '../ground.ts'

export { CHROMIUM, QUIET }
const WAIT_MS = 20_000

export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const
export const TABLET = { viewport: { width: 820, height: 1100 }, hasTouch: true } as const
export const DESK = { viewport: { width: 1440, height: 900 } } as const

/** Skipped, and said so, where there is no browser. */
export const test = CHROMIUM === null ? plainTest.skip : plainTest
if (CHROMIUM === null) console.warn(`no Chromium here, so the page is not tried: ${CHROMIUM_HINT}`)

export interface World extends Ground {
  readonly browser: Browser
  readonly complaints: string[]
  /** A browser of its own, signed in, at the inbox. `through`: by another way than the server's own address. */
  open(options?: BrowserContextOptions, through?: (url: string) => string): Promise<Page>
  /** The address of a room of a workspace; without a room, of its session. */
  at(workspace: Workspace, room?: string): string
}

/** `browserArgs`: further words of Chromium. */
export async function startWorld({ browserArgs = [], ...options }: GroundOptions & { readonly browserArgs?: readonly string[] } = {}): Promise<World> {
  const closers = createClosers()
  try {
    const ground = await startGround(options)
    closers.add(() => ground.close())
    const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: [...QUIET, ...browserArgs] })
    closers.add(() => browser.close())
    const complaints: string[] = []
    return {
      ...ground, browser, complaints, close: closers.close,
      async open(pageOptions = {}, through = (url) => url) {
        const page = await newPage(browser, pageOptions)
        keepComplaints(page, complaints)
        await signIn(page, through((await ground.product.cli(['web', '--no-open'])).stdout.trim()))
        return page
      },
      at: ({ id, webUrl }, room) => `${new URL(webUrl).origin}/workspaces/${id}${room === undefined ? '' : `/${room}`}`,
    }
  } catch (error) {
    await closers.close()
    throw error
  }
}

/** In a browser of its own, at rest. */
export async function newPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
  context.setDefaultTimeout(WAIT_MS)
  return context.newPage()
}

export function keepComplaints(page: Page, complaints: string[]): void {
  // A container that starts beside it changes the networks of this host, and Chromium gives up what it asks for at that moment.
  page.on('console', (message) => { if (message.type() === 'error' && !message.text().includes('net::ERR_NETWORK_CHANGED')) complaints.push([message.text(), message.location().url].filter(Boolean).join(' ')) })
  page.on('pageerror', (error) => complaints.push(String(error)))
}

/** By the one-time link, until the inbox is there, be it empty. */
export async function signIn(page: Page, link: string): Promise<void> {
  await page.goto(link)
  await page.getByRole('button', { name: 'Sign in on this browser' }).click()
  await page.getByRole('heading', { name: 'Inbox' }).or(page.getByRole('heading', { name: 'No workspace yet' })).first().waitFor()
}
