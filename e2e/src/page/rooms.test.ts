/**
 * The rooms of the page that are loaded when somebody enters them, in a real Chromium against a real server, a real
 * daemon and the real Claude Code on `local`: review, files, terminal, settings, a new workspace.
 */
import { afterAll, beforeAll, expect, test as plainTest } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import type { Workspace } from '@berth/wire'
import type { Review } from '@berth/wire/review'
import { modelHost, modelUrl, setUpProviders } from '../providers.ts'
import { eventually, startProduct, type Product } from '../product.ts'
import { git } from '../repository.ts'

const CHROMIUM = process.env['BERTH_CHROMIUM'] ?? ['chromium', 'chromium-browser', 'google-chrome'].map((name) => Bun.which(name)).find(Boolean) ?? null
const QUIET = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync']
/** A directory for pictures of what the tests see; absent: none. */
const PICTURES = process.env['BERTH_PICTURES']
const WAIT_MS = 15_000
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }
const DESK = { viewport: { width: 1440, height: 900 } }

const test = CHROMIUM === null ? plainTest.skip : plainTest
if (CHROMIUM === null) console.warn('no Chromium here, so the rooms are not tried: install `chromium`, or set BERTH_CHROMIUM to its path')

let product: Product
let model: ScriptedModel
let dir: string
let browser: Browser
let demo: Workspace
let phone: Page
let desk: Page
const complaints: string[] = []
const closers: (() => Promise<unknown> | void)[] = []

const HOSTILE_NAME = 'odd \u202egpj.sh'
/** Every kind of change at once, by a shell, as agents do it. */
const CHANGE = [
  "sed -i -e 's/^line 5$/line FIVE/' -e 's/^line 50$/FIFTY/' list.txt",
  'sed -i s/41/42/ src/app.ts',
  "printf 'one\\r\\nTWO\\r\\n' > crlf.txt",
  "printf 'no end' > endless.txt",
  "head -c 300 /dev/zero > picture.bin",
  'git mv src/old.ts src/renamed.ts',
  'chmod +x run.sh',
  'ln -sf list.txt link',
  'seq 1 6000 > huge.txt',
  `printf '<img src=x onerror=window.pwned=1>\\n' > "$(printf 'odd \\342\\200\\256gpj.sh')"`,
].join(' && ')

async function open(options: Parameters<Browser['newContext']>[0]): Promise<Page> {
  const context = await browser.newContext({ ...options, reducedMotion: 'reduce' })
  context.setDefaultTimeout(WAIT_MS)
  const page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  await page.goto((await product.cli(['web', '--no-open'])).stdout.trim())
  await page.getByRole('button', { name: 'Sign in on this browser' }).click()
  await page.getByRole('heading', { name: 'Inbox' }).first().waitFor()
  return page
}

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES === undefined) return
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
    await page.screenshot({ path: join(PICTURES, `${name}-${theme}.png`) })
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
}

const enter = async (page: Page, pane: string, workspace = demo) => {
  await page.goto(`${new URL(workspace.webUrl).origin}/workspaces/${workspace.id}/${pane}`)
}
const review = async () => (await (await product.fetch(`/api/v1/workspaces/${demo.id}/review`)).json()) as Review
const markOf = async (path: string, text?: string) => {
  const file = (await review()).files.find((candidate) => candidate.path === path)
  return text === undefined ? file?.mark : file?.hunks.find(({ lines }) => lines.some((line) => line.includes(text)))?.mark
}
const room = (page: Page) => page.locator('.review')
const hunk = (page: Page, text: string) => page.locator('article.hunk').filter({ hasText: text })
/** By the list of files: as people who know where they want to go. */
const toFile = async (page: Page, name: string) => {
  await page.getByRole('button', { name: /all files/i }).first().click()
  await page.getByRole('dialog').getByRole('button', { name: `${name}, ` }).click()
}

