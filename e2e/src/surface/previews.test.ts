/**
 * Dev servers in a browser, through previews: the real Vite, and a server that does what is hard for a proxy. What a
 * page of a workspace may not do is tried from one.
 */
import { afterAll, beforeAll, expect, test as plainTest } from 'bun:test'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { Workspace } from '@berth/wire'
import { CHROMIUM, test } from '../page/world.ts'
import { COMMAND, eventually, type Product } from '../product.ts'
import { PACKAGES_FILE, withPackages } from './npm-kept.ts'
import { APP, VITE_FILES } from './preview-app.ts'
import { startPreviewWorld, type PreviewWorld } from './preview-world.ts'

const VITE = ['vite@7.3.8']

let world: PreviewWorld
let product: Product
let browser: Browser
let person: BrowserContext
let dir: string
let app: Workspace
let other: Workspace

const origin: PreviewWorld['origin'] = (name, port) => world.origin(name, port)
const listening: PreviewWorld['listening'] = (name, port) => world.listening(name, port)
const visit: PreviewWorld['visit'] = (context, address) => world.visit(context, address)
const previewPort = () => new URL(origin('app', 3000)).port
const inWorkspace = (name: string, command: string) => product.cli(['send', name, command])
/** As a program of a person who is let in. */
async function visitor(context: BrowserContext, name: string, port = 3000): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  if ((await context.cookies(origin(name, port))).length === 0) await (await visit(context, origin(name, port))).close()
  const cookie = (await context.cookies(origin(name, port))).map((each) => `${each.name}=${each.value}`).join('; ')
  return (path, init = {}) => fetch(`http://127.0.0.1:${previewPort()}${path}`, { redirect: 'manual', ...init, headers: { host: new URL(origin(name, port)).host, cookie, ...init.headers as Record<string, string> } })
}

beforeAll(async () => {
  if (CHROMIUM === null) return
  dir = mkdtempSync(join(tmpdir(), 'berth-previews-'))
  for (const name of ['app', 'vite']) mkdirSync(join(dir, name))
  writeFileSync(join(dir, 'app/server.mjs'), APP)
  for (const [name, text] of Object.entries(VITE_FILES)) writeFileSync(join(dir, 'vite', name), text)
  await withPackages(join(dir, 'vite'), VITE)
  world = await startPreviewWorld()
  ;({ product, browser } = world)
  const { up } = world
  app = await up('app', join(dir, 'app'), '--service', 'dev=echo began; APP_NAME=one exec node server.mjs', '--port', '3000:web')
  other = await up('other', join(dir, 'app'), '--service', 'dev=APP_NAME=two node server.mjs')
  await up('shown', join(dir, 'vite'), '--service', `dev=[ -d node_modules ] || tar xf ${PACKAGES_FILE}; exec node node_modules/vite/bin/vite.js --port 5173 --strictPort`)
  await listening('app', 3000)
  await listening('shown', 5173)
  person = await world.signedIn()
}, 240_000)
afterAll(async () => {
  await world?.close()
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true })
}, 120_000)

test('a port says which program listens on it', async () => {
  expect((await listening('app', 3000)).process).toBe('node server.mjs')
  expect((await product.cli(['ports', 'shown'])).stdout).toContain('node vite.js')
}, 30_000)

const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { name }).waitFor()

