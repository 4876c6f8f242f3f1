/**
 * What a test of the page stands on: one product with the real Claude Code on `local`, a scripted model, one Chromium.
 * Whatever a browser complains about is kept, so that a test can demand that it was nothing.
 */
import { test as plainTest } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import { startScriptedModel, type Scenarios, type ScriptedModel } from '@berth/testkit/scripted-model'
import type { StoredEvent, Workspace } from '@berth/wire'
import { eventually, startProduct, type Product } from '../product.ts'
import { modelHost, modelUrl, setUpProviders } from '../providers.ts'
import { dirtyRepository } from '../repository.ts'

export const CHROMIUM = process.env['BERTH_CHROMIUM'] ?? ['chromium', 'chromium-browser', 'google-chrome'].map((name) => Bun.which(name)).find(Boolean) ?? null
/** Without these it asks the network for updates and lists. */
export const QUIET = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const WAIT_MS = 20_000
const TURN_MS = 120_000

export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const
export const TABLET = { viewport: { width: 820, height: 1100 }, hasTouch: true } as const
export const DESK = { viewport: { width: 1440, height: 900 } } as const

/** Skipped, and said so, where there is no browser. */
export const test = CHROMIUM === null ? plainTest.skip : plainTest
if (CHROMIUM === null) console.warn('no Chromium here, so the page is not tried: install `chromium`, or set BERTH_CHROMIUM to its path')

export interface World {
  readonly product: Product
  readonly model: ScriptedModel
  readonly browser: Browser
  /** Where `up` takes the code from. */
  readonly dir: string
  readonly complaints: string[]
  /** A workspace with Claude Code; `words` are further words of `berth up`. */
  up(name: string, prompt: string, ...words: string[]): Promise<Workspace>
  /** A browser of its own, signed in, at the inbox. `through`: by another way than the server's own address. */
  open(options?: BrowserContextOptions, through?: (url: string) => string): Promise<Page>
  /** The address of a room of a workspace; without a room, of its session. */
  at(workspace: Workspace, room?: string): string
  workspace(id: string): Promise<Workspace>
  events(id: string): Promise<StoredEvent[]>
  /** Until the agent neither works nor asks. */
  turnOver(id: string): Promise<void>
  close(): Promise<void>
}

/** `dir`: an own repository, which the test removes; absent: one with every state of a working tree. `config`: further lines of the server's settings. `browserArgs`: further words of Chromium. */
export async function startWorld({ scenarios = {}, dir, config = '', browserArgs = [] }: { scenarios?: Scenarios; dir?: string; config?: string; browserArgs?: readonly string[] } = {}): Promise<World> {
  const closers: (() => Promise<unknown> | void)[] = []
  // One that fails must not keep the others from cleaning up.
  const close = async (): Promise<void> => { for (const one of closers.splice(0)) await Promise.resolve(one()).catch((error: unknown) => console.error(error)) }
  try {
    const repository = dir === undefined ? await dirtyRepository() : { dir, remove: () => {} }
    closers.unshift(() => repository.remove())
    const model = await startScriptedModel({ hostname: modelHost('local'), scenarios })
    closers.unshift(() => model.close())
    const product = startProduct({ USER: 'ada' })
    closers.unshift(() => product.close())
    setUpProviders(product.home, model)
    // A server that comes back at another port would be another server to the page.
    writeFileSync(join(product.home, 'config.yaml'), `port: ${freePort()}\n${config}`)
    const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: [...QUIET, ...browserArgs] })
    closers.unshift(() => browser.close())
    const complaints: string[] = []
    const json = async <T>(path: string): Promise<T> => (await (await product.fetch(path)).json()) as T
    const workspace = (id: string) => json<Workspace>(`/api/v1/workspaces/${id}`)
    return {
      product, model, browser, complaints, dir: repository.dir, close, workspace,
      up: (name, prompt, ...words) => product.json<Workspace>(['up', '.', '--provider', 'local', '--prompt', prompt, '--env', `ANTHROPIC_BASE_URL=${modelUrl(model)}`, '--env', 'ANTHROPIC_AUTH_TOKEN=placeholder-not-a-secret', '--no-open', '-y', '--name', name, ...words], { cwd: repository.dir }),
      async open(options = {}, through = (url) => url) {
        const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
        context.setDefaultTimeout(WAIT_MS)
        const page = await context.newPage()
        page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()) })
        page.on('pageerror', (error) => complaints.push(String(error)))
        await page.goto(through((await product.cli(['web', '--no-open'])).stdout.trim()))
        await page.getByRole('button', { name: 'Sign in on this browser' }).click()
        await page.getByRole('heading', { name: 'Inbox' }).first().waitFor()
        return page
      },
      at: ({ id, webUrl }, room) => `${new URL(webUrl).origin}/workspaces/${id}${room === undefined ? '' : `/${room}`}`,
      async events(id) {
        const { events } = await json<{ events: StoredEvent[] }>(`/api/v1/workspaces/${id}/events?after=0&limit=1000`)
        return events
      },
      async turnOver(id) {
        await eventually(async () => (await workspace(id)).agentState === 'idle', 'the end of the turn', TURN_MS)
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
  const { port } = server
  void server.stop(true)
  return port ?? 0
}
