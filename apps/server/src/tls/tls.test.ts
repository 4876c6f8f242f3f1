import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '@berth/testkit/free-ports'
import { createPreviewHosts } from '../previews/hosts.ts'
import { createAuthority } from './acme.ts'
import { openCertificateFiles } from './files.ts'
import { openTls, type Tls, type TlsDeps } from './index.ts'
import { openKeptCertificates } from './kept.ts'
import { startKeeper } from './keeper.ts'
import type { AcmeProblem } from './problem.ts'
import { curl, makeCertificate, startPebble, type Pebble } from './testing.ts'

let pebble: Pebble
let http = 0
let home: string
const after: (() => Promise<unknown> | void)[] = []
beforeAll(async () => {
  ;[http = 0] = freePorts(1)
  pebble = await startPebble({ httpPort: http })
}, 60_000)
afterAll(() => pebble?.stop())
afterEach(async () => {
  for (let next = after.pop(); next; next = after.pop()) await next()
})

const logged: string[] = []
const log = (line: string): void => void logged.push(line)
const clock = { now: () => Date.now() }

/** Looks at the log at each turn of the loop until somebody wrote it. */
async function seen(text: string, times = 1): Promise<void> {
  while (logged.filter((line) => line.includes(text)).length < times) await Bun.sleep(10)
}
async function newHome(): Promise<string> {
  logged.length = 0
  home = await mkdtemp(join(tmpdir(), 'berth-tls-'))
  after.push(() => rm(home, { recursive: true, force: true }))
  return home
}
const acme = () => ({ directory: pebble.directory, caFile: pebble.caFile })

/** A front before a page that says who it is. */
async function front(over: Partial<TlsDeps> & Pick<TlsDeps, 'config'>): Promise<Tls> {
  const page = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (request, server) => new Response(`page ${tls.peerOf(server.requestIP(request)?.port ?? 0)}`) })
  after.push(() => page.stop(true))
  const tls = await openTls({
    home, clock, log, names: { publicPort: 443, page: 'page.example.test', link: null, previewBase: 'prev.other.test' },
    page: { hostname: '127.0.0.1', port: page.port ?? 0 }, link: { hostname: '127.0.0.1', port: 1 },
    previews: {
      hosts: createPreviewHosts({ port: 1, base: 'prev.other.test', publicUrl: 'https://page.example.test' }),
      async serve(visitor) {
        await visitor.read()
        await visitor.write(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\npreview'))
        visitor.end()
      },
    },
    exists: async (host) => host.startsWith('3000--known.'), cloudflare: () => { throw new Error('not asked for') },
    ...over,
  })
  after.push(() => tls.stop())
  return tls
}
/** Not in step with the server of this process: it has to answer. */
async function serial(port: number, name: string): Promise<string> {
  const child = Bun.spawn(['sh', '-c', `openssl s_client -connect 127.0.0.1:${port} -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout -serial`], { stdout: 'pipe' })
  return new Response(child.stdout).text()
}

test('a preview gets its own certificate when it is first opened, by HTTP-01, and a made-up one gets none', async () => {
  await newHome()
  const tls = await front({ config: { listen: '127.0.0.1', port: 0, httpPort: http, acme: acme() } })
  const ask = (host: string) => curl(`https://${host}.prev.other.test:${tls.port}/`, { root: pebble.rootFile })
  expect((await ask('3000--known')).body).toBe('preview')
  expect((await ask('3000--made-up')).code).toBe(35)
  // The one that is there is used again: the authority is not asked twice.
  const before = logged.length
  expect((await ask('3000--known')).body).toBe('preview')
  expect(logged.length).toBe(before)
  expect(await curl(`https://page.example.test:${tls.port}/`, { root: pebble.rootFile })).toMatchObject({ code: 0, body: 'page 127.0.0.1' })
}, 60_000)

test('a certificate is renewed before it ends, while the front goes on serving', async () => {
  await newHome()
  await pebble.restart({ validitySeconds: 6 })
  after.push(() => pebble.restart({}))
  const tls = await front({ config: { listen: '127.0.0.1', port: 0, httpPort: false, acme: { ...acme(), dns: { command: [...pebble.dnsCommand] }, dnsServers: [pebble.dnsServer] } } })
  await seen('page.example.test has a certificate')
  const first = await serial(tls.port, 'page.example.test')
  const until = tls.states()[0]?.notAfter ?? 0
  await seen('page.example.test has a certificate', 2)
  expect(Date.now()).toBeLessThan(until)
  expect(await serial(tls.port, 'page.example.test')).not.toBe(first)
  expect((await curl(`https://page.example.test:${tls.port}/`, { root: pebble.rootFile })).code).toBe(0)
}, 60_000)

