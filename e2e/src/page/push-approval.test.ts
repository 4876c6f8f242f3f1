/**
 * A push that a person allows on a phone: real git in a workspace of the `protected` profile waits, the phone is told,
 * and the page says all that is to be known of it, whatever the workspace wrote into it.
 */
import { afterAll, beforeAll, expect } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import { startGitServer, type GitServer } from '../git-server.ts'
import { startProduct, type CliResult, type Product } from '../product.ts'
import { dirtyRepository } from '../repository.ts'
import { startPushDevice, type PushDevice } from './push-device.ts'
import { shapeProblems } from './screen-checks.ts'
import { CHROMIUM, DESK, keepComplaints, newPage, PHONE, QUIET, signIn, TABLET, test } from './world.ts'

/** Where somebody wants to look at it. */
const PICTURES = process.env['BERTH_PICTURES']
const OWN = 'refs/heads/berth/demo'
const TOKEN = 'longlived-canary-9c1d3e5f7a'
/** A subject, a path and a branch that a page could take for something else, or a person. */
const SUBJECT = 'Count <img src=x onerror="window.taken=1"> all\u001b[31m red\u202e txet'
const FILE = 'src/<b>total</b>\u202e.ts'
const BRANCH = 'berth/demo-<b>x</b>\u200b'

let root = ''
let host: GitServer
let product: Product
let browser: Browser
let phone: Page
let device: PushDevice
let demo: Workspace
const complaints: string[] = []

const inside = (script: string, exit: number | null = 0): Promise<CliResult> => product.cli(['ssh', 'demo', `cd /workspace && ${script}`], { exit })
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
const push = (refspec: string, ...words: string[]) => inside(`git push ${words.join(' ')} origin ${quoted(refspec)}`, null)
const commit = (subject: string) => inside(`git add -A && git -c user.name=Agent -c user.email=agent@example.org commit -q -m ${quoted(subject)} && git rev-parse HEAD`).then(({ stdout }) => stdout.trim())
const atHost = (ref: string): string | null => {
  const { stdout, exitCode } = Bun.spawnSync(['git', '--git-dir', join(root, 'private-ledger.git'), 'rev-parse', '-q', '--verify', ref])
  return exitCode === 0 ? stdout.toString().trim() : null
}
const card = (page = phone) => page.locator('.dock').getByRole('region', { name: /^Needs you/ })
/** What it says of one thing. */
const fact = async (name: string) => (await card().locator('.facts > div').filter({ has: phone.locator('dt').getByText(name, { exact: true }) }).locator('dd > div').allInnerTexts()).map((line) => line.replace(/\s+/g, ' ')).join('\n')
/** Nothing is told to whom looks at it, so whoever pushes sends the phone away first. */
const away = () => phone.goto(new URL('/settings', phone.url()).href)
/** That its person is asked; a push that ends before is no push that waits. */
const asked = (title: RegExp, pushed: Promise<CliResult>) => Promise.race([
  device.told(({ workspaceId, reason, body }) => workspaceId === demo.id && reason === 'needs-you' && title.test(body)),
  pushed.then(({ stderr }): never => { throw new Error(`nobody was asked: ${stderr}`) }),
])
/** As a tap on the notification does. */
const opened = (url: string) => phone.goto(new URL(url, phone.url()).href).then(() => card().waitFor())

async function pictured(name: string): Promise<string[]> {
  const problems: string[] = []
  const state = await phone.context().storageState()
  for (const [size, options] of Object.entries({ phone: PHONE, tablet: TABLET, desk: DESK })) {
    const page = await newPage(browser, { ...options, storageState: state, serviceWorkers: 'block' })
    await page.goto(phone.url())
    await card(page).waitFor()
    for (const scheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: scheme })
      problems.push(...(await shapeProblems(page, size as 'phone')).map((line) => `${size} ${scheme}: ${line}`))
      if (PICTURES !== undefined) {
        mkdirSync(PICTURES, { recursive: true })
        writeFileSync(join(PICTURES, `${name}-${size}-${scheme}.png`), await page.screenshot())
      }
    }
    await page.context().close()
  }
  return problems
}