test('a person who is signed in comes to the address as it is written, with a cookie of that port alone', async () => {
  const page = await visit(person, `${origin('app', 3000)}/some/where?a=b`)
  await heading(page, 'App one')
  expect(page.url()).toBe(`${origin('app', 3000)}/some/where?a=b`)
  const cookies = await person.cookies(origin('app', 3000))
  // Who they are, and which workspace the browser keeps things of.
  const own = { domain: new URL(origin('app', 3000)).hostname, httpOnly: true, sameSite: 'Lax' } as const
  expect(cookies.map(({ name, domain, httpOnly, sameSite }) => ({ name, domain, httpOnly, sameSite })).toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([{ name: 'berth_preview', ...own }, { name: 'berth_preview_of', ...own }])
  // Another port is another place to be let in to.
  expect(await person.cookies(origin('app', 3001))).toEqual([])
  const ask = await visitor(person, 'app')
  expect(await (await ask('/echo')).json()).toMatchObject({ cookie: null, host: new URL(origin('app', 3000)).host })
  const elsewhere = await visitor(person, 'app')
  expect((await elsewhere('/echo', { headers: { host: new URL(origin('other', 3000)).host } })).status).toBe(401)
  await page.close()
}, 60_000)

test('Vite: a file is edited in the workspace and the page changes without being loaded again', async () => {
  const page = await visit(person, origin('shown', 5173))
  const said = page.locator('#said')
  await said.getByText('first words').waitFor()
  await page.evaluate(() => { (globalThis as unknown as { kept: number }).kept = 7 })
  await inWorkspace('shown', "echo \"export const words = 'second words'\" > words.js")
  await said.getByText('second words').waitFor()
  expect(await page.evaluate(() => (globalThis as unknown as { kept: number }).kept)).toBe(7)
  await page.close()
}, 60_000)

test('events come one by one, and the server hears that the reader left', async () => {
  const page = await visit(person, origin('app', 3000))
  await page.evaluate(async () => {
    const source = new EventSource('/events')
    const world = globalThis as unknown as { got: string[]; source: EventSource }
    world.got = []
    world.source = source
    source.onmessage = (event) => world.got.push(event.data as string)
    // Before anything was said.
    await new Promise((resolve) => { source.onopen = resolve })
  })
  for (const what of ['one', 'two']) {
    await page.evaluate((word) => fetch(`/say?what=${word}`), what)
    await page.waitForFunction((word) => (globalThis as unknown as { got: string[] }).got.at(-1) === word, what)
  }
  await page.evaluate(() => (globalThis as unknown as { source: EventSource }).source.close())
  const ask = await visitor(person, 'app')
  await eventually(async () => ((await (await ask('/closed')).json()) as { closed: number }).closed === 1, 'the end at the server')
  await page.close()
}, 60_000)

test('a WebSocket carries large messages, its subprotocol and its end', async () => {
  const page = await visit(person, origin('app', 3000))
  const seen = await page.evaluate(async () => {
    const socket = new WebSocket('/socket', ['chat'])
    await new Promise((resolve) => { socket.onopen = resolve })
    const told: string[] = []
    const all = new Promise((resolve) => { socket.onmessage = (event) => { told.push(event.data as string); if (told.length === 3) resolve(null) } })
    socket.send('hello')
    socket.send('x'.repeat(5_000_000))
    socket.send('')
    await all
    const end = new Promise<CloseEvent>((resolve) => { socket.onclose = resolve })
    socket.close(1000, 'enough')
    const { code, reason } = await end
    return { protocol: socket.protocol, told, code, reason }
  })
  expect(seen).toEqual({ protocol: 'chat', told: ['5:hello', `5000000:${'x'.repeat(20)}`, '0:'], code: 4001, reason: 'bye' })
  await page.close()
}, 60_000)

test('50 MB up and down, a hundred at once, and answers that are hard', async () => {
  const ask = await visitor(person, 'app')
  const block = crypto.getRandomValues(new Uint8Array(50_000))
  const bytes = Buffer.concat(Array.from({ length: 1000 }, () => block))
  const hash = createHash('sha256').update(bytes).digest('hex')
  expect(await (await ask('/upload', { method: 'POST', body: bytes })).json()).toEqual({ bytes: bytes.length, hash })
  const streamed = new ReadableStream({ start(controller) { for (let at = 0; at < bytes.length; at += 1_000_000) controller.enqueue(bytes.subarray(at, at + 1_000_000)); controller.close() } })
  expect(await (await ask('/upload', { method: 'PUT', body: streamed })).json()).toEqual({ bytes: bytes.length, hash })
  const large = await ask('/large')
  expect(large.headers.get('content-length')).toBe(String(50 * 1024 * 1024))
  expect((await large.bytes()).length).toBe(50 * 1024 * 1024)
  const all = await Promise.all(Array.from({ length: 100 }, async () => (await ask('/together?count=100')).text()))
  expect(new Set(all)).toEqual(new Set(['all']))
  expect((await ask('/away')).headers.get('location')).toBe(`${origin('app', 3000)}/echo`)
  expect((await ask('/empty')).status).toBe(204)
  expect((await ask('/large', { method: 'HEAD' })).headers.get('content-length')).toBe(String(50 * 1024 * 1024))
}, 120_000)

test('a server that insists on its own name hears it, and its page is where it was', async () => {
  const ask = await visitor(person, 'other')
  const heard = async () => (await (await ask('/echo', { headers: { origin: origin('other', 3000) } })).json()) as { host: string }
  expect((await heard()).host).toBe(new URL(origin('other', 3000)).host)
  await product.cli(['preview', 'other', '3000', '--host', 'localhost'])
  expect((await heard()).host).toBe('localhost:3000')
  const page = await visit(person, `${origin('other', 3000)}/here`)
  await heading(page, 'App two')
  expect(page.url()).toBe(`${origin('other', 3000)}/here`)
  await page.close()
  await product.cli(['preview', 'other', '3000', '--host', 'preview'])
  expect((await heard()).host).toBe(new URL(origin('other', 3000)).host)
}, 60_000)

test('cookies of one workspace are nobody else\'s, and ours are not passed on', async () => {
  const [one, two] = [await visit(person, origin('app', 3000)), await visit(person, origin('other', 3000))]
  await heading(two, 'App two')
  await one.evaluate(() => fetch('/set?value=first'))
  expect((await one.evaluate(async () => ((await (await fetch('/echo')).json()) as { cookie: string }).cookie)).split('; ').toSorted()).toEqual(['mine=first', 'other=1'])
  expect(await two.evaluate(async () => ((await (await fetch('/echo')).json()) as { cookie: string | null }).cookie)).toBeNull()
  const ours = await person.cookies(origin('app', 3000))
  expect(ours.find(({ name }) => name === 'berth_preview')?.value).not.toBe('stolen')
  await one.close()
  await two.close()
}, 60_000)

test('a page of a workspace can do nothing at the server, nor at another workspace', async () => {
  const control = new URL(app.webUrl).origin
  const page = await visit(person, origin('other', 3000))
  const tried = await page.evaluate(async ({ api, victim, id }) => {
    const ask = async (address: string, init: RequestInit): Promise<string> => fetch(address, { credentials: 'include', ...init }).then(async (reply) => `${reply.type} ${reply.status} ${(await reply.text()).length}`, () => 'refused')
    const socket = (address: string) => new Promise<string>((resolve) => {
      const made = new WebSocket(address)
      made.onopen = () => resolve('open')
      made.onerror = () => resolve('refused')
    })
    const json = { 'content-type': 'application/json' }
    return {
      read: await ask(`${api}/api/v1/workspaces`, {}),
      blind: await ask(`${api}/api/v1/workspaces/${id}/stop`, { method: 'POST', mode: 'no-cors', body: '{}' }),
      simple: await ask(`${api}/api/v1/workspaces/${id}/stop`, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' }),
      json: await ask(`${api}/api/v1/workspaces/${id}/stop`, { method: 'POST', headers: json, body: '{}' }),
      socket: await socket(`${api.replace('http', 'ws')}/api/v1/socket`),
      terminal: await socket(`${api.replace('http', 'ws')}/api/v1/workspaces/${id}/terminals/shell/attach`),
      port: await socket(`${api.replace('http', 'ws')}/api/v1/workspaces/${id}/ports/3000/stream`),
      other: await ask(`${victim}/echo`, {}),
      otherBlind: await ask(`${victim}/set?value=evil`, { method: 'POST', mode: 'no-cors', body: 'x' }),
      otherSocket: await socket(`${victim.replace('http', 'ws')}/socket`),
      // The API by the preview's own name.
      own: await ask('/api/v1/workspaces', {}),
    }
  }, { api: control, victim: origin('app', 3000), id: app.id })
  expect(tried).toEqual({ read: 'refused', blind: 'refused', simple: 'refused', json: 'refused', socket: 'refused', terminal: 'refused', port: 'refused', other: 'refused', otherBlind: 'refused', otherSocket: 'refused', own: expect.stringMatching(/^basic 200 /) })
  expect((await page.evaluate(async () => (await fetch('/api/v1/workspaces')).text()))).toContain('App two')

  await page.evaluate((address) => { const frame = document.createElement('iframe'); frame.src = address; document.body.append(frame) }, `${control}/workspaces/${app.id}`)
  await page.waitForFunction(() => document.querySelector('iframe') !== null)
  await eventually(async () => page.frames().some((frame) => frame.url().startsWith('chrome-error:')), 'the refusal of the frame')

  for (const action of [`${control}/api/v1/workspaces/${app.id}/stop`, `${control}/previews/start?${new URLSearchParams({ to: `${origin('app', 3000)}/` }).toString()}`]) {
    const form = await visit(person, origin('other', 3000))
    const answered = form.waitForResponse((response) => response.request().method() === 'POST')
    await form.evaluate((address) => { document.body.innerHTML = `<form method="post" action="${address}"><input name="x" value="y"></form>`; document.forms[0]?.submit() }, action)
    expect([401, 403]).toContain((await answered).status())
    await form.close()
  }
  expect((await product.json<Workspace[]>(['list'])).find(({ id }) => id === app.id)).toMatchObject({ phase: 'running', wish: { target: 'running' } })
  // By its name at the other door it is sent away, whatever it asks for and whoever asks.
  const reply = await product.fetch('/api/v1/workspaces', { redirect: 'manual', headers: { host: new URL(origin('other', 3000)).host } })
  expect([reply.status, reply.headers.get('location')]).toEqual([307, `${origin('other', 3000)}/api/v1/workspaces`])
  await page.close()
}, 90_000)

test('a port where nothing listens says so, and becomes the server by itself', async () => {
  const page = await visit(person, `${origin('app', 4000)}/later`)
  await heading(page, 'Nothing listens on port 4000 yet')
  const ask = await visitor(person, 'app', 4000)
  const program = await ask('/', { headers: { accept: 'application/json' } })
  expect([program.status, ((await program.json()) as { code: string }).code]).toEqual([502, 'network_unreachable'])
  expect((await ask('/', { method: 'HEAD' })).status).toBe(502)
  await inWorkspace('app', 'PORT=4000 APP_NAME=late node server.mjs &')
  await heading(page, 'App late')
  expect(page.url()).toBe(`${origin('app', 4000)}/later`)
  await page.close()
}, 60_000)

test('in a frame: of the page\'s own site for a person, of any site by a share link', async () => {
  const { share } = await product.json<{ share: { url: string } }>(['preview', 'app', '3000', '--share'])
  const around = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: (request) => new Response(`<!doctype html><iframe src="${new URL(request.url).searchParams.get('src')}"></iframe>`, { headers: { 'content-type': 'text/html' } }) })
  try {
    for (const [context, host, src] of [[person, new URL(app.webUrl).hostname, `${origin('app', 3000)}/`], [await browser.newContext(), 'elsewhere.localhost', share.url]] as const) {
      const page = await visit(context, `http://${host}:${around.port}/?src=${encodeURIComponent(src)}`)
      await page.frameLocator('iframe').getByRole('heading', { name: 'App one' }).waitFor()
      const frame = page.frames().find((each) => each.url().startsWith(origin('app', 3000)))
      const seen = await frame?.evaluate(async () => {
        const socket = new WebSocket('/socket', ['chat'])
        const opened = await new Promise((resolve) => { socket.onopen = () => resolve(true); socket.onerror = () => resolve(false) })
        socket.close()
        return { opened, echo: await (await fetch('/echo')).json() as { cookie: string | null } }
      })
      expect(seen).toMatchObject({ opened: true, echo: { cookie: null } })
      await page.close()
    }
    // Whoever is let in only by being signed in is not, within a page of another site.
    const page = await visit(person, `http://elsewhere.localhost:${around.port}/?src=${encodeURIComponent(`${origin('app', 3000)}/`)}`)
    await page.waitForLoadState('load')
    expect(await page.frameLocator('iframe').getByRole('heading', { name: 'App one' }).count()).toBe(0)
  } finally {
    await around.stop(true)
  }
}, 60_000)

