/**
 * What pages of others can make a signed-in browser do, in a real Chromium against a whole server. Each attack is shown to
 * work where its protection is taken away (a copy of the answer without it, or the same page without a session).
 */
import { afterAll, beforeAll, expect } from 'bun:test'
import type { Client } from '@berth/client'
import type { Server } from '@berth/server'
import type { Workspace } from '@berth/wire'
import { SOCKET_PATH } from '@berth/wire/live'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { startMachineless, type Machineless } from '../page/machineless.ts'
import { CHROMIUM, signIn, test } from '../page/world.ts'
import { startHostileSite, type HostileSite } from './hostile-site.ts'

let world: Machineless
let server: Server
let client: Client
let browser: Browser
/** Another site altogether, and one below a name that previews live on. */
let evil: HostileSite
let sibling: HostileSite
let workspace: Workspace
const EVIL_TEXT = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'

beforeAll(async () => {
  if (CHROMIUM === null) return
  world = await startMachineless({ browserArgs: ['--host-resolver-rules=MAP evil.example 127.0.0.1'] })
  ;({ server, client, browser } = world)
  evil = startHostileSite('evil.example')
  sibling = startHostileSite('3000--demo.localhost')
  workspace = await client.createWorkspace({ source: { kind: 'git', url: `https://example.org/x/${encodeURIComponent(EVIL_TEXT)}`, branch: 'main' }, agent: 'plain', command: 'true', name: 'demo' })
}, 90_000)
afterAll(async () => {
  evil?.close()
  sibling?.close()
  await world?.close()
}, 60_000)

async function signedIn(): Promise<BrowserContext> {
  const page = await world.open('/')
  await page.close()
  return page.context()
}
async function visit(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(address)
  return page
}
/** Without the browser: what the server answers to who is signed in. */
const besides = (path: string): Promise<Response> => fetch(`${server.url}${path}`, { redirect: 'manual', headers: { host: new URL(server.pageUrl).host, authorization: `Bearer ${server.token}`, accept: 'text/html' } })
const workspaces = async () => (await client.listWorkspaces({})).length
const api = (path: string): string => `${server.pageUrl}/api/v1${path}`
const NEW = JSON.stringify({ source: { kind: 'empty' }, agent: 'plain', command: 'true' })