beforeAll(async () => {
  if (CHROMIUM === null) return
  root = mkdtempSync(join(tmpdir(), 'berth-push-approval-'))
  const code = await dirtyRepository()
  Bun.spawnSync(['git', 'clone', '-q', '--bare', code.dir, join(root, 'private-ledger.git')])
  code.remove()
  host = startGitServer(root, { username: 'x-access-token', token: TOKEN })
  product = startProduct({ USER: 'ada' })
  writeFileSync(join(product.home, 'config.yaml'), 'notify: { allowPrivate: true }\n')
  await product.cli(['provider', 'setup', 'local'])
  await product.cli(['list'])
  const origin = `http://127.0.0.1:${host.port}`
  expect((await product.fetch('/api/v1/git-hosts', { method: 'POST', body: JSON.stringify({ origin, token: TOKEN }) })).status).toBe(200)
  demo = await product.json<Workspace>(['up', `${origin}/private-ledger.git`, '--provider', 'local', '--agent', 'plain', '--command', 'sleep 100000', '--name', 'demo', '-y', '--no-open'])
  await product.cli(['git-access', 'demo', '--profile', 'protected', '--workflows', 'ask'])
  browser = await chromium.launch({ executablePath: CHROMIUM, args: [...QUIET] })
  phone = await newPage(browser, PHONE)
  keepComplaints(phone, complaints)
  await signIn(phone, (await product.cli(['web', '--no-open'])).stdout.trim())
  device = await startPushDevice(phone)
  await device.switchOn()
}, 180_000)

afterAll(async () => {
  await browser?.close()
  await product?.close()
  await device?.close()
  await host?.close()
  if (root !== '') rmSync(root, { recursive: true, force: true })
}, 120_000)

test('push-allowed: the phone is told, its page says what would leave, and Allow ends the push that waits', async () => {
  await inside('mkdir -p src && printf "one\\ntwo\\n" > src/total.ts && rm README.md')
  const id = await commit('Count all of it')
  const pushed = push(`HEAD:${OWN}`)
  const message = await asked(/berth\/demo/, pushed)
  await device.deliver(message)
  expect(await device.showing(message.tag)).toMatchObject({ title: 'demo needs you', stays: true, actions: ['deny', 'allow'] })
  expect((await device.showing(message.tag)).body).toMatch(/push 1 commit \(\+2 -\d+\) to berth\/demo of 127\.0\.0\.1:\d+\/private-ledger/)
  await opened(message.url)
  expect(await fact('repository')).toBe(`http://127.0.0.1:${host.port}/private-ledger`)
  expect(await fact('refs')).toBe(`${OWN}: new → ${id.slice(0, 10)}`)
  expect(await fact('commits')).toBe(`${id.slice(0, 10)} Count all of it`)
  // Each on its own line, as it is read.
  expect(await fact('files')).toBe('2 files +2 −1\nsrc/total.ts +2 −0\nREADME.md +0 −1')
  expect(await fact('checks')).toMatch(/no secret was found.*no file over 50 MB.*nothing that the host runs by itself/is)
  expect(await pictured('push')).toEqual([])
  expect(atHost(OWN)).toBeNull()
  await card().getByRole('button', { name: 'Allow once' }).tap()
  const { exitCode, stderr } = await pushed
  expect(stderr).toContain('ada allowed it')
  expect(exitCode).toBe(0)
  expect(atHost(OWN)).toBe(id)
  await card().waitFor({ state: 'detached' })
}, 120_000)

test('push-denied: git prints who refused it and why, in its own words, and nothing left', async () => {
  await away()
  await inside('echo three >> src/total.ts')
  const before = atHost(OWN)
  await commit('Count a third')
  const pushed = push(`HEAD:${OWN}`)
  const message = await asked(/push 1 commit \(\+1 -0\)/, pushed)
  await opened(message.url)
  expect(await fact('refs')).toContain(`${OWN}: ${before?.slice(0, 10)} →`)
  await card().getByRole('button', { name: 'Deny with a reason' }).tap()
  await phone.getByRole('textbox', { name: 'Why not; the agent reads it' }).fill('not on a Friday')
  await card().getByRole('button', { name: 'Deny', exact: true }).tap()
  const { exitCode, stderr } = await pushed
  expect(stderr).toMatch(/^ ! \[remote rejected\] HEAD -> berth\/demo \(ada denied it: not on a Friday\)$/m)
  expect(stderr).not.toMatch(/fatal|hung up|protocol error|unexpected/)
  expect(exitCode).toBe(1)
  expect(atHost(OWN)).toBe(before)
}, 90_000)