test('a share link opens one port for a stranger, until it is taken back; public opens it for all', async () => {
  const stranger = await browser.newContext()
  const page = await stranger.newPage()
  expect((await page.goto(origin('app', 3000)))?.url()).toContain('/previews/enter')
  await heading(page, 'This browser is not signed in')
  const { share } = await product.json<{ share: { url: string } }>(['preview', 'app', '3000', '--share'])
  await page.goto(share.url)
  await heading(page, 'App one')
  expect(page.url()).toBe(`${origin('app', 3000)}/`)
  await page.goto(origin('app', 4000))
  await heading(page, 'This browser is not signed in')
  await product.json(['preview', 'app', '3000', '--share'])
  await page.goto(origin('app', 3000))
  await heading(page, 'This browser is not signed in')
  await page.goto(share.url)
  await heading(page, 'This link is no longer good')
  const open = await product.cli(['preview', 'app', '3000', '--public'])
  expect(open.stderr).toContain('everybody who knows the address')
  await page.goto(origin('app', 3000))
  await heading(page, 'App one')
  const live = page.evaluate(() => new Promise<number>((resolve) => { const socket = new WebSocket('/socket', ['chat']); socket.onclose = ({ code }) => resolve(code); socket.onopen = () => { (globalThis as unknown as { open: boolean }).open = true } }))
  await page.waitForFunction(() => (globalThis as unknown as { open?: boolean }).open === true)
  await product.cli(['preview', 'app', '3000', '--private'])
  // What was open is closed with it.
  expect(await live).toBe(1006)
  await page.goto(origin('app', 3000))
  await heading(page, 'This browser is not signed in')
  await stranger.close()
}, 90_000)

