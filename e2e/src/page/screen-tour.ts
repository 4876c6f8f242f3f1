/** Goes through the list of screens: a page of each size, side by side, the same page from screen to screen. */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { signIn, type World } from './world.ts'
import type { ScreenWorld } from './screen-world.ts'
import { SIZES, sizesOf, type Screen, type SizeName } from './screens.ts'

export const THEMES = ['light', 'dark'] as const
export type Theme = (typeof THEMES)[number]
export interface Visit { readonly page: Page; readonly screen: Screen; readonly size: SizeName; readonly theme: Theme; readonly name: string }
type Kind = NonNullable<Screen['browser']> | 'signed-in'

const WAIT_MS = 20_000
/** What is on its way, as it looks. */
const ON_ITS_WAY = '.skeleton, .review-loading, [aria-busy="true"]'

export interface Tour {
  /** Throws with the names of the screens that could not be reached, after all others. */
  go(world: ScreenWorld, screens: readonly Screen[], look: (visit: Visit) => Promise<void>): Promise<void>
  close(): Promise<void>
}

/** `world`: signed in with, before anything else is in it. */
export async function startTour({ browser, product }: Pick<World, 'browser' | 'product'>): Promise<Tour> {
  const { origin, storageState } = await signedIn(browser, (await product.cli(['web', '--no-open'])).stdout.trim())
  const open = new Map<string, Promise<Page>>()
  const contexts: BrowserContext[] = []
  const pageOf = (size: SizeName, kind: Kind) => {
    const key = `${size} ${kind}`
    const known = open.get(key) ?? newPage(size, kind)
    open.set(key, known)
    return known
  }
  const newPage = async (size: SizeName, kind: Kind) => {
    // axe is put into the page by the debugger, so its policy stays as it is.
    const context = await browser.newContext({ ...SIZES[size], reducedMotion: 'reduce', serviceWorkers: 'block', ...(kind === 'signed-out' ? {} : { storageState }), javaScriptEnabled: kind !== 'no-script' })
    context.setDefaultTimeout(WAIT_MS)
    contexts.push(context)
    return context.newPage()
  }
  const visit = async (world: ScreenWorld, screen: Screen, size: SizeName, look: (visit: Visit) => Promise<void>) => {
    const page = await pageOf(size, screen.browser ?? 'signed-in')
    await page.emulateMedia({ colorScheme: 'light' })
    await reach(page, screen, origin + screen.path(world))
    for (const theme of THEMES) {
      await page.emulateMedia({ colorScheme: theme })
      await look({ page, screen, size, theme, name: `${screen.name}-${SIZES[size].viewport.width}-${theme}` })
    }
    await screen.after?.(page)
  }
  return {
    async go(world, screens, look) {
      const lost: string[] = []
      for (const screen of screens) {
        await screen.once?.(world)
        await Promise.all(sizesOf(screen).map((size) => visit(world, screen, size, look).catch((error: unknown) => void lost.push(`${screen.name}, ${size}: ${String(error).split('\n').slice(0, 4).join(' ')}`))))
      }
      if (lost.length > 0) throw new Error(`not reached:\n${lost.join('\n')}`)
    },
    async close() {
      await Promise.all(contexts.map((context) => context.close()))
    },
  }
}

async function reach(page: Page, screen: Screen, url: string): Promise<void> {
  // Without its server a page cannot be opened, only gone to.
  await screen.first?.(page)
  if (screen.name.startsWith('offline')) await page.evaluate((path) => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')) }, new URL(url).pathname)
  else await page.goto(url)
  if (screen.browser === undefined) await page.locator('html.live').waitFor({ state: 'attached' })
  await screen.act?.(page)
  await screen.seen(page).waitFor()
  if (screen.name !== 'loading') await page.locator(ON_ITS_WAY).locator('visible=true').first().waitFor({ state: 'hidden' })
}

async function signedIn(browser: Browser, link: string) {
  const context = await browser.newContext()
  const page = await context.newPage()
  await signIn(page, link)
  const { origin } = new URL(page.url())
  const storageState = await context.storageState()
  await context.close()
  return { origin, storageState }
}
