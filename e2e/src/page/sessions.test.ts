/** Several conversations of one workspace on the page, with two real agents. */
import { afterAll, beforeAll, expect } from 'bun:test'
import type { Page } from 'playwright-core'
import type { Session, Workspace } from '@berth/wire'
import { eventually } from '../product.ts'
import { modelUrl } from '../providers.ts'
import { CHROMIUM, DESK, PHONE, startWorld, test, type World } from './world.ts'

const WAIT_MS = 60_000

let world: World
let several: Workspace
let page: Page
beforeAll(async () => {
  if (CHROMIUM === null) return
  world = await startWorld({ from: { 'README.md': '# demo\n' } })
  several = await world.up('several', 'please do [[say first things first]]', '--env', `OPENAI_BASE_URL=${modelUrl(world.model)}/v1`, '--env', 'OPENAI_API_KEY=placeholder-not-a-secret')
  await world.turnOver(several.id)
  page = await world.open(DESK)
}, 300_000)
afterAll(() => world?.close(), 120_000)

const tabs = (of: Page) => of.getByRole('group', { name: 'Sessions' })
const conversation = (of: Page) => of.getByRole('region', { name: 'Conversation' })
const sessions = () => world.ask<Session[]>('GET', `/workspaces/${several.id}/sessions`)
const send = (text: string, session: string) => world.product.cli(['send', several.name, '--session', session, text])

test('sessions-begin: another agent is begun beside the first, and each conversation stands alone', async () => {
  await page.goto(world.at(several))
  await conversation(page).getByText('first things first', { exact: true }).waitFor()
  expect(await tabs(page).count()).toBe(0)
  await page.getByRole('button', { name: 'Actions' }).click()
  await page.getByRole('button', { name: 'Sessions' }).click()
  const form = page.getByRole('dialog', { name: 'Sessions' })
  await form.getByLabel('Agent').selectOption('codex')
  await form.getByLabel('Title').fill('Second opinion')
  await form.getByLabel('Task').fill('please [[say seconded]]')
  await form.getByRole('button', { name: 'Begin' }).click()
  await tabs(page).getByRole('button', { name: 'Second opinion', pressed: true }).waitFor({ timeout: WAIT_MS })
  await conversation(page).getByText('seconded', { exact: true }).waitFor({ timeout: WAIT_MS })
  expect(await conversation(page).getByText('first things first', { exact: true }).count()).toBe(0)
  await tabs(page).getByRole('button', { name: 'Claude Code' }).click()
  await conversation(page).getByText('first things first', { exact: true }).waitFor()
  expect(await conversation(page).getByText('seconded', { exact: true }).count()).toBe(0)
}, 180_000)

test('sessions-needs-you: what one asks is marked at its name, and answered where it stands', async () => {
  await send('now [[ask from-codex]]', 'Second opinion')
  await eventually(async () => (await world.approvals(several.id)).length === 1, 'the question', WAIT_MS)
  const second = tabs(page).getByRole('button', { name: 'Second opinion' })
  await second.and(page.locator('.s-needs')).waitFor({ timeout: WAIT_MS })
  expect(await page.getByRole('button', { name: 'Allow', exact: true }).count()).toBe(0)
  // A page that comes anew draws the first one, with the mark.
  const phone = await world.open(PHONE)
  await phone.goto(world.at(several))
  await conversation(phone).getByText('first things first', { exact: true }).waitFor()
  expect(await tabs(phone).getByRole('button').filter({ visible: true }).count()).toBe(1)
  await tabs(phone).locator('svg.s-needs').waitFor()
  await tabs(phone).getByRole('button', { name: 'Claude Code' }).tap()
  await phone.getByRole('dialog', { name: 'Sessions' }).getByRole('button', { name: 'Second opinion Codex Needs you' }).tap()
  await phone.getByRole('button', { name: 'Allow' }).first().waitFor({ timeout: WAIT_MS })
  await second.click()
  await page.getByRole('button', { name: 'Allow' }).first().click()
  await eventually(async () => (await world.approvals(several.id)).length === 0, 'the answer', WAIT_MS)
  await phone.context().close()
}, 180_000)

test('sessions-speak: what is written goes to the one that is shown, and its screen is its own', async () => {
  await page.getByRole('textbox', { name: 'Message to the agent' }).fill('to the second [[say heard by the second]]')
  await page.keyboard.press('Enter')
  await conversation(page).getByText('heard by the second', { exact: true }).waitFor({ timeout: WAIT_MS })
  await eventually(async () => (await sessions()).every(({ state }) => state === 'idle'), 'both to rest', WAIT_MS)
  await page.goto(world.at(several, 'terminal'))
  await page.goto(world.at(several))
  await tabs(page).getByRole('button', { name: 'Second opinion' }).click()
  await tabs(page).getByRole('button', { name: 'Second opinion', pressed: true }).click()
  const dialog = page.getByRole('dialog', { name: 'Sessions' })
  await dialog.getByRole('button', { name: 'Close its screen' }).last().click()
  await dialog.getByRole('button', { name: 'Open its screen' }).waitFor({ timeout: WAIT_MS })
  await page.keyboard.press('Escape')
  await page.getByRole('link', { name: 'Terminal' }).first().click()
  await page.getByRole('heading', { name: 'Second opinion works without a screen' }).waitFor()
  await page.getByRole('button', { name: 'Open its screen' }).click()
  await page.locator('.xterm').waitFor({ timeout: WAIT_MS })
}, 180_000)