test('a visit ends with the session it came from', async () => {
  const context = await world.signedIn()
  const page = await visit(context, origin('app', 3000))
  await heading(page, 'App one')
  const ask = await visitor(context, 'app')
  expect((await ask('/echo')).status).toBe(200)
  const tokens = (await (await product.fetch('/api/v1/tokens')).json()) as { id: string; kind: string }[]
  // The newest first: the session that was just made.
  const session = tokens.find(({ kind }) => kind === 'browser')
  expect((await product.fetch(`/api/v1/tokens/${session?.id}`, { method: 'DELETE' })).status).toBe(200)
  expect((await ask('/echo')).status).toBe(401)
  await context.close()
}, 60_000)

test('a stopped workspace says so and is started from there; with wake a visit is enough (US4.3)', async () => {
  await product.cli(['stop', other.id])
  await eventually(async () => (await product.json<Workspace[]>(['list'])).find(({ id }) => id === other.id)?.phase === 'stopped', 'the stop')
  const ask = await visitor(person, 'other')
  const program = await ask('/echo')
  expect([program.status, ((await program.json()) as { code: string }).code]).toEqual([503, 'workspace_not_running'])
  const page = await visit(person, `${origin('other', 3000)}/here`)
  await heading(page, 'other is stopped')
  await page.getByRole('button', { name: 'Start other' }).click()
  await heading(page, 'App two')
  expect(page.url()).toBe(`${origin('other', 3000)}/here`)
  await product.cli(['preview', 'other', '3000', '--wake', 'on'])
  await product.cli(['stop', other.id])
  await page.goto(`${origin('other', 3000)}/again`)
  await heading(page, 'App two')
  await page.goto(origin('nobody', 3000))
  await heading(page, 'There is no such workspace')
  await page.close()
}, 120_000)

