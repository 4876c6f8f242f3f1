/**
 * From a real phone: the server in the foreground with a public address, a proxy with TLS before it as people put one
 * there, the link it shows. And by plain http, where a browser has less: what is missing is said, the rest works.
 */
import { afterAll, beforeAll, expect } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import type { Page } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import { COMMAND, eventually } from '../product.ts'
import { CHROMIUM, PHONE, signIn, startWorld, test, type World } from './world.ts'

let world: World
let demo: Workspace
let port = 0
let proxy: Server
let keys: string
let publicUrl = ''
const running: Bun.Subprocess[] = []

/** In a terminal, because only there it shows its link. */
function serveInTerminal(url: string): { said(): string } {
  let said = ''
  const child = Bun.spawn(['script', '-qefc', [...COMMAND, 'serve', '--port', String(port), '--public', url].join(' '), '/dev/null'], { cwd: world.product.home, env: { ...world.product.env, NODE_EXTRA_CA_CERTS: join(keys, 'cert.pem') }, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  running.push(child)
  void (async () => { for await (const chunk of child.stdout) said += new TextDecoder().decode(chunk) })()
  return { said: () => said }
}
async function endServers(): Promise<void> {
  await world.product.cli(['server', 'stop'], { exit: null })
  for (const child of running.splice(0)) await child.exited
}
const linkIn = (said: string) => /on your phone: (\S+)/.exec(said)?.[1] ?? null

beforeAll(async () => {
  if (CHROMIUM === null) return
  keys = mkdtempSync(join(tmpdir(), 'berth-tls-'))
  const made = Bun.spawnSync(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', join(keys, 'key.pem'), '-out', join(keys, 'cert.pem')])
  expect([made.exitCode, made.exitCode === 0 ? '' : made.stderr.toString()]).toEqual([0, ''])
  world = await startWorld({
    scenarios: { ask: () => [[{ tool: 'bash', input: { command: 'touch asked-for.txt' } }], [{ text: 'It is there.' }]] },
    browserArgs: ['--ignore-certificate-errors', '--host-resolver-rules=MAP berth.lan 127.0.0.1'],
  })
  demo = await world.up('demo', 'please do [[ask]]')
  port = Number(new URL(demo.webUrl).port)
  // Bytes only: whatever the page and the server say to each other passes as it is.
  proxy = createServer({ key: readFileSync(join(keys, 'key.pem')), cert: readFileSync(join(keys, 'cert.pem')) }, (client) => {
    const upstream = connect(port, '127.0.0.1')
    client.pipe(upstream).pipe(client)
    for (const [socket, other] of [[client, upstream], [upstream, client]] as const) socket.on('error', () => other.destroy()).on('close', () => other.destroy())
  })
  await new Promise<void>((resolve) => { proxy.listen(0, '127.0.0.1', resolve) })
  const address = proxy.address()
  publicUrl = `https://localhost:${address !== null && typeof address === 'object' ? address.port : 0}`
  await endServers()
}, 300_000)

afterAll(async () => {
  if (world) await endServers()
  proxy?.close()
  await world?.product.cli(['list'], { exit: null })
  await world?.close()
  if (keys) rmSync(keys, { recursive: true, force: true })
}, 120_000)

async function phoneAt(url: string): Promise<Page> {
  const context = await world.browser.newContext({ ...PHONE, reducedMotion: 'reduce' })
  context.setDefaultTimeout(20_000)
  const page = await context.newPage()
  await signIn(page, url)
  return page
}

test('reach-public, reach-doctor: the link on the terminal leads a phone through TLS to its inbox, and the address is proven', async () => {
  const { said } = serveInTerminal(publicUrl)
  const link = await eventually(async () => linkIn(said()), 'the link on the terminal', 60_000)
  expect(link).toStartWith(`${publicUrl}/sign-in?`)
  // The squares of the code.
  expect(said()).toMatch(/[█▀▄]{8}/)
  const { checks } = await world.product.json<{ checks: { name: string; level: string; found: string }[] }>(['doctor'], { env: { NODE_EXTRA_CA_CERTS: join(keys, 'cert.pem') } })
  expect(checks.find(({ name }) => name === 'public address')).toMatchObject({ level: 'ok', found: `${publicUrl} leads here` })
  const phone = await phoneAt(link)
  expect(new URL(phone.url()).origin).toBe(publicUrl)
  expect((await phone.context().cookies()).map(({ name, secure, httpOnly, domain }) => ({ name, secure, httpOnly, domain }))).toEqual([{ name: '__Host-berth', secure: true, httpOnly: true, domain: 'localhost' }])
  expect(await phone.evaluate(() => isSecureContext)).toBe(true)
  await eventually(() => phone.evaluate(() => navigator.serviceWorker.controller !== null), 'the worker stands behind the page', 30_000)
  // The socket passes too: what happens elsewhere is seen here without asking.
  await phone.getByRole('main').getByRole('region', { name: /^Needs you:/ }).getByRole('button', { name: 'Allow once' }).click()
  await world.turnOver(demo.id)
  await phone.getByRole('main').getByText('Ready to review').first().waitFor()
  await phone.context().close()
  await endServers()
}, 180_000)

test('reach-http: by plain http everything is seen and answered, and what the browser then lacks is said', async () => {
  const url = `http://berth.lan:${port}`
  const { said } = serveInTerminal(url)
  const link = await eventually(async () => linkIn(said()), 'the link on the terminal', 60_000)
  expect(said()).toContain('Without https a phone gets no notifications')
  const phone = await phoneAt(link)
  expect(await phone.evaluate(() => [isSecureContext, 'serviceWorker' in navigator, 'clipboard' in navigator])).toEqual([false, false, false])
  await phone.goto(`${url}/settings`)
  await phone.getByText('Notifications need an encrypted address (https).').waitFor()
  expect(await phone.getByRole('switch', { name: /^Notify this device/ }).isDisabled()).toBe(true)
  await phone.getByText(/ntfy and a webhook work without/).waitFor()
  await phone.goto(`${url}/workspaces/${demo.id}`)
  await phone.getByRole('textbox', { name: 'Message to the agent' }).fill('and again [[ask]]')
  await phone.getByRole('textbox', { name: 'Message to the agent' }).press('Enter')
  const card = phone.locator('.dock').getByRole('region', { name: /^Needs you/ })
  await card.getByRole('button', { name: 'Deny', exact: true }).click()
  await card.waitFor({ state: 'detached' })
  await world.turnOver(demo.id)
  await phone.getByRole('button', { name: 'Actions' }).click()
  await phone.getByRole('button', { name: /Open on a phone/ }).click()
  const sheet = phone.getByRole('dialog', { name: 'demo on a phone' })
  await sheet.getByText(/Not encrypted \(http\)/).waitFor()
  await sheet.getByRole('button', { name: 'Copy the link' }).click()
  await phone.getByText(/^(Copied|Copying needs an encrypted address)/).waitFor()
  await phone.context().close()
  await endServers()
}, 180_000)
