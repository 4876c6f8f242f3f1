/** What a person sets, and what comes of it: words, reasons, hours, channels, devices, the look; and a workspace from the form. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { createHmac } from 'node:crypto'
import { startReceiver, type Receiver } from '@berth/testkit/push-service'
import type { Page } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import { NotifyMessage, type Settings } from '@berth/wire/settings'
import { eventually } from '../product.ts'
import { commitFiles, git } from '../repository.ts'
import { CHROMIUM, DESK, PHONE, startWorld, test, type World } from './world.ts'

let world: World
let demo: Workspace
let receiver: Receiver
let phone: Page

const go = (path: string) => phone.goto(new URL(path, demo.webUrl).href)
const kept = () => world.ask<Settings>('GET', '/settings')
const saved = () => phone.getByText('Saved', { exact: true }).waitFor()
const field = (name: string | RegExp) => phone.getByRole('textbox', { name })
const hooked = () => receiver.arrived.filter(({ path }) => path === '/hook').map(({ body }) => NotifyMessage.parse(JSON.parse(body.toString())))

beforeAll(async () => {
  if (CHROMIUM === null) return
  receiver = startReceiver()
  world = await startWorld({ from: { 'README.md': '# demo\n' }, config: 'notify: { allowPrivate: true }\n' })
  await git(world.dir, 'checkout', '-q', '-b', 'side')
  await commitFiles(world.dir, { 'beside.txt': 'only here\n' }, 'second')
  await git(world.dir, 'checkout', '-q', 'main')
  demo = await world.up('demo', 'hello [[hello]]')
  await world.turnOver(demo.id)
  phone = await world.open(PHONE)
}, 300_000)

afterAll(async () => {
  await world?.close()
  await receiver?.stop()
}, 120_000)

test('settings-phrases: chips are written, ordered and taken away, and stand above the message', async () => {
  await go('/settings')
  await field('A new phrase').fill('Ship it')
  await phone.getByRole('button', { name: 'Add', exact: true }).click()
  await saved()
  await phone.getByRole('button', { name: 'Move “Ship it” up' }).click()
  await eventually(async () => (await kept()).phrases[2] === 'Ship it', 'it moved up')
  await phone.getByRole('button', { name: 'Remove “Run the tests”' }).click()
  await eventually(async () => (await kept()).phrases.length === 3, 'one is gone')
  await field('Phrase 1').fill('Go on')
  await field('Phrase 1').press('Enter')
  await eventually(async () => (await kept()).phrases.join() === 'Go on,Ship it,Stop and wait', 'written, in this order')
  await go(`/workspaces/${demo.id}`)
  const chips = phone.getByRole('group', { name: 'Quick replies' })
  await chips.getByRole('button', { name: 'Ship it' }).waitFor()
  await go('/settings')
  await phone.getByRole('button', { name: 'Back to the usual ones' }).click()
  await eventually(async () => (await kept()).phrases.includes('Run the tests'), 'the usual ones')
}, 90_000)

test('settings-ntfy, settings-webhook: both get the test and what happens, signed, and their secrets are never shown', async () => {
  await go('/settings')
  await phone.getByRole('button', { name: 'Set up ntfy' }).click()
  await phone.getByLabel('ntfy: topic address').fill(`${receiver.url}/topic`)
  await phone.getByLabel(/Access token/).fill('tk_not_shown')
  await phone.getByRole('button', { name: 'Save', exact: true }).click()
  await phone.getByText(`${receiver.url}/topic, with a secret`).waitFor()
  await phone.getByRole('button', { name: 'Set up Webhook' }).click()
  await phone.getByLabel('Webhook: address').fill(`${receiver.url}/hook`)
  await phone.getByLabel(/Signing secret/).fill('hook_not_shown')
  await phone.getByRole('button', { name: 'Save', exact: true }).click()
  await phone.getByText(`${receiver.url}/hook, with a secret`).waitFor()
  await phone.getByRole('button', { name: /Send a test/ }).click()
  const results = phone.locator('.test-row')
  await results.getByText('was taken').nth(1).waitFor()
  const hook = await receiver.next((one) => (one.path === '/hook' ? one : null))
  const [, at = '', sign = ''] = /^t=(\d+),v1=([0-9a-f]+)$/.exec(hook.headers.get('berth-signature') ?? '') ?? []
  expect(sign).toBe(createHmac('sha256', 'hook_not_shown').update(`${at}.${hook.body.toString()}`).digest('hex'))
  expect(await receiver.next((one) => (one.path === '/' ? one.headers.get('authorization') : null))).toBe('Bearer tk_not_shown')
  receiver.answer(() => new Response(null, { status: 500 }))
  await phone.getByRole('button', { name: /Send a test/ }).click()
  await results.getByText('HTTP 500').first().waitFor()
  receiver.answer(() => new Response(null, { status: 201 }))
  await phone.reload()
  await phone.getByText(`${receiver.url}/hook, with a secret`).waitFor()
  expect(await phone.content()).not.toContain('not_shown')
}, 90_000)

test('settings-reasons, settings-reminder, settings-quiet: each is kept for the person, and holds', async () => {
  await go('/settings')
  await phone.getByRole('switch', { name: /^A turn is done/ }).click()
  await eventually(async () => !(await kept()).notify.reasons['turn-done'], 'off')
  await phone.getByLabel('Again after').selectOption({ label: '30 min' })
  await eventually(async () => (await kept()).notify.reminderMs === 30 * 60_000, 'thirty minutes')
  const before = hooked().length
  await world.product.cli(['send', demo.id, 'hello again [[hello]]'])
  await world.turnOver(demo.id)
  await phone.getByRole('switch', { name: /^Quiet hours/ }).click()
  const minute = new Date().getUTCHours() * 60 + new Date().getUTCMinutes()
  const time = (at: number) => `${String(Math.floor((at % 1440) / 60)).padStart(2, '0')}:${String(at % 60).padStart(2, '0')}`
  await phone.getByLabel('From', { exact: true }).fill(time(minute + 1380))
  await phone.getByLabel('to', { exact: true }).fill(time(minute + 60))
  await eventually(async () => (await kept()).notify.quiet?.toMinute === (minute + 60) % 1440, 'the hours are kept')
  // What a test says comes through, whatever the hours: it was asked for.
  await phone.getByRole('button', { name: /Send a test/ }).click()
  await phone.locator('.test-row').getByText('was taken').nth(1).waitFor()
  expect(hooked().slice(before).map(({ tag }) => tag)).toEqual(['test'])
  await phone.getByRole('switch', { name: /^Quiet hours/ }).click()
  await eventually(async () => (await kept()).notify.quiet === null, 'no hours')
  const desk = await world.open(DESK)
  await desk.goto(new URL('/settings', demo.webUrl).href)
  expect(await desk.getByRole('switch', { name: /^A turn is done/ }).isChecked()).toBe(false)
  await desk.context().close()
}, 90_000)

test('settings-theme: what is chosen for a device is there before any script runs', async () => {
  await go('/settings')
  await phone.getByRole('button', { name: 'Dark', exact: true }).click()
  const response = await phone.reload()
  expect(await response?.text()).toContain('<html lang="en" data-theme="dark">')
  expect(await phone.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(14, 16, 18)')
  await phone.getByRole('button', { name: 'As the system', exact: true }).click()
  expect(await (await phone.reload())?.text()).toContain('<html lang="en">')
}, 60_000)

test('settings-sign-ins: a browser that is revoked is signed out where it stands, and keeps nothing', async () => {
  const other = await world.open(DESK)
  await other.goto(world.at(demo))
  await other.getByRole('heading', { level: 1, name: 'demo' }).waitFor()
  const keptThere = () => other.evaluate(async () => {
    if (!(await indexedDB.databases()).some(({ name }) => name === 'berth')) return -1
    return new Promise<number>((resolve) => {
      const opening = indexedDB.open('berth')
      opening.onsuccess = () => {
        const counted = opening.result.transaction('kept').objectStore('kept').count()
        counted.onsuccess = () => resolve((opening.result.close(), counted.result))
      }
    })
  })
  await eventually(async () => (await keptThere()) >= 3, 'it is kept for reading offline')
  await go('/settings')
  const part = phone.getByRole('region', { name: 'Devices and sign-ins' })
  await part.locator('.setting-row').nth(2).waitFor()
  const tokens = await world.ask<{ id: string; kind: string; createdAt: number }[]>('GET', '/tokens')
  const newest = tokens.filter(({ kind }) => kind === 'browser').toSorted((one, two) => two.createdAt - one.createdAt)[0]
  const index = tokens.findIndex(({ id }) => id === newest?.id)
  await part.locator('.setting-row').nth(index).getByRole('button', { name: /^Revoke/ }).click()
  await part.locator('.setting-row').nth(index).getByRole('button', { name: /^Revoke/ }).click()
  await other.getByRole('heading', { name: 'This browser is not signed in' }).waitFor({ timeout: 60_000 })
  // A lost phone keeps nothing of what was read on it.
  await eventually(async () => (await keptThere()) === 0, 'nothing is kept')
  await other.context().close()
}, 120_000)

test('new-autocomplete, new-branch, new-size, new-sleep, new-command: a repository that was used before, another branch of it, and how it shall run', async () => {
  await go('/new')
  const form = phone.getByRole('dialog')
  await form.getByRole('button', { name: 'Start task' }).click()
  await form.getByText(/which repository/).waitFor()
  await form.getByRole('combobox', { name: 'Repository' }).fill('berth-repo')
  await form.getByRole('listbox', { name: 'Repositories to choose from' }).getByRole('option').first().click()
  expect(await form.getByRole('combobox', { name: 'Repository' }).inputValue()).toBe(world.dir)
  await eventually(async () => (await form.locator('datalist option').evaluateAll((options) => options.map((option) => (option as HTMLOptionElement).value))).includes('side'), 'its branches are offered')
  await form.getByLabel('Branch from').fill('side')
  await form.getByLabel('Agent', { exact: true }).selectOption('plain')
  await form.getByRole('textbox', { name: 'Command' }).fill('cat beside.txt; cat')
  await form.getByLabel('Where', { exact: true }).selectOption('local')
  await form.getByRole('radio', { name: /^2 cores, 4 GB/ }).check()
  await form.getByRole('radio', { name: /^Sleep after 15 min/ }).check()
  await form.getByText('Change', { exact: true }).click()
  await form.getByLabel('Name').fill('from-the-form')
  await form.getByRole('button', { name: 'Start', exact: true }).click()
  await phone.waitForURL(/\/workspaces\/ws_/)
  const id = new URL(phone.url()).pathname.split('/')[2] ?? ''
  await eventually(async () => (await world.workspace(id)).phase === 'running' && (await world.workspace(id)).steps.every(({ state }) => state === 'done'), 'it came up', 60_000)
  expect(await world.workspace(id)).toMatchObject({ name: 'from-the-form', provider: 'local', agent: 'plain', idle: { autoStopMs: 15 * 60_000 }, resources: { cpus: 2, memoryBytes: 4 * 1024 ** 3 } })
  await go(`/workspaces/${id}/terminal`)
  await phone.locator('.term-screen').getByText('only here').waitFor()
}, 150_000)

test('new-prompt, new-image, new-extras, new-refused: the task goes with it, what a machine can have besides is told with its risk, and a refusal stands at its field', async () => {
  await go('/new')
  const form = phone.getByRole('dialog')
  // The list of repositories is open: what is pressed below it stays under the finger.
  await form.getByRole('option').first().waitFor()
  await form.getByText('Begin with an empty tree').click()
  expect(await form.getByRole('checkbox', { name: 'Begin with an empty tree' }).isChecked()).toBe(true)
  await form.getByLabel('Task').fill('What is in here?')
  await form.getByText('Change', { exact: true }).click()
  const extra = form.getByRole('checkbox', { name: /A Docker engine of its own.*only for code that you trust/ })
  if (await form.getByLabel('Where', { exact: true }).locator('option:not([disabled])').filter({ hasText: /^docker$/ }).count() > 0) {
    await form.getByLabel('Where', { exact: true }).selectOption('docker')
    await extra.check()
  }
  await form.getByLabel('Where', { exact: true }).selectOption('local')
  // A machine there cannot have it.
  await extra.waitFor({ state: 'detached' })
  await form.getByLabel('Name').fill('demo')
  await form.getByRole('button', { name: 'Start task' }).click()
  await form.getByText(/there is already a workspace named demo/).waitFor()
  await form.getByLabel('Name').fill('with-a-task')
  await form.getByLabel('Image').fill('an-image-that-local-has-not')
  await form.getByRole('button', { name: 'Start task' }).click()
  await phone.waitForURL(/\/workspaces\/ws_/)
  const id = new URL(phone.url()).pathname.split('/')[2] ?? ''
  expect((await world.workspace(id)).image).toBe('an-image-that-local-has-not')
  await phone.getByText('What is in here?').first().waitFor()
}, 90_000)

test('web-off: a workspace leaves the web after five seconds in which it is taken back, and the command line brings it back', async () => {
  await go(`/workspaces/${demo.id}`)
  const leave = async () => {
    await phone.getByRole('button', { name: 'Actions' }).click()
    await phone.getByRole('dialog').getByRole('button', { name: /Take off the web/ }).click()
  }
  await leave()
  await phone.getByRole('button', { name: 'Undo', exact: true }).click()
  expect((await world.workspace(demo.id)).web).toBe(true)
  const other = await world.open(DESK)
  await other.goto(world.at(demo))
  await other.getByRole('heading', { level: 1, name: 'demo' }).waitFor()
  await leave()
  await eventually(async () => (await world.workspace(demo.id)).web === false, 'it is off', 20_000)
  await phone.waitForURL(new URL('/', demo.webUrl).href)
  await other.getByRole('heading', { name: 'This workspace does not exist' }).waitFor()
  expect(await other.evaluate(async (path) => (await fetch(path)).status, `/api/v1/workspaces/${demo.id}`)).toBe(404)
  expect((await world.product.cli(['list'])).stdout).toMatch(/demo .* off/)
  await world.product.cli(['web', 'demo', '--on'])
  await phone.getByRole('main').getByRole('heading', { name: 'demo' }).waitFor()
  await other.context().close()
}, 120_000)