test('what the authority refuses is told with what to do, and a server that starts again does not ask again', async () => {
  await newHome()
  const config = { listen: '127.0.0.1', port: 0, httpPort: false as const, acme: { ...acme(), dns: { command: ['/bin/true'] }, dnsServers: [pebble.dnsServer] } }
  const wanted = [{ names: ['page.example.test'] as [string], challenge: 'dns-01' as const }]
  const kept = await openKeptCertificates(home, config.acme.directory)
  const authority = createAuthority({
    directory: pebble.directory, email: null, ca: await readFile(pebble.caFile, 'utf8'), externalAccount: null, accountKey: (make) => kept.accountKey(make),
    solvers: { 'dns-01': { put: async () => async () => {} } },
  })
  const keeper = await startKeeper({ wanted, authority, kept, clock, log })
  after.push(() => keeper.stop())
  await seen('no certificate for page.example.test')
  const [state] = keeper.states()
  expect(state?.refused).toMatchObject({ failures: 1, message: expect.stringMatching(/the authority refused: .*\((unauthorized|dns)\)/), hint: expect.stringMatching(/\w/) })
  expect(state?.refused?.nextTryAt).toBeGreaterThan(Date.now() + 2 * 60_000)
  await keeper.stop()
  // Again, with an authority that would count it.
  let asked = 0
  const again = await startKeeper({ wanted, kept, clock, log, authority: { order: async () => { asked++; throw new Error('asked') } } })
  await again.onDemand('page.example.test', AbortSignal.timeout(1000))
  await again.stop()
  expect(asked).toBe(0)
}, 60_000)

test('an authority that says how long to wait is not asked before, and one that does not answer is told of', async () => {
  await newHome()
  const busy = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => Response.json({ type: 'urn:ietf:params:acme:error:rateLimited', detail: 'too many new orders' }, { status: 429, headers: { 'retry-after': '40000' } }) })
  after.push(() => busy.stop(true))
  const order = async (directory: string) => {
    const authority = createAuthority({ directory, email: null, ca: null, externalAccount: null, accountKey: (make) => make(), solvers: {} })
    return authority.order({ names: ['a.example.test'], challenge: 'http-01' }, AbortSignal.timeout(20_000)).catch((error: unknown) => error)
  }
  expect(await order(`http://127.0.0.1:${busy.port}/dir`)).toMatchObject({ kind: 'rateLimited', retryAfterMs: 40_000_000, hint: expect.stringContaining('letsencrypt-staging') })
  const away = await order('http://127.0.0.1:1/dir') as AcmeProblem
  // People read both, one after the other: what happened, then what to do.
  expect(`${away.message}. ${away.hint}`.split('the authority does not answer')).toHaveLength(2)
  expect(away).toMatchObject({ kind: 'unreachable', hint: expect.stringContaining('tls.acme.directory') })
})

test('files are read again when they change, and while they do not fit the ones from before are served', async () => {
  const dir = await newHome()
  const { cert, key } = await makeCertificate(dir, 'mine', { names: ['page.example.test'] })
  const files = await openCertificateFiles([{ cert, key }], { log, everyMs: 5 })
  after.push(() => files.stop())
  const first = files.find('page.example.test')
  expect(files.find('other.example.test')).toBeNull()
  const next = await makeCertificate(dir, 'next', { names: ['page.example.test', '*.prev.other.test'] })
  await rename(next.cert, cert)
  await seen('cannot be read, the one from before is served')
  expect(files.find('page.example.test')).toBe(first)
  expect(files.states()[0]?.refused?.message).toContain("the key is another certificate's")
  await rename(next.key, key)
  await seen('changed; until')
  expect(files.find('3000--a.prev.other.test')).not.toBeNull()
  await expect(openCertificateFiles([{ cert: join(dir, 'none.pem'), key }], { log })).rejects.toMatchObject({ code: 'config_invalid' })
})
