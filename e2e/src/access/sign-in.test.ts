/** The ways in, in a real Chromium: a passkey of a virtual device, GitHub against the simulator, a program's code. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type Client } from '@berth/client'
import { serve, type Server } from '@berth/server'
import { startGitHub, type GitHubSim } from '@berth/sim-github'
import { openTestDatabase, type TestDatabase } from '@berth/store/testing'
import { createFakeProvider } from '@berth/testkit'
import { chromium, type Browser, type Page } from 'playwright-core'
import { CHROMIUM, QUIET, signIn, test } from '../page/world.ts'
import { COMMAND } from '../product.ts'

let home: string
let root: string
let database: TestDatabase
let server: Server
let client: Client
let browser: Browser
let github: GitHubSim

beforeAll(async () => {
  if (CHROMIUM === null) return
  home = mkdtempSync(join(tmpdir(), 'berth-sign-in-'))
  root = mkdtempSync(join(tmpdir(), 'berth-sign-in-github-'))
  database = await openTestDatabase()
  server = await serve({
    home, port: 0, databaseUrl: database.url, allowedMs: 500, providers: () => [createFakeProvider({ clock: { now: () => Date.now() } })],
    toolbox: { ensureDaemon: async () => ({ hostDir: '/opt/berth', hash: 'test' }), ensureAgent: async () => '/opt/berth/agents/claude' },
  })
  client = createClient({ url: server.url, token: server.token })
  browser = await chromium.launch({ executablePath: CHROMIUM, args: [...QUIET] })
  github = startGitHub({ root })
  github.world.signedIn = github.world.addUser('ada')
  github.world.addUser('mallory')
  github.world.addOrganization('northquay')
  await github.world.addRepository('northquay/ledger')
}, 90_000)
afterAll(async () => {
  await browser?.close()
  await github?.close()
  await server?.stop()
  await database?.close()
  for (const dir of [home, root]) if (dir) rmSync(dir, { recursive: true, force: true })
}, 60_000)

const newPage = async (): Promise<Page> => {
  const page = await (await browser.newContext({ reducedMotion: 'reduce' })).newPage()
  page.setDefaultTimeout(15_000)
  return page
}
const who = (page: Page) => page.evaluate(async () => ((await (await fetch('/api/v1/me')).json()) as { name?: string; role?: string; code?: string }))

test('passkey: added where one is signed in, it signs the next browser in; another device\'s does not', async () => {
  const page = await newPage()
  try {
    const devices = await page.context().newCDPSession(page)
    await devices.send('WebAuthn.enable')
    const { authenticatorId } = await devices.send('WebAuthn.addVirtualAuthenticator', { options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } })
    await signIn(page, (await client.createSignInLink({})).url)
    await page.evaluate(async () => {
      const post = async (path: string, body: unknown) => (await fetch(`/api/v1/passkeys${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json() as Promise<{ step: string; options: PublicKeyCredentialCreationOptionsJSON }>
      const { step, options } = await post('/begin', {})
      const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      await post('', { step, name: 'laptop', response: (credential as PublicKeyCredential).toJSON() })
    })
    expect((await client.listPasskeys()).map(({ name }) => name)).toEqual(['laptop'])
    await page.context().clearCookies()
    await page.goto(`${server.pageUrl}/settings`)
    await page.getByRole('button', { name: 'Use a passkey' }).click()
    await page.waitForURL(`${server.pageUrl}/settings`)
    await page.locator('#app').waitFor({ state: 'attached' })
    expect(await who(page)).toMatchObject({ role: 'owner' })
    // The same device, after the server forgot its key: refused, and the record says so.
    const [kept] = await client.listPasskeys()
    await database.sql`update passkeys set id = 'other' where id = ${kept?.id ?? ''}`
    await page.context().clearCookies()
    await page.goto(`${server.pageUrl}/sign-in`)
    await page.getByRole('button', { name: 'Use a passkey' }).click()
    await page.getByText('that passkey is not one of this server').waitFor()
    expect((await client.listAudit({ action: 'sign-in.refused' })).records[0]?.subject).toBe('passkey')
    await devices.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId })
  } finally {
    await page.context().close()
  }
}, 60_000)

test('github: who writes to a workspace\'s repository gets in to look, others see "access denied", and a right taken away ends it', async () => {
  const setup = await client.beginGitHubSetup({ origin: github.url, organization: 'northquay', name: 'berth sign-in' })
  github.world.choice = { account: 'northquay', repositories: ['ledger'] }
  const page = await newPage()
  try {
    await page.goto(setup.url)
    await page.getByRole('button', { name: /Go on at/ }).click()
    await page.waitForLoadState()
    const [app] = await client.listGitHubApps()
    expect(app?.name).toBe('berth sign-in')
    expect(github.world.installations.length).toBe(1)
    const mine = await client.createWorkspace({ source: { kind: 'git', url: `${github.url}/northquay/ledger.git` }, agent: 'plain', command: 'true', name: 'ledger' })
    const other = await client.createWorkspace({ source: { kind: 'git', url: `${github.url}/northquay/other.git` }, agent: 'plain', command: 'true', name: 'other' })
    const enter = async () => {
      await page.context().clearCookies()
      await page.goto(`${server.pageUrl}/workspaces/${mine.id}`)
      await page.getByRole('link', { name: 'Sign in with GitHub' }).click()
    }
    await enter()
    await page.getByRole('heading', { name: 'Access denied' }).waitFor()
    github.world.setCollaborator('northquay/ledger', 'ada', 'write')
    await enter()
    await page.locator('#app').waitFor({ state: 'attached' })
    expect(page.url()).toBe(`${server.pageUrl}/workspaces/${mine.id}`)
    expect(await who(page)).toMatchObject({ role: 'guest' })
    const status = (path: string, method = 'GET') => page.evaluate(async ({ at, as }) => (await fetch(at, { method: as, headers: { 'content-type': 'application/json' }, ...(as === 'GET' ? {} : { body: '{"text":"x"}' }) })).status, { at: `/api/v1/workspaces/${path}`, as: method })
    expect(await status(mine.id)).toBe(200)
    expect(await status(`${mine.id}/messages`, 'POST')).toBe(403)
    expect(await status(other.id)).toBe(404)
    // A way back that another browser began signs nobody in here.
    const stranger = await newPage()
    await stranger.goto(`${server.pageUrl}/sign-in/github?code=abc&state=${'A'.repeat(43)}`)
    await stranger.getByRole('heading', { name: 'Access denied' }).waitFor()
    await stranger.context().close()
  } finally {
    await page.context().close()
  }
}, 90_000)

test('device-login: a program shows a code, and what it gets ends with the word of the person', async () => {
  const page = await newPage()
  const other = mkdtempSync(join(tmpdir(), 'berth-login-'))
  try {
    await signIn(page, (await client.createSignInLink({})).url)
    const env = { ...process.env, BERTH_HOME: other }
    const child = Bun.spawn([...COMMAND, 'login', server.url, '--name', 'work', '--no-open'], { env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
    let said = ''
    for await (const chunk of child.stderr) {
      said += new TextDecoder().decode(chunk)
      if (/[A-Z2-9]{4}-[A-Z2-9]{4}\S*\n/.test(said)) break
    }
    const code = /code: \S*?([A-Z2-9]{4}-[A-Z2-9]{4})/.exec(said)?.[1] ?? ''
    await page.goto(`${server.pageUrl}/device?code=${code}`)
    await page.getByRole('button', { name: 'Let it in' }).click()
    await page.getByRole('heading', { name: /is in$/ }).waitFor()
    expect(await child.exited).toBe(0)
    const cli = async (...args: string[]) => {
      const run = Bun.spawn([...COMMAND, ...args], { env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
      return { out: await new Response(run.stdout).text(), code: await run.exited }
    }
    expect((await cli('context')).out).toContain('* work')
    expect((await cli('people', '--json')).out).toContain('"keeps":true')
    expect((await cli('tokens')).out).toContain('(this one)')
    expect((await cli('logout')).out).toContain('Signed out')
    expect((await cli('context')).out).toContain('* local')
  } finally {
    await page.context().close()
    rmSync(other, { recursive: true, force: true })
  }
}, 90_000)
