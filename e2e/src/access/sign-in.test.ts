/** The ways in, in a real Chromium: a passkey of a virtual device, GitHub against the simulator, a program's code. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@berth/client'
import type { Server } from '@berth/server'
import { startGitHub, type GitHubSim } from '@berth/sim-github'
import { freePort } from '@berth/testkit/free-ports'
import type { Page } from 'playwright-core'
import { startMachineless, type Machineless } from '../page/machineless.ts'
import { CHROMIUM, newPage, signIn, test } from '../page/world.ts'
import { COMMAND } from '../product.ts'

let root: string
let world: Machineless
let server: Server
let client: Client
let github: GitHubSim

beforeAll(async () => {
  if (CHROMIUM === null) return
  root = mkdtempSync(join(tmpdir(), 'berth-sign-in-github-'))
  // A name of its own, so that GitHub's webhooks have a place to come to.
  const port = freePort()
  world = await startMachineless({ port, publicUrl: `http://localhost:${port}`, allowedMs: 500 })
  ;({ client, server } = world)
  github = startGitHub({ root })
  github.world.signedIn = github.world.addUser('ada')
  github.world.addUser('mallory')
  github.world.addOrganization('northquay')
  await github.world.addRepository('northquay/ledger')
}, 90_000)
afterAll(async () => {
  await github?.close()
  await world?.close()
  if (root) rmSync(root, { recursive: true, force: true })
}, 60_000)

const who = (page: Page) => page.evaluate(async () => ((await (await fetch('/api/v1/me')).json()) as { name?: string; role?: string; code?: string }))

test('passkey: added where one is signed in, it signs the next browser in; another device\'s does not', async () => {
  const page = await newPage(world.browser)
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
    await world.database.sql`update passkeys set id = 'other' where id = ${kept?.id ?? ''}`
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
  const page = await newPage(world.browser)
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
    // Told by GitHub that the right is gone, what is open ends; that GitHub's answer counts and not the words of the hint, is seen before.
    const socket = page.evaluate(async ({ address, workspaceId }) => {
      const open = new WebSocket(address)
      await new Promise((resolve, reject) => { open.onopen = resolve; open.onerror = reject })
      open.send(JSON.stringify({ type: 'watch', workspaceId, after: 0 }))
      return new Promise<number>((resolve) => { open.onmessage = ({ data }) => { if (String(data).includes('"type":"refused"')) resolve(Date.now()) } })
    }, { address: `${server.pageUrl.replace(/^http/, 'ws')}/api/v1/socket`, workspaceId: mine.id })
    const stream = page.evaluate(async (id) => {
      const { body } = await fetch(`/api/v1/workspaces/${id}/stream?offset=-1&live=sse`)
      const reader = body?.getReader()
      for (let read = await reader?.read(); read?.done === false; read = await reader?.read());
      return Date.now()
    }, mine.id)
    await github.happen.collaborator('northquay/ledger', 'mallory', null)
    expect(await status(mine.id)).toBe(200)
    const at = Date.now()
    expect((await github.happen.collaborator('northquay/ledger', 'ada', null)).map(({ statusCode }) => statusCode)).toEqual([202])
    for (const ended of await Promise.all([socket, stream])) expect([ended - at, ended - at > 0 && ended - at < 10_000]).toEqual([ended - at, true])
    expect(await status(mine.id)).not.toBe(200)
    // A way back that another browser began signs nobody in here.
    const stranger = await newPage(world.browser)
    await stranger.goto(`${server.pageUrl}/sign-in/github?code=abc&state=${'A'.repeat(43)}`)
    await stranger.getByRole('heading', { name: 'Access denied' }).waitFor()
    await stranger.context().close()
  } finally {
    await page.context().close()
  }
}, 90_000)

test('device-login: a program shows a code, and what it gets ends with the word of the person', async () => {
  const page = await newPage(world.browser)
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
