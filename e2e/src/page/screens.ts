/**
 * Pictures of every screen, from the product as it is: real Claude Code on the scripted model, one server, three
 * widths, light and dark. `bun e2e/src/page/screens.ts <directory>`; the pictures kept are those of `docs/screens`.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { startScriptedModel } from '@berth/testkit/scripted-model'
import type { Scenario } from '@berth/testkit/scripted-model'
import type { Workspace } from '@berth/wire'
import { eventually, startProduct, type Product } from '../product.ts'
import { modelHost, modelUrl, setUpProviders } from '../providers.ts'
import { git } from '../repository.ts'

const CHROMIUM = process.env['BERTH_CHROMIUM'] ?? ['chromium', 'chromium-browser', 'google-chrome'].map((name) => Bun.which(name)).find(Boolean) ?? ''
const SIZES = [{ width: 390, height: 844 }, { width: 820, height: 1100 }, { width: 1440, height: 900 }] as const
const SETTLE_MS = 1500

const SUM = 'export function invoiceTotal(lines: Line[]) {\n  return lines.reduce((sum, line) =>\n    sum + round(net(line)), 0)\n}\n'
const invoice: Scenario = (context) => {
  const path = (name: string) => (context.cwd === null ? name : `${context.cwd}/${name}`)
  return [
    [{ text: 'Each line is rounded before the sum. I’ll keep lines in integer cents and round once, at the total.' }, { tool: 'bash', input: { command: 'cat src/totals/sum.ts' } }],
    [{ tool: 'edit', input: { path: path('src/totals/sum.ts'), old: '    sum + round(net(line)), 0)', new: '    sum + net(line), 0)\n  return roundHalfEven(exact)' } }],
    [{ tool: 'bash', input: { command: 'printf "✕ discount.test.ts  10 %% over 3 lines\\n  expected 3334, got 3333\\n\\n Tests  2 failed | 47 passed (49)\\n"; exit 1' } }],
    [{ tool: 'write', input: { path: path('src/totals/discount.ts'), content: 'export const split = (total: number, parts: number) =>\n  Math.floor(total / parts)\n' } }],
    [{ tool: 'bash', input: { command: 'printf " Tests  49 passed (49)\\n"' } }],
    [{ text: 'Totals now round once, at the end' }],
  ]
}
const scenarios: Record<string, Scenario> = {
  invoice,
  push: () => [[{ text: 'Squashed the three work-in-progress commits. The branch on origin still has the old ones.' }, { tool: 'bash', input: { command: 'git push --force-with-lease origin retry-backoff' } }], [{ text: 'Pushed.' }]],
  keep: () => [[{ tool: 'question', input: { questions: [{ question: 'Keep /v1/orders for how long?', header: 'Keep', multiSelect: false, options: [{ label: '90 days', description: 'two releases' }, { label: '180 days', description: 'what the contract says' }] }] } }], [{ text: 'Noted.' }]],
  bump: () => [[{ text: 'This is my plan.' }, { tool: 'plan', input: { plan: '1. Move the config to `vite.config.ts`\n2. Replace the two plugins that are gone\n3. Run the build and compare sizes' } }], [{ text: 'Done.' }]],
}

async function makeRepository(): Promise<{ dir: string; remove(): void }> {
  const top = mkdtempSync(join(tmpdir(), 'berth-screens-'))
  const dir = join(top, 'northquay', 'ledger')
  mkdirSync(join(dir, 'src/totals'), { recursive: true })
  writeFileSync(join(dir, 'README.md'), '# ledger\n\nInvoices that add up.\n')
  writeFileSync(join(dir, 'src/totals/sum.ts'), SUM)
  await git(dir, 'init', '-q', '-b', 'main')
  await git(dir, 'add', '-A')
  await git(dir, 'commit', '-q', '-m', 'first')
  return { dir, remove: () => rmSync(top, { recursive: true, force: true }) }
}

async function shoot(page: Page, path: string, act?: (page: Page) => Promise<void>): Promise<void> {
  await act?.(page)
  await page.waitForTimeout(SETTLE_MS)
  await page.screenshot({ path })
}

interface Screen { readonly name: string; readonly path: string; readonly act?: (page: Page) => Promise<void> }

async function all(browser: Browser, product: Product, screens: readonly Screen[], to: string): Promise<void> {
  const signedIn = await browser.newContext()
  const first = await signedIn.newPage()
  await first.goto((await product.cli(['web', '--no-open'])).stdout.trim())
  await first.getByRole('button', { name: 'Sign in on this browser' }).click()
  await first.getByRole('heading', { name: 'Inbox' }).waitFor()
  const origin = new URL(first.url()).origin
  const storageState = await signedIn.storageState()
  for (const viewport of SIZES) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ storageState, viewport, colorScheme, hasTouch: viewport.width < 1000, reducedMotion: 'reduce' })
      for (const { name, path, act } of screens) {
        const page = await context.newPage()
        await page.goto(origin + path)
        await shoot(page, join(to, `${name}-${viewport.width}-${colorScheme}.png`), act).catch((error: unknown) => console.error(`${name} ${viewport.width} ${colorScheme}: ${String(error).split('\n')[0]}`))
        await page.close()
      }
      await context.close()
    }
  }
  await signedIn.close()
}

async function main(to: string): Promise<void> {
  mkdirSync(to, { recursive: true })
  const closers: (() => Promise<unknown> | void)[] = []
  try {
    const repository = await makeRepository()
    closers.unshift(() => repository.remove())
    const model = await startScriptedModel({ hostname: modelHost('local'), scenarios })
    closers.unshift(() => model.close())
    const product = startProduct({ USER: 'ada' })
    closers.unshift(() => product.close())
    setUpProviders(product.home, model)
    const up = (name: string, prompt: string, ...more: string[]) => product.json<Workspace>(['up', '.', '--provider', 'local', '--prompt', prompt, '--env', `ANTHROPIC_BASE_URL=${modelUrl(model)}`, '--env', 'ANTHROPIC_AUTH_TOKEN=placeholder-not-a-secret', '--no-open', '-y', '--name', name, ...more], { cwd: repository.dir })
    const demo = await up('invoice-totals', 'Invoice totals drift by a cent when a line has a discount. Find it, fix it, keep the API as it is. [[invoice]]', '--approvals', 'skip')
    const push = await up('webhook-retries', 'One clean commit, then open the PR. [[push]]')
    await up('cursor-pagination', 'Deprecate the old endpoint. [[keep]]')
    const plan = await up('bump-vite', 'Move us to the next Vite. [[bump]]')
    const rest = await product.json<Workspace>(['up', '.', '--provider', 'local', '--agent', 'plain', '--command', 'cat', '--no-open', '-y', '--name', 'self-hosting-guide'], { cwd: repository.dir })
    await product.cli(['stop', rest.name])
    const approvals = async () => (await (await product.fetch('/api/v1/approvals')).json()) as unknown[]
    await eventually(async () => (await approvals()).length >= 3, 'three questions', 90_000)
    await eventually(async () => ((await (await product.fetch(`/api/v1/workspaces/${demo.id}`)).json()) as Workspace).agentState === 'idle', 'the turn ends', 90_000)
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-background-networking'] })
    closers.unshift(() => browser.close())
    const at = (id: string, pane = '') => `/workspaces/${id}${pane}`
    await all(browser, product, [
      { name: 'inbox', path: '/' },
      { name: 'session', path: at(demo.id) },
      { name: 'decision', path: at(push.id) },
      { name: 'plan', path: at(plan.id) },
      { name: 'review', path: at(demo.id, '/changes') },
      { name: 'status', path: at(demo.id, '/status') },
      { name: 'files', path: at(demo.id, '/files') },
      { name: 'terminal', path: at(demo.id, '/terminal') },
      { name: 'new', path: '/new' },
      { name: 'settings', path: '/settings' },
      { name: 'palette', path: at(demo.id), act: async (page) => { await page.waitForTimeout(SETTLE_MS); await page.keyboard.press('Control+k') } },
    ], to)
  } finally {
    for (const close of closers) await Promise.resolve(close()).catch((error: unknown) => console.error(error))
  }
}

if (import.meta.main) await main(resolve(process.argv[2] ?? 'docs/screens'))