beforeAll(async () => {
  if (CHROMIUM === null) return
  dir = mkdtempSync(join(tmpdir(), 'berth-repo-'))
  closers.unshift(() => rmSync(dir, { recursive: true, force: true }))
  await git(dir, 'init', '-q', '-b', 'main')
  mkdirSync(join(dir, 'src'))
  writeFileSync(join(dir, 'list.txt'), Array.from({ length: 60 }, (_, at) => `line ${at + 1}\n`).join(''))
  writeFileSync(join(dir, 'src/app.ts'), '// The answer.\nexport const answer = 41\n')
  writeFileSync(join(dir, 'src/old.ts'), 'export const old = true\n')
  writeFileSync(join(dir, 'crlf.txt'), 'one\r\ntwo\r\n')
  writeFileSync(join(dir, 'endless.txt'), 'has an end\n')
  writeFileSync(join(dir, 'picture.bin'), Buffer.alloc(200, 0))
  writeFileSync(join(dir, 'run.sh'), '#!/bin/sh\n', { mode: 0o644 })
  await git(dir, 'add', '-A')
  await git(dir, 'commit', '-q', '-m', 'first')
  model = await startScriptedModel({ hostname: modelHost('local'), scenarios: { change: () => [[{ tool: 'bash', input: { command: CHANGE } }], [{ text: 'Everything is changed.' }]] } })
  closers.unshift(() => model.close())
  product = startProduct({ USER: 'ada' })
  closers.unshift(() => product.close())
  setUpProviders(product.home, model)
  demo = await product.json<Workspace>(['up', '.', '--provider', 'local', '--approvals', 'skip', '--prompt', 'please do [[change]]', '--env', `ANTHROPIC_BASE_URL=${modelUrl(model)}`, '--env', 'ANTHROPIC_AUTH_TOKEN=placeholder-not-a-secret', '--no-open', '-y', '--name', 'demo'], { cwd: dir })
  await eventually(async () => (await review()).files.length >= 9 && !(await review()).busy, 'the turn and its changes', 120_000)
  browser = await chromium.launch({ executablePath: CHROMIUM, args: QUIET })
  closers.unshift(() => browser.close())
  phone = await open(PHONE)
  desk = await open(DESK)
}, 300_000)

afterAll(async () => {
  // One that fails must not keep the others from cleaning up.
  for (const close of closers) await Promise.resolve(close()).catch((error: unknown) => console.error(error))
}, 120_000)

test('review-kinds: every kind of change is shown for what it is', async () => {
  await enter(phone, 'changes')
  await room(phone).getByText(/0 of \d+/).waitFor()
  await picture(phone, 'review-phone')
  const says: [string, string | RegExp][] = [
    ['crlf.txt', 'Lines end with CR LF'], ['endless.txt', 'no line end'], ['picture.bin', /Binary: 200 B → 300 B/], ['src/renamed.ts', 'Renamed from'], ['run.sh', 'Now executable'], ['link', 'Symbolic link'],
  ]
  for (const [name, words] of says) {
    await toFile(phone, name)
    await room(phone).getByText(words).first().waitFor()
  }
  await toFile(phone, 'huge.txt')
  await phone.getByRole('button', { name: 'Load this file' }).click()
  await phone.getByRole('button', { name: /Show 5,600 more lines/ }).waitFor()
  // The name cannot turn itself around, and what it holds is text.
  await phone.getByRole('button', { name: /all files/i }).first().click()
  await phone.getByRole('dialog').getByText('⟨U+202E⟩').waitFor()
  await picture(phone, 'review-files-phone')
  await phone.keyboard.press('Escape')
  expect(await phone.evaluate(() => 'pwned' in globalThis)).toBe(false)
  expect(HOSTILE_NAME).toContain('\u202e')
}, 120_000)

test('review-accept, review-undo: a tap accepts and goes on, and can be taken back', async () => {
  await toFile(phone, 'app.ts')
  await hunk(phone, '42').waitFor()
  expect(await hunk(phone, '42').locator('.l.a .word').innerText()).toBe('42')
  expect(await hunk(phone, '42').locator('.v-k').first().innerText()).toBe('export')
  await phone.getByRole('button', { name: 'Accept', exact: true }).click()
  await room(phone).getByText('Accepted lines 1–2').waitFor()
  expect(await markOf('src/app.ts', '42')).toBe('accepted')
  await phone.getByRole('button', { name: 'Undo', exact: true }).click()
  await room(phone).getByText(/Taken back/).waitFor()
  expect(await markOf('src/app.ts', '42')).toBe('open')
}, 60_000)

test('review-keys: a hunk is decided about without a pointer', async () => {
  await enter(desk, 'changes')
  await room(desk).getByText(/0 of \d+/).waitFor()
  await toFile(desk, 'list.txt')
  await hunk(desk, 'FIVE').waitFor()
  await desk.keyboard.press('a')
  await eventually(async () => (await markOf('list.txt', 'FIVE')) === 'accepted', 'the key accepts')
  await picture(desk, 'review-desk')
  // The next open hunk is the current one now.
  await desk.keyboard.press('r')
  await desk.getByRole('dialog').getByLabel(/^Why/).fill('keep it in letters')
  await picture(desk, 'review-reject-desk')
  await desk.getByRole('dialog').getByRole('button', { name: 'Reject' }).click()
  await desk.getByRole('dialog').waitFor({ state: 'detached' })
  expect(await markOf('list.txt', 'FIFTY')).toMatch(/rejected|undefined/)
  await desk.keyboard.press('u')
  await desk.keyboard.press(']')
  await desk.keyboard.press('[')
}, 60_000)