test('a service has its log and is started again, and a command runs in the workspace with its exit code', async () => {
  const ran = await product.cli(['run', 'app', '--', 'sh', '-c', 'pwd; id -un; echo said >&2; exit 7'], { exit: 7 })
  expect([ran.stdout.split('\n')[0], ran.stderr]).toEqual(['/workspace', 'said\n'])
  expect((await product.cli(['run', 'app', '--', 'no-such-program'], { exit: 127 })).stderr).toContain('not found in this machine')
  const child = Bun.spawn([...COMMAND, 'run', 'app', '--', 'tr', 'a-z', 'A-Z'], { env: product.env, stdin: new Blob(['piped in\n']), stdout: 'pipe', stderr: 'pipe' })
  expect([await new Response(child.stdout).text(), await child.exited]).toEqual(['PIPED IN\n', 0])
  const began = async () => (await product.cli(['logs', 'app', '--service', 'dev'])).stdout.split('\n').filter((line) => line === 'began').length
  expect(await began()).toBe(1)
  await product.cli(['run', 'app', '--', 'pkill', '-f', 'node server.mjs'], { exit: null })
  await eventually(async () => (await began()) === 2, 'the service again')
  const page = await visit(person, origin('app', 3000))
  await heading(page, 'App one')
  await page.close()
}, 150_000)

plainTest('what cannot be read one way is refused, whoever asks', async () => {
  if (CHROMIUM === null) return
  const host = new URL(origin('app', 3000)).host
  for (const head of [`GET / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked`, `GET http://${host}/ HTTP/1.1\r\nHost: ${host}`, `GET / HTTP/1.1\r\nHost: ${host}\r\n folded: x`, `GET / HTTP/1.1\r\nX: ${'a'.repeat(70_000)}`]) {
    expect(await raw(`${head}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 4\d\d /)
  }
})

async function raw(text: string): Promise<string> {
  const over = Promise.withResolvers<string>()
  let said = ''
  await Bun.connect({ hostname: '127.0.0.1', port: Number(previewPort()), socket: { open: (socket) => void socket.write(text), data: (_socket, bytes) => { said += Buffer.from(bytes).toString('latin1') }, close: () => over.resolve(said), error: () => over.resolve(said) } })
  return over.promise
}
