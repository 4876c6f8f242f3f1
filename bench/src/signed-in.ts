/** A browser's credential of a product, as the link of `berth web` gives it. */
import type { Browser, BrowserContextOptions } from 'playwright-core'
import type { Product } from './product.ts'

export async function signedIn(browser: Browser, product: Product): Promise<NonNullable<BrowserContextOptions['storageState']>> {
  const context = await browser.newContext()
  try {
    const page = await context.newPage()
    await page.goto((await product.cli(['web', '--no-open'])).trim())
    await page.getByRole('button', { name: 'Sign in on this browser' }).click()
    await page.getByRole('heading', { name: 'Inbox' }).first().waitFor()
    return await context.storageState()
  } finally {
    await context.close()
  }
}