test('review-comment: a tapped line number is where the comment stands', async () => {
  await enter(phone, 'changes')
  await toFile(phone, 'app.ts')
  await hunk(phone, '42').locator('.l.a .no').first().click()
  const sheet = phone.getByRole('dialog')
  await sheet.locator('.quote').getByText('export const answer = 42').waitFor()
  await sheet.getByLabel('What should the agent know?').fill('Why not 43?')
  await picture(phone, 'review-comment-phone')
  await sheet.getByRole('button', { name: 'Add comment' }).click()
  await room(phone).locator('.note').getByText('Why not 43?').waitFor()
  expect((await review()).comments).toEqual([expect.objectContaining({ path: 'src/app.ts', side: 'new', line: 2, text: 'Why not 43?', sent: false })])
  await picture(phone, 'review-note-phone')
}, 60_000)

test('review-edit: what a person writes takes the place of the hunk, and is accepted', async () => {
  await hunk(phone, '42').getByRole('button', { name: /^More about/ }).click()
  await phone.getByRole('button', { name: /Edit by hand/ }).click()
  const sheet = phone.getByRole('dialog')
  expect(await sheet.getByLabel(/The new lines/).inputValue()).toBe('export const answer = 42')
  await sheet.getByLabel(/The new lines/).fill('export const answer = 43')
  await sheet.getByRole('button', { name: 'Keep my version' }).click()
  await sheet.waitFor({ state: 'detached' })
  await eventually(async () => (await product.cli(['diff', demo.id])).stdout.includes('answer = 43'), 'the edit in the tree')
}, 60_000)

test('review-send, review-commit: the end of a review tells the agent and commits', async () => {
  await phone.getByRole('button', { name: 'More about the review' }).click()
  await picture(phone, 'review-menu-phone')
  await phone.getByRole('button', { name: /Accept everything/ }).click()
  await phone.getByText('Everything is decided').waitFor()
  await picture(phone, 'review-end-phone')
  await phone.getByRole('button', { name: /^Send .*to the agent/ }).click()
  await model.waitFor(({ body }) => JSON.stringify(body).includes('Why not 43?'))
  await eventually(async () => (await review()).unsent === 0 && !(await review()).busy, 'everything told', 60_000)
  await phone.getByRole('button', { name: 'Commit …' }).click()
  const sheet = phone.getByRole('dialog')
  await eventually(async () => (await sheet.getByLabel('Message').inputValue()) !== '', 'a suggested message')
  await picture(phone, 'commit-phone')
  await sheet.getByLabel('Message').fill('Change everything')
  await sheet.getByRole('button', { name: /^Commit \d+ files/ }).click()
  await room(phone).getByText(/^Committed [0-9a-f]{7}/).waitFor()
}, 120_000)

test('rewind: a checkpoint is gone back to, and back', async () => {
  await phone.getByRole('button', { name: 'More about the review' }).click()
  await phone.getByRole('button', { name: /Checkpoints/ }).click()
  await picture(phone, 'checkpoints-phone')
  await phone.getByRole('dialog').locator('li button').last().click()
  await phone.getByRole('dialog').getByRole('button', { name: 'Go back' }).click()
  await room(phone).getByText(/went back to/).waitFor()
  expect((await product.cli(['diff', demo.id])).stdout).not.toContain('answer = 43')
  await phone.getByRole('button', { name: 'Undo', exact: true }).click()
  await eventually(async () => (await product.cli(['diff', demo.id])).stdout.includes('answer = 43'), 'the tree as it was')
}, 90_000)

test('files-find, files-mention: a file is found by letters, and its lines go into the message', async () => {
  await enter(desk, 'files')
  await desk.getByRole('searchbox', { name: /Find a file/ }).fill('apts')
  await desk.locator('.entries').getByRole('button', { name: /app\.ts/ }).click()
  await desk.locator('.file-text').getByText('export').waitFor()
  await desk.locator('.fl .no').nth(1).click()
  await picture(desk, 'files-desk')
  await desk.getByRole('button', { name: 'Mention in chat' }).click()
  expect(await desk.getByRole('textbox', { name: /Message/ }).first().inputValue()).toBe('@src/app.ts:2 ')
  await enter(phone, 'files')
  await phone.locator('.entries').getByText('src/').waitFor()
  await picture(phone, 'files-phone')
  await enter(phone, 'preview')
  await phone.locator('.previews').waitFor()
  await picture(phone, 'previews-phone')
}, 60_000)

