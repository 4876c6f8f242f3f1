/** Workspaces on this computer whose ports a person looks at, in one Chromium. */
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import type { Preview } from '@berth/wire/previews'
import { createClosers } from '../ground.ts'
import { CHROMIUM, QUIET, signIn } from '../page/world.ts'
import { eventually, startProduct, type Product } from '../product.ts'
import { setUpProviders } from '../providers.ts'

const NO_MODEL = { url: 'http://127.0.0.1:9' }
const WAIT_MS = 30_000

export interface PreviewWorld {
  readonly product: Product
  readonly browser: Browser
  /** A browser of its own, signed in. */
  signedIn(): Promise<BrowserContext>
  up(name: string, from: string, ...words: string[]): Promise<Workspace>
  /** When something listens there. */
  listening(name: string, port: number): Promise<Preview>
  origin(name: string, port: number): string
  visit(context: BrowserContext, address: string): Promise<Page>
  close(): Promise<void>
}

export async function startPreviewWorld(): Promise<PreviewWorld> {
  const closers = createClosers()
  try {
    const product = startProduct()
    closers.add(() => product.close())
    setUpProviders(product.home, NO_MODEL)
    const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: [...QUIET] })
    closers.add(() => browser.close())
    let previewPort = ''
    return {
      product, browser, close: closers.close,
      async signedIn() {
        const context = await browser.newContext()
        context.setDefaultTimeout(WAIT_MS)
        const page = await context.newPage()
        await signIn(page, (await product.cli(['web', '--no-open'])).stdout.trim())
        await page.close()
        return context
      },
      up: (name, from, ...words) => product.json<Workspace>(['up', from, '--provider', 'local', '--agent', 'plain', '--command', 'sh', '--name', name, '--no-open', '-y', ...words]),
      async listening(name, port) {
        const found = await eventually(async () => (await product.json<Preview[]>(['ports', name])).find((preview) => preview.port === port && preview.listening), `${name} on ${port}`)
        previewPort = new URL(found.url).port
        return found
      },
      origin: (name, port) => `http://${port}--${name}.localhost:${previewPort}`,
      async visit(context, address) {
        const page = await context.newPage()
        await page.goto(address)
        return page
      },
    }
  } catch (error) {
    await closers.close()
    throw error
  }
}