test('csrf-form, csrf-fetch, csrf-text: no page of another site makes a signed-in browser do anything', async () => {
  const context = await signedIn()
  try {
    const before = await workspaces()
    for (const site of [evil, sibling]) {
      // JSON written as the one field of a form that is sent as plain text.
      const form = site.page(`<form method="post" enctype="text/plain" action="${api('/workspaces')}"><input name='${NEW.slice(0, -1)},"x":"' value='"}'></form><script>document.forms[0].submit()</script>`)
      const page = await context.newPage()
      const answered = page.waitForResponse((response) => response.url() === api('/workspaces'))
      await page.goto(form).catch(() => null)
      expect((await answered).status()).toBeGreaterThanOrEqual(400)
      const fetching = await visit(context, site.page('waiting'))
      const outcomes = await fetching.evaluate(async ({ url, body }) => {
        const tried = [
          { method: 'POST', mode: 'no-cors', credentials: 'include', headers: { 'content-type': 'text/plain' }, body },
          { method: 'POST', mode: 'cors', credentials: 'include', headers: { 'content-type': 'application/json' }, body },
          { method: 'GET', mode: 'cors', credentials: 'include' },
        ] as const
        return Promise.all(tried.map((init) => fetch(url, init).then((response) => response.type, () => 'refused')))
      }, { url: api('/workspaces'), body: NEW })
      // Not even an opaque answer: ours says that it is for its own origin.
      expect(outcomes).toEqual(['refused', 'refused', 'refused'])
      await fetching.close()
      await page.close()
    }
    expect(await workspaces()).toBe(before)
    // The page itself may: the same request is not refused for another reason.
    const own = await visit(context, server.pageUrl)
    expect(await own.evaluate(async ({ body }) => (await fetch('/api/v1/workspaces', { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status, { body: NEW })).toBe(200)
  } finally {
    await context.close()
  }
}, 60_000)

test('csrf-sign-in, session-fixation: nobody is signed in as somebody else, and a session that was laid down is not taken', async () => {
  const context = await browser.newContext()
  try {
    const { url } = await client.createSignInLink({})
    const code = new URL(url).searchParams.get('code') ?? ''
    const page = await context.newPage()
    const answered = page.waitForResponse((response) => response.request().method() === 'POST')
    await page.goto(evil.page(`<form method="post" action="${server.pageUrl}/sign-in"><input name="code" value="${code}"></form><script>document.forms[0].submit()</script>`)).catch(() => null)
    expect((await answered).status()).toBe(403)
    expect((await context.cookies(server.pageUrl)).map(({ name }) => name)).not.toContain('berth_session')
    await context.addCookies([{ name: 'berth_session', value: 'berth_laid-down', url: server.pageUrl }])
    await signIn(page, url)
    const [cookie] = await context.cookies(server.pageUrl)
    expect(cookie).toMatchObject({ name: 'berth_session', httpOnly: true, sameSite: 'Lax', domain: 'berth.localhost' })
    expect(cookie?.value).not.toBe('berth_laid-down')
    const mine = cookie?.value ?? ''
    await signIn(page, (await client.createSignInLink({})).url)
    // The one before has ended.
    expect((await fetch(`${server.url}/api/v1/me`, { headers: { authorization: `Bearer ${mine}` } })).status).toBe(401)
  } finally {
    await context.close()
  }
}, 60_000)

test('cookie-scope, cookie-tossing: a preview gets no cookie of ours, and none that it sets is believed', async () => {
  const context = await signedIn()
  try {
    const page = await visit(context, sibling.page('preview'))
    await page.evaluate(() => {
      for (const domain of ['', '; Domain=localhost', '; Domain=.localhost', '; Domain=berth.localhost']) for (const name of ['berth_session', '__Host-berth']) document.cookie = `${name}=tossed; Path=/${domain}`
    })
    await page.evaluate(() => fetch('/what-came'))
    expect(sibling.heard.at(-1)).not.toMatch(/berth_session=(?!tossed)/)
    const session = (await context.cookies(server.pageUrl)).filter(({ name }) => name === 'berth_session')
    expect(session).toHaveLength(1)
    expect(session[0]?.value).not.toBe('tossed')
    const own = await visit(context, server.pageUrl)
    expect(await own.evaluate(async () => (await fetch('/api/v1/me')).status)).toBe(200)
    // A ticket for a preview is no session of the page.
    const asked = await besides(`/previews/enter?${new URLSearchParams({ to: `${server.previewUrl({ port: 3000, label: 'demo' })}/` }).toString()}`)
    const ticket = new URL(asked.headers.get('location') ?? '').searchParams.get('ticket') ?? ''
    expect(ticket).not.toBe('')
    expect((await fetch(`${server.url}/api/v1/me`, { headers: { authorization: `Bearer ${ticket}` } })).status).toBe(401)
  } finally {
    await context.close()
  }
}, 60_000)

test('clickjacking: no page of ours is drawn within another one', async () => {
  const context = await signedIn()
  try {
    for (const site of [evil, sibling]) {
      for (const address of [server.pageUrl, `${server.pageUrl}/device`, `${server.pageUrl}/settings`]) {
        const page = await visit(context, site.page(`<iframe src="${address}"></iframe>`))
        const frame = page.frames().find((one) => one !== page.mainFrame())
        await frame?.waitForLoadState().catch(() => null)
        expect(frame?.url() === address && (await frame.locator('#app, form').count()) > 0).toBe(false)
        await page.close()
      }
    }
    // Without the two headers the same page is drawn: it is they that hold.
    const bare = await context.newPage()
    await bare.route(`${server.pageUrl}/device`, async (route) => {
      const answer = await besides('/device')
      await route.fulfill({ status: answer.status, contentType: 'text/html', body: await answer.text() })
    })
    await bare.goto(sibling.page(`<iframe src="${server.pageUrl}/device"></iframe>`))
    await bare.frameLocator('iframe').locator('form, main').first().waitFor()
  } finally {
    await context.close()
  }
}, 90_000)

test('foreign-socket: a page of another origin opens no socket with the session', async () => {
  const context = await signedIn()
  try {
    const open = (page: Page) => page.evaluate((url) => new Promise<string>((resolve) => {
      const socket = new WebSocket(url)
      socket.onopen = () => resolve('open')
      socket.onerror = () => resolve('refused')
    }), `${server.pageUrl.replace('http', 'ws')}${SOCKET_PATH}`)
    for (const site of [evil, sibling]) expect(await open(await visit(context, site.page('socket')))).toBe('refused')
    expect(await open(await visit(context, server.pageUrl))).toBe('open')
  } finally {
    await context.close()
  }
}, 60_000)

test('stored-xss: what agents, repositories, branches, people and files are called is text', async () => {
  const { userId } = await client.me()
  const { name } = await client.me()
  await client.changeMe({ name: EVIL_TEXT.slice(0, 80) })
  await client.invite({ role: 'viewer', note: EVIL_TEXT })
  const at = Date.now()
  const body = (text: string) => ({ type: 'workspace.notice' as const, level: 'error' as const, code: 'x', message: text, hint: text })
  await server.store.events.append(workspace.id, [{ body: body(EVIL_TEXT) }, { body: { type: 'message', role: 'agent', messageId: 'm1', text: `${EVIL_TEXT}\n\n[x](javascript:window.pwned=1) ![y](x" onerror="window.pwned=1)`, sessionId: workspace.sessionId } as never }], at)
  const context = await signedIn()
  try {
    for (const path of ['/', `/workspaces/${workspace.id}`, `/workspaces/${workspace.id}/status`, '/settings', '/device?code=%3Cscript%3Ewindow.pwned=1%3C/script%3E', '/sign-in?next=%22%3E%3Cscript%3Ewindow.pwned=1%3C/script%3E']) {
      const page = await visit(context, `${server.pageUrl}${path}`)
      await page.waitForLoadState('networkidle')
      expect([path, await page.evaluate(() => (window as { pwned?: number }).pwned ?? null)]).toEqual([path, null])
      expect(await page.locator('img[src="x"], a[href^="javascript"]').count()).toBe(0)
      await page.close()
    }
  } finally {
    await context.close()
    await client.changeMe({ name })
    expect((await client.me()).userId).toBe(userId)
  }
}, 90_000)

test('csp: no script runs that is not a file of ours, and what is no script is not taken for one', async () => {
  const context = await signedIn()
  try {
    const page = await visit(context, server.pageUrl)
    const violated = await page.evaluate(() => new Promise<string>((resolve) => {
      document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => resolve(effectiveDirective))
      const script = document.createElement('script')
      try {
        script.textContent = 'window.pwned = 1'
        document.head.append(script)
      } catch {
        resolve('trusted-types')
      }
    }))
    expect(violated).toMatch(/script-src|trusted-types/)
    expect(await page.evaluate(() => (window as { pwned?: number }).pwned ?? null)).toBeNull()
    for (const path of ['/', '/sign-in', '/join', '/device', '/api/v1/me', '/api/v1/openapi.json', '/settings']) {
      const { headers } = await besides(path)
      expect([path, headers.get('x-content-type-options'), headers.get('x-frame-options')]).toEqual([path, 'nosniff', 'DENY'])
      const policy = headers.get('content-security-policy') ?? ''
      expect([path, policy]).toEqual([path, expect.stringContaining("default-src 'none'")])
      expect([path, policy]).toEqual([path, expect.stringContaining("frame-ancestors 'none'")])
      expect(policy).not.toMatch(/unsafe-inline|unsafe-eval|script-src[^;]*(\*|https?:)/)
    }
  } finally {
    await context.close()
  }
}, 60_000)

test('open-redirect: signing in leads nowhere but to this server', async () => {
  const context = await browser.newContext()
  try {
    for (const next of ['//evil.example/', '/\\evil.example', 'https://evil.example/', '/\t/evil.example', '\\\\evil.example']) {
      const { url } = await client.createSignInLink({})
      const link = new URL(url)
      link.searchParams.set('next', next)
      const page = await context.newPage()
      await page.goto(link.href)
      await page.getByRole('button', { name: 'Sign in on this browser' }).click()
      await page.locator('#app').waitFor({ state: 'attached' })
      expect([next, new URL(page.url()).host]).toEqual([next, new URL(server.pageUrl).host])
      await page.close()
    }
    expect((await besides(`/previews/enter?to=${encodeURIComponent('http://evil.example/')}`)).status).toBe(400)
  } finally {
    await context.close()
  }
}, 90_000)