test('push-hostile: what a workspace wrote into it is shown as letters, and what is not seen is spelled out', async () => {
  await away()
  await inside(`mkdir -p ${quoted(FILE.slice(0, FILE.lastIndexOf('/')))} && printf x > ${quoted(FILE)}`)
  await commit(SUBJECT)
  // Of a branch nobody is asked that is not written in plain letters.
  expect((await push(`HEAD:refs/heads/${BRANCH}`)).stderr).toContain('only branches and tags with plain names')
  const pushed = push('HEAD:refs/heads/berth/demo-hostile')
  const message = await asked(/berth\/demo-hostile/, pushed)
  expect([message.title, message.body].join('')).not.toMatch(/[\p{Cc}\u202e\u200b]/u)
  await opened(message.url)
  expect(await fact('commits')).toContain('Count <img src=x onerror="window.taken=1"> all')
  expect(await fact('files')).toContain('src/<b>total</b>')
  expect(await card().innerText()).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u)
  expect(await card().locator('img, b, script').count()).toBe(0)
  expect(await phone.evaluate(() => 'taken' in window)).toBe(false)
  expect(await pictured('push-hostile')).toEqual([])
  await card().getByRole('button', { name: 'Deny', exact: true }).tap()
  expect((await pushed).stderr).toContain('ada denied it')
  expect([atHost(`refs/heads/${BRANCH}`), atHost('refs/heads/berth/demo-hostile')]).toEqual([null, null])
}, 90_000)

test('push-rewriting: what the host would lose, or run by itself, is said first, and wants a held finger', async () => {
  await away()
  await product.cli(['git-access', 'demo', '--delete', 'refs/heads/berth/demo'])
  const before = atHost(OWN)
  await inside(`mkdir -p .github/workflows && echo 'on: push' > .github/workflows/ci.yml && git reset -q --soft HEAD~3`)
  await commit('All of it at once')
  const pushed = push(`+HEAD:${OWN}`)
  const message = await asked(/rewriting berth\/demo/, pushed)
  expect(message.decide).toBeNull()
  await opened(message.url)
  expect(await fact('is rewritten')).toContain(OWN)
  expect(await fact('run by the host')).toBe('.github/workflows/ci.yml')
  expect(await fact('checks')).not.toContain('nothing that the host runs')
  await card().getByRole('button', { name: 'Hold to allow once' }).waitFor()
  expect(await pictured('push-rewriting')).toEqual([])
  await card().getByRole('button', { name: 'Deny', exact: true }).tap()
  expect((await pushed).exitCode).toBe(1)
  // And one that only takes away.
  await away()
  const deleting = push(`:${OWN}`)
  const deletion = await asked(/^delete berth\/demo of/, deleting)
  expect(deletion.decide).toBeNull()
  await opened(deletion.url)
  expect(await fact('is deleted')).toContain(OWN)
  await card().getByRole('button', { name: 'Deny', exact: true }).tap()
  expect((await deleting).exitCode).toBe(1)
  expect(atHost(OWN)).toBe(before)
}, 120_000)

test('push-many: a notification that cannot name every ref of a push has no Allow', async () => {
  await away()
  const names = ['a', 'b', 'c', 'd'].map((each) => `berth/demo-${each}`)
  const pushed = inside(`git push origin ${names.map((name) => `HEAD:refs/heads/${name}`).join(' ')}`, null)
  const message = await asked(/berth\/demo-a.*and 1 more/, pushed)
  expect(message.decide).toBeNull()
  await opened(message.url)
  for (const name of names) expect(await fact('refs')).toContain(name)
  await card().getByRole('button', { name: 'Deny', exact: true }).tap()
  expect((await pushed).exitCode).toBe(1)
}, 60_000)

test('neither the page nor its worker complained', () => {
  expect([complaints, device.errors]).toEqual([[], []])
})
