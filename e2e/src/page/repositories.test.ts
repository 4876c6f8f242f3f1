/** The repositories that the server keeps, on the page: with real git, whose passwords are made and taken back by a tap. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import type { HostedRepository } from '@berth/wire/hosted'
import { withDatabase } from '../inventory.ts'
import { eventually, startProduct, type Product } from '../product.ts'
import { dirtyRepository } from '../repository.ts'
import { shapeProblems } from './screen-checks.ts'
import { CHROMIUM, keepComplaints, newPage, PHONE, QUIET, signIn, test } from './world.ts'

let product: Product
let browser: Browser
let page: Page
let code: Awaited<ReturnType<typeof dirtyRepository>>
let scratch = ''
const complaints: string[] = []
const PLAIN = ['--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--no-open', '-y'] as const

const address = (path: string): string => new URL(path, page.url()).href
const tasks = () => page.getByRole('region', { name: 'Of tasks' })
const ofTask = (name: string) => tasks().locator('.hosted').filter({ hasText: name })
const kept = async (name: string) => (await product.json<HostedRepository[]>(['repos'])).find((each) => each.name === name && each.workspaceId === null)
/** What git says with that password; null where it was let in. */
async function refusalOf(url: string, password: string, ...args: string[]): Promise<string | null> {
  const child = Bun.spawn(['git', '-c', 'credential.helper=', '-c', `credential.helper=!f() { test "$1" = get && echo username=berth && echo "password=$GIT_PASSWORD"; }; f`, ...args, url], { cwd: code.dir, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', env: { ...process.env, HOME: scratch, GIT_TERMINAL_PROMPT: '0', no_proxy: '*', GIT_PASSWORD: password } })
  const [said, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited])
  return exitCode === 0 ? null : said
}

beforeAll(async () => {
  if (CHROMIUM === null) return
  scratch = mkdtempSync(join(tmpdir(), 'berth-page-repositories-'))
  product = startProduct()
  await product.cli(['provider', 'setup', 'local'])
  code = await dirtyRepository()
  browser = await chromium.launch({ executablePath: CHROMIUM, args: [...QUIET] })
  page = await newPage(browser, { ...PHONE, permissions: ['clipboard-read', 'clipboard-write'] })
  keepComplaints(page, complaints)
  await signIn(page, (await product.cli(['web', '--no-open'])).stdout.trim())
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await product?.close()
  code?.remove()
  if (scratch !== '') rmSync(scratch, { recursive: true, force: true })
}, 60_000)

test('repositories-list: what is kept here, whose it is, how large it is, and its address in the clipboard', async () => {
  await page.goto(address('/repositories'))
  await page.getByText('None yet.').waitFor()
  await product.cli(['repos', 'create', 'ledger', '.'], { cwd: code.dir })
  await product.json<Workspace>(['up', '.', ...PLAIN, '--name', 'demo'], { cwd: code.dir })
  await page.goto(address('/settings'))
  await page.getByRole('link', { name: 'Repositories', exact: true }).click()
  await ofTask('ledger').waitFor()
  const { url = '', owner = '', sizeBytes = 0 } = await kept('ledger') ?? {}
  expect(sizeBytes).toBeGreaterThan(0)
  expect(await ofTask('ledger').innerText()).toContain(owner)
  expect(await ofTask('ledger').innerText()).toMatch(/\d B of \d|\d kB of \d/)
  await page.getByRole('region', { name: 'Of workspaces' }).getByText('demo', { exact: true }).waitFor()
  await page.getByRole('meter', { name: new RegExp(`of ${owner}$`) }).waitFor()
  await ofTask('ledger').getByRole('button', { name: 'Copy the address of ledger' }).click()
  await page.getByText('Copied').waitFor()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(url)
}, 90_000)

test('repositories-password: one to fetch and one to push are made, let git in, and are taken back', async () => {
  const { url = '' } = await kept('ledger') ?? {}
  // By the keyboard alone: the row unfolds, and what is in it comes next.
  const more = ofTask('ledger').getByRole('button', { name: 'More about ledger' })
  await more.focus()
  await page.keyboard.press('Enter')
  expect(await more.getAttribute('aria-expanded')).toBe('true')
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Password to fetch')
  await page.keyboard.press('Enter')
  const shown = ofTask('ledger').getByRole('status').locator('code')
  const fetching = await shown.innerText()
  expect(await refusalOf(url, fetching, 'ls-remote')).toBeNull()
  expect(await refusalOf(url, 'nothing', 'ls-remote')).not.toBeNull()
  expect(await refusalOf(url, fetching, 'push', '--mirror')).not.toBeNull()
  await ofTask('ledger').getByRole('button', { name: 'Password to push' }).click()
  const pushing = await eventually(async () => { const now = await shown.innerText(); return now !== fetching && now }, 'the other password')
  await ofTask('ledger').getByText(/may fetch and push until/).waitFor()
  await ofTask('ledger').getByRole('button', { name: 'Copy the password' }).click()
  expect(await eventually(() => page.evaluate(() => navigator.clipboard.readText()).then((text) => text === pushing), 'the password in the clipboard')).toBe(true)
  expect(await refusalOf(url, pushing, 'ls-remote')).toBeNull()
  await ofTask('ledger').getByRole('button', { name: 'Take all passwords back' }).click()
  await page.getByText(/passwords open nothing any more/).waitFor()
  expect(await shown.count()).toBe(0)
  for (const password of [fetching, pushing]) expect(await refusalOf(url, password, 'ls-remote')).not.toBeNull()
}, 90_000)

test('repositories-keep: one that is about to go says when, in the list of the terminal too, and stays by one press', async () => {
  const ending = Date.now() + 6 * 24 * 3600_000
  await withDatabase(product.home, (sql) => sql`update hosted_repositories set ends_at = ${ending} where name = 'ledger'`)
  expect((await product.cli(['repos'])).stderr).toMatch(/ledger is taken away on .* unless somebody uses it: `berth repos keep ledger`/)
  await page.goto(address('/repositories'))
  await ofTask('ledger').getByText(/^taken away on .* unless somebody uses it$/).waitFor()
  expect(await shapeProblems(page, 'phone')).toEqual([])
  await ofTask('ledger').getByRole('button', { name: 'Keep ledger' }).tap()
  await ofTask('ledger').getByText(/^taken away on/).waitFor({ state: 'detached' })
  expect(await kept('ledger')).toMatchObject({ endsAt: null })
  expect(await ofTask('ledger').getByRole('button', { name: 'Keep ledger' }).count()).toBe(0)
}, 60_000)

test('repositories-remove: one that a workspace is made of says so, and goes when that is asked all the same', async () => {
  const { url = '' } = await kept('ledger') ?? {}
  await product.json<Workspace>(['up', url, ...PLAIN, '--name', 'made-of-it'])
  await page.reload()
  await ofTask('ledger').getByText('workspace made-of-it').waitFor()
  await ofTask('ledger').getByRole('button', { name: 'More about ledger' }).click()
  await ofTask('ledger').getByRole('button', { name: 'Remove ledger' }).click()
  await ofTask('ledger').getByRole('button', { name: 'Do not remove it' }).click()
  expect(await kept('ledger')).toBeDefined()
  await ofTask('ledger').getByRole('button', { name: 'Remove ledger' }).click()
  await ofTask('ledger').getByRole('button', { name: 'Remove ledger for good' }).click()
  await ofTask('ledger').getByText('made-of-it is made of ledger').waitFor()
  expect(await kept('ledger')).toBeDefined()
  await ofTask('ledger').getByRole('button', { name: 'Remove it all the same' }).click()
  await tasks().waitFor({ state: 'hidden' })
  expect(await kept('ledger')).toBeUndefined()
  // That of a workspace stays with it, and leads there.
  await page.getByRole('button', { name: 'More about demo' }).click()
  await page.getByRole('link', { name: 'Open the workspace' }).click()
  await page.waitForURL(/\/workspaces\/ws_/)
  expect(complaints.filter((line) => !line.includes('409'))).toEqual([])
}, 90_000)