test('sessions-fork, sessions-end: a fork is shown as what it is, and is ended', async () => {
  await page.goto(world.at(several))
  await tabs(page).getByRole('button', { name: 'Claude Code' }).click()
  const dialog = page.getByRole('dialog', { name: 'Sessions' })
  await dialog.getByRole('button', { name: 'Fork' }).first().click()
  await tabs(page).getByRole('button', { name: 'Claude Code 2', pressed: true }).waitFor({ timeout: WAIT_MS })
  await tabs(page).getByRole('button', { name: 'Claude Code 2' }).click()
  await dialog.getByText('forked from Claude Code').waitFor()
  await dialog.getByRole('button', { name: 'End', exact: true }).last().click()
  await eventually(async () => (await sessions()).length === 2, 'the end', WAIT_MS)
  await tabs(page).getByRole('button', { name: 'Claude Code', pressed: true }).waitFor()
  // A screen that is about to open is asked for before it is there.
  expect(world.complaints.filter((words) => !words.includes('status of 404'))).toEqual([])
}, 180_000)

test('sign-in: an agent without a login is signed in from the page, as far as its maker can be reached', async () => {
  const without = await world.product.json<Workspace>(['up', '.', '--provider', 'local', '--name', 'without', '--no-open', '-y'], { cwd: world.dir })
  await page.goto(world.at(without))
  const card = page.getByRole('region', { name: 'Sign in to Claude Code' })
  await card.getByRole('button', { name: 'Sign in to Claude Code' }).waitFor({ timeout: WAIT_MS })
  // It is not broken: it waits for a person, here, in the inbox and on the command line.
  await page.locator('.strip').getByText('Not signed in').waitFor({ timeout: WAIT_MS })
  await page.goto(new URL('/', world.at(without)).href)
  await page.getByRole('main').getByRole('region', { name: 'Needs you: Claude Code is not signed in' }).getByRole('button', { name: 'Sign in' }).waitFor({ timeout: WAIT_MS })
  const listed = await world.product.cli(['list'])
  expect(listed.stdout).toMatch(/without.*not signed in/)
  expect(listed.stderr).toContain('`berth sign-in without` signs it in')
  expect((await world.product.cli(['session', 'list', 'without'])).stdout).toMatch(/not signed in/)
  await page.goto(world.at(without))
  await card.getByRole('button', { name: 'Sign in to Claude Code' }).click({ timeout: WAIT_MS })
  const link = card.getByRole('link', { name: /^Open / })
  await link.waitFor({ timeout: WAIT_MS })
  const url = new URL((await link.getAttribute('href')) ?? 'about:nothing')
  expect([url.protocol, url.searchParams.get('code_challenge_method')]).toEqual(['https:', 'S256'])
  await card.getByLabel('Paste what the page gives you').fill('not-a-code#of-any-sign-in')
  await card.getByRole('button', { name: 'Bring it back' }).click()
  // There is no way to its maker here: it says so, the workspace goes on, and it can be tried again.
  await card.getByRole('button', { name: 'Try again' }).waitFor({ timeout: WAIT_MS })
  expect((await world.workspace(without.id)).phase).toBe('running')
  expect((await world.product.cli(['sign-in', 'without', '--list'])).stdout).toContain('not signed in')
  // What is there by hand counts as well, and the agent begins to work by itself.
  await world.product.cli(['run', 'without', '--', 'sh', '-c', 'umask 077; mkdir -p ~/.claude; echo \'{"claudeAiOauth":{"accessToken":"placeholder","refreshToken":"placeholder","expiresAt":4000000000000,"scopes":["user:inference"]}}\' > ~/.claude/.credentials.json'])
  await card.waitFor({ state: 'detached', timeout: WAIT_MS })
  await page.locator('.strip').getByText('Idle').waitFor({ timeout: WAIT_MS })
  // One that nothing renews is told of before it ends.
  const endsAt = Date.now() + 50 * 3600_000
  await world.product.cli(['run', 'without', '--', 'sh', '-c', `echo '{"claudeAiOauth":{"accessToken":"placeholder","expiresAt":${endsAt},"scopes":["user:inference"]}}' > ~/.claude/.credentials.json`])
  await card.getByText('Claude Code: sign-in ends in 2 days').waitFor({ timeout: WAIT_MS })
  await card.getByRole('button', { name: 'Sign in again' }).waitFor({ timeout: WAIT_MS })
  expect((await world.product.cli(['sign-in', 'without', '--list'])).stdout).toContain('sign-in ends in 2 days · sign in again')
}, 240_000)
