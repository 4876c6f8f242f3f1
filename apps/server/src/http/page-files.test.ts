import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { WebAsset } from '@berth/web/assets'
import { createPageFiles } from './page-files.ts'

const asset = (text: string, immutable = false): WebAsset => ({ body: new TextEncoder().encode(text), type: 'text/html; charset=utf-8', immutable })
const filler = '<!doctype html>'.repeat(50)
const shell = (app: string, boot: string) => `${filler}<style>a{}</style><div id="app">${app}</div>${boot}<p>end</p>`
const PAGE = shell('', '')
const assets = new Map([['/shell', asset(shell('<!--app-->', '<!--boot-->'))], ['/assets/main-1.js', asset('script', true)]])
const files = createPageFiles(async () => assets)
const bytes = async (response: Response | null) => Buffer.from(await (response ?? new Response()).arrayBuffer())

test('the page stands at every address of its own, a file only where it is', async () => {
  for (const path of ['/', '/workspaces/ws_0123456789ab', '/workspaces/ws_0123456789ab/terminal']) expect((await bytes(await files(path))).toString()).toBe(PAGE)
  expect((await files('/assets/main-1.js'))?.headers.get('cache-control')).toContain('immutable')
  expect((await files('/'))?.headers.get('cache-control')).toBe('private, no-cache')
  expect(await files('/assets/main-2.js')).toBeNull()
})

test('nothing inline is allowed but the one style, by its hash', async () => {
  const policy = (await files('/'))?.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toContain('unsafe')
  expect(policy).toContain(`'sha256-${createHash('sha256').update('a{}').digest('base64')}'`)
})

test('the page begins in the theme that was chosen for the device', async () => {
  const themed = createPageFiles(async () => new Map([['/shell', asset('<!doctype html><html lang="en"><body><!--app--><!--boot-->')]]))
  const start = async (cookies: string | null) => (await bytes(await themed('/', { cookies }))).toString().slice(15, 52)
  expect(await start('berth_session=x; berth-theme=dark')).toStartWith('<html lang="en" data-theme="dark">')
  for (const cookies of [null, 'berth-theme=system', 'berth-theme="><script>', 'x-berth-theme=dark']) expect(await start(cookies)).toStartWith('<html lang="en"><body>')
})

test('the first drawing stands in the page, and no file gets one', async () => {
  const asked: string[] = []
  const painted = createPageFiles(async () => assets, async (path) => {
    asked.push(path)
    return { html: '<p>drawn</p>', boot: '<script type="application/json">{}</script>' }
  })
  expect((await bytes(await painted('/workspaces/ws_0123456789ab'))).toString()).toBe(shell('<p>drawn</p>', '<script type="application/json">{}</script>'))
  await painted('/assets/main-1.js')
  await painted('/favicon.ico')
  expect(asked).toEqual(['/workspaces/ws_0123456789ab'])
})

test('what a drawing needs besides the script is asked for in its page, and in no other', async () => {
  const marked = new Map([['/shell', asset(shell('<!--app-->', '<!--boot-->').replace('<style>', '<!--needs {"list":["/assets/list-1.js","/assets/rows-1.js"]}--><style>'))]])
  const painted = createPageFiles(async () => marked, async (path) => ({ html: '', boot: '', needs: path === '/' ? [{ part: 'list' as never, wide: false }] : path === '/wide' ? [{ part: 'list' as never, wide: true }] : [] }))
  const page = async (path: string) => (await bytes(await painted(path))).toString()
  expect(await page('/other')).toBe(shell('', ''))
  expect(await page('/')).toContain('<link rel="modulepreload" href="/assets/list-1.js"><link rel="modulepreload" href="/assets/rows-1.js"><style>')
  expect(await page('/wide')).toContain('href="/assets/rows-1.js" media="(min-width: 744px)">')
})

test('a part of the style stands in the pages that draw that part, and where it may only come later is named to be fetched', async () => {
  const styled = new Map([['/shell', asset(shell('<!--app-->', '<!--boot-->').replace('<style>', '<!--needs {"ask":["/assets/ask-1.js"]}--><style>').replace('</style>', '</style><style id="ask">b{}</style>'))]])
  const painted = createPageFiles(async () => styled, async (path) => ({ html: '', boot: '', needs: path === '/other' ? [] : [{ part: 'ask' as never, wide: path === '/wide' }] }))
  const page = async (path: string) => (await bytes(await painted(path))).toString()
  expect(await page('/other')).toBe(shell('', ''))
  expect(await page('/wide')).toBe(shell('', '').replace('<style>', '<link rel="modulepreload" href="/assets/ask-1.js" media="(min-width: 744px)"><style>'))
  expect(await page('/')).toBe(shell('', '').replace('</style>', '</style><style id="ask">b{}</style>'))
  expect((await painted('/'))?.headers.get('content-security-policy')).toContain(`'sha256-${createHash('sha256').update('b{}').digest('base64')}'`)
})

test('files are packed as the browser asks, and only then', async () => {
  const ask = async (accepted: string | null) => {
    const response = await files('/', { acceptEncoding: accepted })
    return { encoding: response?.headers.get('content-encoding') ?? null, body: await bytes(response) }
  }
  const brotli = await ask('gzip, deflate, br')
  expect([brotli.encoding, brotliDecompressSync(brotli.body).toString()]).toEqual(['br', PAGE])
  const gzip = await ask('gzip;q=0.8, br;q=0')
  expect([gzip.encoding, gunzipSync(gzip.body).toString()]).toEqual(['gzip', PAGE])
  for (const accepted of [null, '', 'identity', 'gzip;q=0']) expect(await ask(accepted)).toEqual({ encoding: null, body: Buffer.from(PAGE) })
})

test('a build that failed is tried again', async () => {
  let calls = 0
  const flaky = createPageFiles(async () => {
    calls += 1
    if (calls === 1) throw new Error('no space')
    return assets
  })
  expect(await flaky('/').catch((error: unknown) => String(error))).toContain('no space')
  expect((await flaky('/'))?.status).toBe(200)
  expect(calls).toBe(2)
})
