/** What a registry may do to who asks it: here it says what the real ones say seldom. How the real one is used: fly/images.test.ts. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRegistry, digestOf, OCI, type Registry } from './oci-registry.ts'

const signal = new AbortController().signal
const LAYER = 'a layer'
const BLOB = { digest: digestOf(LAYER), size: LAYER.length }

interface Asked { readonly what: string; readonly authorization: string | null }
let dir: string
let asked: Asked[]
let answer: (request: Request, url: URL) => Response
let places: Bun.Server<undefined>[]
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'oci-registry-'))
  asked = []
  places = []
})
afterEach(async () => {
  for (const place of places) await place.stop(true)
  rmSync(dir, { recursive: true, force: true })
})

function placeOf(respond: (request: Request, url: URL) => Response): Bun.Server<undefined> {
  const place = Bun.serve({
    hostname: '127.0.0.1', port: 0,
    fetch(request) {
      const url = new URL(request.url)
      asked.push({ what: `${request.method} ${url.pathname}`, authorization: request.headers.get('authorization') })
      return respond(request, url)
    },
  })
  places.push(place)
  return place
}
const open = (): Registry => createRegistry({ host: `127.0.0.1:${placeOf((request, url) => answer(request, url)).port}`, credential: () => ({ user: 'x', password: 'secret' }) })
const basic = (request: Request): boolean => request.headers.get('authorization') === `Basic ${btoa('x:secret')}`
const unauthorized = (challenge: string): Response => new Response('{}', { status: 401, headers: { 'www-authenticate': challenge } })
const fetched = (registry: Registry): Promise<string> => registry.download('app', BLOB, join(dir, 'layer'), signal).then(() => Bun.file(join(dir, 'layer')).text(), String)

test.each([['other', 'another!'], ['longer', `${LAYER} and more`], ['shorter', 'a lay']])('a layer that is %s than its digest says is not taken', async (_, content) => {
  answer = () => new Response(content)
  expect(await fetched(open())).toContain('not what its digest says')
})

test('a manifest that was asked for by its digest is no other one', async () => {
  answer = () => new Response('{}', { headers: { 'content-type': OCI.manifest } })
  const registry = open()
  expect(await registry.manifest('app', digestOf('{}'), signal)).toEqual({ digest: digestOf('{}'), mediaType: OCI.manifest, text: '{}' })
  expect(await registry.manifest('app', digestOf('{ }'), signal).catch(String)).toContain('not what its digest says')
})

test('a layer that is there is not sent again', async () => {
  answer = () => new Response(null)
  writeFileSync(join(dir, 'layer'), LAYER)
  await open().upload('app', BLOB, join(dir, 'layer'), signal)
  expect(asked.map(({ what }) => what)).toEqual([`HEAD /v2/app/blobs/${BLOB.digest}`])
})

test('a layer that lies elsewhere is fetched there, and that place sees no credential', async () => {
  const elsewhere = placeOf(() => new Response(LAYER))
  answer = (request) => (basic(request) ? Response.redirect(`http://127.0.0.1:${elsewhere.port}/v2/app/blobs/elsewhere`, 307) : unauthorized('Basic realm="here"'))
  expect(await fetched(open())).toBe(LAYER)
  expect(asked.map(({ what, authorization }) => [what.split('/').at(-1), authorization !== null])).toEqual([[BLOB.digest, false], [BLOB.digest, true], ['elsewhere', false]])
})

test('an address that leads round in a circle ends', async () => {
  answer = (_, url) => Response.redirect(url.href, 307)
  expect(await fetched(open())).toContain('ProviderFault')
  expect(asked.length).toBe(4)
})

test('a token that ended is asked for once more, and one that is refused at once is not asked for without an end', async () => {
  let tokens = 0
  let good = (token: string): boolean => token === `Bearer t${tokens}`
  answer = (request, url) => {
    if (url.pathname === '/token') return basic(request) ? Response.json({ token: `t${++tokens}` }) : unauthorized('Basic realm="tokens"')
    return good(request.headers.get('authorization') ?? '') ? new Response(LAYER) : unauthorized(`Bearer realm="${url.origin}/token",service="here",scope="repository:app:pull"`)
  }
  const registry = open()
  expect([await fetched(registry), await fetched(registry), tokens]).toEqual([LAYER, LAYER, 1])
  tokens += 1
  expect([await fetched(registry), tokens]).toEqual([LAYER, 3])
  good = () => false
  expect(await fetched(registry)).toContain('ProviderFault')
  expect(tokens).toBe(4)
})
