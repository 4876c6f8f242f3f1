import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '@berth/testkit/free-ports'
import { startHarness } from '../test/harness.ts'
import type { Harness } from '../test/harness.ts'
import { curl, startPebble, type Pebble } from './testing.ts'

let pebble: Pebble
let b: Harness
let [https, http] = [0, 0]
const PAGE = 'page.example.test'
const BASE = 'prev.other.test'

beforeAll(async () => {
  ;[https = 0, http = 0] = freePorts(2)
  pebble = await startPebble({ httpPort: http })
  b = await startHarness({
    publicUrl: `https://${PAGE}:${https}`, previews: { base: `${BASE}:${https}` },
    tls: { listen: '127.0.0.1', port: https, httpPort: http, hstsDays: 30, acme: { email: 'owner@example.test', directory: pebble.directory, caFile: pebble.caFile, dns: { command: [...pebble.dnsCommand] }, dnsServers: [pebble.dnsServer] } },
  })
  await logged(`tls: *.${BASE} has a certificate`)
}, 60_000)
afterAll(async () => {
  await b?.close()
  await pebble?.stop()
})

/** The log is what a person has, too. */
async function logged(text: string, times = 1): Promise<void> {
  while (b.logged.filter((line) => line.includes(text)).length < times) {
    if (b.logged.some((line) => line.includes('no certificate for'))) throw new Error(b.logged.join('\n'))
    await Bun.sleep(20)
  }
}
const ask = (url: string, ...args: string[]) => curl(url, { root: pebble.rootFile, args })

test('a stranger verifies the page and any preview by the chain that the authority gave', async () => {
  const page = await ask(`https://${PAGE}:${https}/health`)
  expect([page.code, page.status, page.said]).toEqual([0, '200', ''])
  expect(JSON.parse(page.body)).toMatchObject({ ok: true })
  expect(page.headers.toLowerCase()).toContain('strict-transport-security: max-age=2592000')
  const preview = await ask(`https://3000--nothing.${BASE}:${https}/`, '-H', 'accept: application/json')
  expect([preview.code, preview.status]).toEqual([0, '404'])
  // A name that nobody set up is no name of ours, however it is spelled.
  for (const host of ['evil.example.test', `a.b.${BASE}`, BASE]) expect((await ask(`https://${host}:${https}/`)).code).toBe(35)
})

test('plain http leads to https and to nothing else', async () => {
  const moved = await ask(`http://${PAGE}:${http}/workspaces/a?b=c`)
  expect([moved.status, /location: (\S+)/i.exec(moved.headers)?.[1]]).toEqual(['308', `https://${PAGE}:${https}/workspaces/a?b=c`])
  expect((await ask(`http://${PAGE}:${http}/api/v1/workspaces`, '-d', '{}')).status).toBe('426')
  expect((await ask(`http://evil.example.test:${http}/`)).status).toBe('404')
})

test('keys and certificates are for the server alone, and are used again', async () => {
  const dir = join(b.home, 'tls')
  const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  expect(files.map((path) => path.split('/').at(-1)).sort()).toEqual([`_wildcard.${BASE}.pem`, 'account.pem', `${PAGE}.pem`, 'refused.json'].sort())
  for (const path of files) expect((await stat(path)).mode & 0o777).toBe(0o600)
})

test('doctor is told of each certificate, and that the made-up domain of previews has no address', async () => {
  const checks = await b.client.checkServer({})
  expect(checks.find(({ name }) => name === `certificate *.${BASE}`)).toMatchObject({ level: 'ok', hint: null, found: expect.stringContaining('by Pebble Intermediate') })
  expect(checks.find(({ name }) => name === 'names of previews')).toMatchObject({ level: 'bad', hint: expect.stringContaining(`*.${BASE}`) })
  expect(checks.filter(({ name }) => ['database', 'clock', 'disk of the server'].includes(name)).map(({ level }) => level)).toEqual(['ok', 'ok', 'ok'])
})
