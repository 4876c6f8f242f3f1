/** A server in this process whose machines are rows in memory, and a Chromium: for pages that no agent is needed for. */
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import type { Client } from '@berth/client'
import { startHarness, type Harness } from '@berth/server/testing'
import { CHROMIUM, newPage, QUIET, signIn } from './world.ts'

export interface Machineless extends Harness {
  readonly browser: Browser
  /** A browser of its own, signed in as the owner, or as `who`, at that path. */
  open(path: string, options?: BrowserContextOptions, who?: Client): Promise<Page>
}

/** `browserArgs`: further words of Chromium. */
export async function startMachineless({ browserArgs = [], ...over }: Parameters<typeof startHarness>[0] & { readonly browserArgs?: readonly string[] } = {}): Promise<Machineless> {
  const harness = await startHarness(over)
  const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: [...QUIET, ...browserArgs] }).catch(async (error: unknown) => {
    await harness.close()
    throw error
  })
  return {
    ...harness, browser,
    async open(path, options = {}, who = harness.client) {
      const page = await newPage(browser, options)
      await signIn(page, (await who.createSignInLink({})).url)
      await page.goto(`${harness.server.pageUrl}${path}`)
      return page
    },
    async close() {
      await browser.close()
      await harness.close()
    },
  }
}