test('terminal-snapshot, terminal-line, terminal-fit: a phone looks, says a line, and resizes nobody', async () => {
  const shell = await product.json<Workspace>(['up', '.', '--provider', 'local', '--agent', 'plain', '--command', 'printf "\\033[31mred words\\033[0m\\n"; cat', '--no-open', '-y', '--name', 'shell'], { cwd: dir })
  await enter(desk, 'terminal', shell)
  await desk.locator('.xterm-rows').getByText('red words').waitFor()
  const size = await desk.locator('.term-strip .mono').innerText()
  await enter(phone, 'terminal', shell)
  await phone.locator('.term-screen .f1').getByText('red words').waitFor()
  expect(await phone.locator('.term-strip .mono').innerText()).toBe(size)
  await picture(phone, 'terminal-phone')
  await phone.getByRole('button', { name: /Send one line/ }).click()
  await phone.getByRole('dialog').getByRole('textbox').fill('said from a phone')
  await phone.getByRole('dialog').getByRole('button', { name: /Send/ }).click()
  // Once typed, once said by cat.
  await desk.locator('.xterm-rows').getByText('said from a phone').nth(1).waitFor()
  await phone.locator('.term-screen').getByText('said from a phone').nth(1).waitFor()
  await phone.getByRole('button', { name: 'Type', exact: true }).click()
  await phone.locator('.terminal .over').waitFor({ state: 'hidden' })
  await phone.locator('.xterm-helper-textarea').focus()
  await phone.keyboard.type('typed live')
  await phone.keyboard.press('Enter')
  await desk.locator('.xterm-rows').getByText('typed live').nth(1).waitFor()
  expect(await phone.locator('.term-strip .mono').innerText()).toBe(size)
  await picture(phone, 'terminal-type-phone')
  await phone.getByRole('button', { name: 'Fit to this screen' }).click()
  await eventually(async () => (await phone.locator('.term-strip .mono').innerText()) !== size, 'the phone decides now')
}, 180_000)

test('settings: what is changed is kept, on every device or on this one', async () => {
  const origin = new URL(demo.webUrl).origin
  await phone.goto(`${origin}/settings`)
  await phone.getByRole('textbox', { name: 'A new phrase' }).fill('Ship it')
  await phone.getByRole('button', { name: 'Add', exact: true }).click()
  await phone.getByText('Saved', { exact: true }).waitFor()
  await phone.getByRole('switch', { name: /A machine stopped/ }).click()
  await phone.getByRole('button', { name: 'Set up Webhook' }).click()
  await phone.getByLabel('Webhook: address').fill('http://127.0.0.1:9/nobody')
  await phone.getByLabel(/Signing secret/).fill('not-shown-again')
  await phone.getByRole('button', { name: 'Save', exact: true }).click()
  await phone.getByText(/127\.0\.0\.1:9\/nobody, with a secret/).waitFor()
  await phone.getByRole('button', { name: /Send a test/ }).click()
  await phone.locator('.test-row li').first().waitFor()
  await picture(phone, 'settings-phone')
  await desk.goto(`${origin}/settings`)
  await desk.getByRole('textbox', { name: 'Phrase 4' }).waitFor()
  expect(await desk.getByRole('textbox', { name: 'Phrase 4' }).inputValue()).toBe('Ship it')
  expect(await desk.content()).not.toContain('not-shown-again')
  await desk.getByRole('button', { name: 'Dark', exact: true }).click()
  await desk.reload()
  await desk.getByRole('button', { name: 'Dark', exact: true }).waitFor()
  expect(await desk.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark')
  await picture(desk, 'settings-desk')
  await desk.getByRole('button', { name: 'As the system', exact: true }).click()
}, 60_000)

test('new-workspace: what is missing is said, and the form leads to the session', async () => {
  const origin = new URL(demo.webUrl).origin
  await phone.goto(`${origin}/new`)
  const form = phone.getByRole('dialog')
  await form.getByRole('button', { name: 'Start task' }).click()
  await form.getByText(/which repository/).waitFor()
  await picture(phone, 'new-phone')
  await form.getByRole('combobox', { name: 'Repository' }).fill('https://127.0.0.1:9/nobody/nothing.git')
  await form.getByLabel('Agent').selectOption('plain')
  await form.getByLabel('Command').fill('cat')
  await form.getByLabel('Where').selectOption('local')
  await form.getByText('Begin with an empty tree').click()
  await form.getByText('Stay awake').click()
  await form.getByRole('button', { name: 'Start', exact: true }).click()
  await phone.waitForURL(/\/workspaces\/ws_/)
  const made = (await product.json<Workspace[]>(['list'])).find(({ id }) => phone.url().includes(id))
  expect(made).toMatchObject({ provider: 'local', agent: 'plain', idle: { autoStopMs: 0 } })
  await desk.goto(`${origin}/new`)
  await desk.getByRole('dialog').waitFor()
  await picture(desk, 'new-desk')
  await desk.keyboard.press('Escape')
  await desk.getByRole('dialog').waitFor({ state: 'detached' })
}, 120_000)

test('nothing that was shown made the browser complain', () => {
  expect(complaints).toEqual([])
})
