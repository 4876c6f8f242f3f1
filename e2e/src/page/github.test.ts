/** GitHub on the page: connected by a press, seen as it stands, and its repositories and checks where they are wanted. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { chromium, type Browser, type Page } from 'playwright-core'
import { startGitHubWorld, type GitHubWorld } from '../github-world.ts'
import { eventually } from '../product.ts'
import { CHROMIUM, keepComplaints, newPage, PHONE, QUIET, signIn, test } from './world.ts'

let at: GitHubWorld
let browser: Browser
let page: Page
const complaints: string[] = []

const settings = () => page.getByRole('region', { name: 'GitHub', exact: true })
const address = (path: string) => new URL(path, page.url()).href

beforeAll(async () => {
  if (CHROMIUM === null) return
  at = await startGitHubWorld()
  browser = await chromium.launch({ executablePath: CHROMIUM, args: [...QUIET] })
  page = await newPage(browser, PHONE)
  keepComplaints(page, complaints)
  await signIn(page, (await at.product.cli(['web', '--no-open'])).stdout.trim())
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await at?.close()
}, 60_000)

test('github-connect: a press makes the app, another chooses repositories, and the page shows how it stands', async () => {
  await page.goto(address('/settings'))
  await settings().getByText('Not connected').waitFor()
  await settings().getByText('For an organisation, or a GitHub of your own').click()
  await settings().getByLabel('Organisation at GitHub').fill('northquay')
  await settings().getByLabel('Address of a GitHub of your own').fill(at.github.url)
  at.github.world.choice = { account: 'northquay', repositories: ['ledger'] }
  await settings().getByRole('button', { name: 'Make its app' }).click()
  await page.getByRole('button', { name: /Go on at/ }).click()
  // GitHub leads back here when repositories were chosen.
  await page.waitForURL(/\/settings\?/)
  await settings().getByText('chosen repositories').waitFor()
  await settings().getByText(/^Connected, 127\.0\.0\.1/).waitFor()
  const [installation] = at.github.world.installations
  expect(await settings().getByRole('link', { name: 'Change the repositories of northquay' }).getAttribute('href')).toContain(`/installations/${installation?.id}`)
}, 60_000)

test('github-reconnect: taken off, gone or away it says so, and asks to connect again', async () => {
  const { world } = at.github
  const [installation] = world.installations
  const again = async () => {
    await page.reload()
    await settings().getByRole('button', { name: /^Disconnect/ }).waitFor()
  }
  if (installation === undefined) throw new Error('nothing is installed')
  installation.suspendedAt = world.now()
  await again()
  await settings().getByRole('link', { name: 'Change the repositories of northquay' }).getByText('Let in again').waitFor()
  world.uninstall(installation)
  await again()
  await settings().getByText(/No repository chosen yet/).waitFor()
  await settings().getByRole('link', { name: 'Choose repositories at GitHub' }).waitFor()
  const [app] = world.apps.splice(0)
  await again()
  await settings().getByText(/does not know this app any more/).waitFor()
  await settings().getByRole('button', { name: 'Connect again' }).waitFor()
  if (app === undefined) throw new Error('no app was made')
  world.apps.push(app)
  world.install(app, 'northquay', ['ledger'])
  await again()
  await settings().getByText(/^Connected/).waitFor()
}, 60_000)

test('new-search, new-connect: a repository is found by a word and can be read; one that was not chosen asks to choose it', async () => {
  await page.goto(address('/new'))
  const field = page.getByRole('combobox', { name: 'Repository' })
  await field.fill('ledg')
  await page.getByRole('option', { name: /northquay\/ledger.*private/ }).click()
  expect(await field.inputValue()).toBe(`${at.github.url}/northquay/ledger.git`)
  await page.getByText('The server opens it; no credential enters the machine.').waitFor()
  await field.fill(`${at.github.url}/northquay/other.git`)
  await page.getByText('is not installed on northquay/other').waitFor()
  expect(await page.getByRole('link', { name: 'Choose it at GitHub' }).getAttribute('href')).toEndWith('/installations/new')
  await field.fill('https://github.com/northquay')
  await page.getByText('is not installed on').waitFor({ state: 'hidden' })
}, 60_000)

test('pull-tell: a pull request by a tap, and what its checks say told to the agent by another', async () => {
  const demo = await at.up('ledger', 'demo')
  await at.inside('demo', 'echo more >> README.md && git commit -qam "Count in cents" && git push -q origin HEAD:refs/heads/berth/demo')
  await at.product.json(['update', 'demo', '--check'])
  await page.goto(address(`/workspaces/${demo.id}/status`))
  const part = page.getByRole('region', { name: 'Pull request' })
  await part.getByRole('button', { name: 'Open a pull request' }).click()
  await part.getByRole('link', { name: '#1 Count in cents' }).waitFor()
  const sha = at.git('--git-dir', at.github.world.known('northquay/ledger').dir, 'rev-parse', 'berth/demo')
  at.github.world.setCheck('northquay/ledger', sha, { name: 'unit', status: 'completed', conclusion: 'failure', summary: '2 of 40 failed' })
  await page.reload()
  await part.getByText('1 of 1 check failed').waitFor()
  await part.getByRole('button', { name: 'Tell the agent the CI result' }).click()
  await eventually(async () => {
    const { events } = (await (await at.product.fetch(`/api/v1/workspaces/${demo.id}/events?limit=500`)).json()) as { events: { body: { type: string; text?: string } }[] }
    return events.some(({ body }) => body.type === 'prompt' && body.text?.includes('1 of 1 failed') === true)
  }, 'the words to the agent')
  await part.getByLabel('Tell it by itself when one fails').click()
  await page.getByText('The agent is told when a check fails').waitFor()
  expect(complaints).toEqual([])
}, 120_000)

test('origin-update: a workspace says that its branch moved at the origin, and one tap brings what is new', async () => {
  // A program that runs counts as a turn.
  const moved = await at.up('ledger', 'moved', ['--command', 'true'])
  const commit = await at.commitAt('northquay/ledger')
  await at.product.cli(['update', 'moved', '--check'], { exit: 1 })
  await page.goto(address(`/workspaces/${moved.id}/status`))
  const line = page.getByRole('status').filter({ hasText: 'Behind origin/main' })
  await line.getByRole('button', { name: 'Update' }).click()
  await page.getByText('1 commit of the origin came').waitFor()
  await line.waitFor({ state: 'detached' })
  expect((await at.inside('moved', 'git rev-parse HEAD')).stdout.trim()).toBe(commit.trim())
  expect(complaints).toEqual([])
}, 120_000)

test('settings-commits: who commits are by, and a key that signs them, of which the public half is shown', async () => {
  await page.goto(address('/settings'))
  const part = page.getByRole('region', { name: 'Your commits' })
  await part.getByLabel('Name in commits').fill('Ada Lovelace')
  await part.getByLabel('Address in commits').fill('ada@example.org')
  await part.getByRole('button', { name: 'Save identity' }).click()
  await part.getByRole('switch', { name: /Sign commits/ }).click()
  await part.getByText(/^ssh-ed25519 /).waitFor()
  expect(await at.product.json(['identity'])).toMatchObject({ name: 'Ada Lovelace', email: 'ada@example.org', from: 'person', coAuthor: true, signingKey: { publicKey: expect.stringContaining('ssh-ed25519') } })
  await part.getByRole('switch', { name: /berth\[bot\]/ }).click()
  await eventually(async () => (await at.product.json<{ coAuthor: boolean }>(['identity'])).coAuthor === false, 'no co-author')
}, 60_000)

test('settings-git-hosts: a token is kept and forgotten, and never shown', async () => {
  const part = page.getByRole('region', { name: 'Other git hosts' })
  await part.getByLabel('Address of the host').fill('https://git.northquay.example')
  await part.getByLabel('Token of the host').fill('canary-never-shown')
  await part.getByRole('button', { name: 'Keep token' }).click()
  await part.getByText('a token of GitLab, never used').waitFor()
  expect(await page.content()).not.toContain('canary-never-shown')
  await part.getByRole('button', { name: 'Forget https://git.northquay.example' }).click()
  await part.getByRole('button', { name: 'Forget it' }).click()
  await part.getByText(/^None\./).waitFor()
  expect(complaints).toEqual([])
}, 60_000)
