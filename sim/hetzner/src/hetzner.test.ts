/** The simulator, driven by the vendor's own command. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { startHetzner } from './index.ts'
import type { HetznerSim } from './index.ts'

const TOKEN = 'T'.repeat(64)
let hetzner: HetznerSim

beforeEach(() => {
  hetzner = startHetzner()
  hetzner.world.tokens.set(TOKEN, 'read-write')
})
afterEach(async () => {
  // Whatever a test asked: all answers were as the vendor describes them.
  const { faulty } = hetzner
  await hetzner.close()
  expect(faulty).toEqual([])
})

async function hcloud(...argv: string[]): Promise<{ exitCode: number; out: string; err: string }> {
  const child = Bun.spawn(['hcloud', ...argv], { env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', HCLOUD_TOKEN: TOKEN, HCLOUD_ENDPOINT: hetzner.url }, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [out, err, exitCode] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { exitCode, out, err }
}
const api = (method: string, path: string, body?: unknown) => fetch(`${hetzner.url}${path}`, { method, headers: { authorization: `Bearer ${TOKEN}` }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })

test('the vendor\'s command makes, lists, stops, starts and deletes a server', async () => {
  const made = await hcloud('server', 'create', '--name', 'one', '--type', 'cx23', '--image', 'debian-12', '--location', 'fsn1', '--label', 'berth=yes')
  expect(made).toMatchObject({ exitCode: 0 })
  expect((await hcloud('server', 'create', '--name', 'one', '--type', 'cx23', '--image', 'debian-12')).err).toContain('uniqueness_error')
  expect((await hcloud('server', 'list', '--selector', 'berth=yes', '-o', 'noheader', '-o', 'columns=name,status')).out).toContain('one')
  expect((await hcloud('server', 'list', '--selector', 'berth=no', '-o', 'noheader')).out.trim()).toBe('')
  expect(await hcloud('server', 'poweroff', 'one')).toMatchObject({ exitCode: 0 })
  expect((await hcloud('server', 'describe', 'one', '-o', 'format={{.Status}}')).out.trim()).toBe('off')
  expect(await hcloud('server', 'poweron', 'one')).toMatchObject({ exitCode: 0 })
  expect(await hcloud('server', 'delete', 'one')).toMatchObject({ exitCode: 0 })
  expect(hetzner.world.servers.size).toBe(0)
  expect(hetzner.world.ledger.running()).toEqual([])
}, 30_000)

test('volumes outlive their server, and cost', async () => {
  expect(await hcloud('volume', 'create', '--name', 'disk', '--size', '10', '--location', 'fsn1', '--format', 'ext4')).toMatchObject({ exitCode: 0 })
  expect(await hcloud('server', 'create', '--name', 'two', '--type', 'cx23', '--image', 'debian-12', '--location', 'fsn1', '--volume', 'disk', '--automount')).toMatchObject({ exitCode: 0 })
  expect((await hcloud('volume', 'delete', 'disk')).exitCode).not.toBe(0)
  expect(await hcloud('server', 'delete', 'two')).toMatchObject({ exitCode: 0 })
  expect(hetzner.world.ledger.running().map(({ kind }) => kind)).toEqual(['volume'])
  hetzner.world.advance(30 * 24 * 3_600_000)
  expect(hetzner.world.ledger.total()).toBeCloseTo(0.0056 + 0.0008 + 0.572 * 721 / 730, 6)
  expect(await hcloud('volume', 'delete', 'disk')).toMatchObject({ exitCode: 0 })
  expect(hetzner.world.ledger.running()).toEqual([])
}, 30_000)

test('a snapshot of a server outlives it, costs by what it takes, and is a disk for others', async () => {
  expect(await hcloud('server', 'create', '--name', 'made', '--type', 'cx23', '--image', 'debian-12', '--location', 'fsn1')).toMatchObject({ exitCode: 0 })
  expect(await hcloud('server', 'create-image', 'made', '--type', 'snapshot', '--description', 'prepared', '--label', 'berth=yes')).toMatchObject({ exitCode: 0 })
  expect(await hcloud('server', 'delete', 'made')).toMatchObject({ exitCode: 0 })
  const id = (await hcloud('image', 'list', '--type', 'snapshot', '--selector', 'berth=yes', '-o', 'noheader', '-o', 'columns=id')).out.trim()
  expect(Number(id)).toBeGreaterThan(0)
  expect(hetzner.world.ledger.running().map(({ kind }) => kind)).toEqual(['snapshot'])
  expect(await hcloud('server', 'create', '--name', 'next', '--type', 'cx23', '--image', id, '--location', 'fsn1')).toMatchObject({ exitCode: 0 })
  expect(await hcloud('image', 'delete', id)).toMatchObject({ exitCode: 0 })
  expect((await hcloud('server', 'create', '--name', 'late', '--type', 'cx23', '--image', id)).exitCode).not.toBe(0)
  expect(await hcloud('server', 'delete', 'next')).toMatchObject({ exitCode: 0 })
  expect(hetzner.world.ledger.running()).toEqual([])
}, 30_000)

test('what the vendor does not describe is refused', async () => {
  const server = { name: 'x', server_type: 'cx23', image: 'debian-12', location: 'fsn1' }
  for (const wrong of [{ userdata: 'x' }, { datacentre: 'x' }, { public_net: { enable_ip4: true } }]) expect((await api('POST', '/servers', { ...server, ...wrong })).status).toBe(422)
  expect((await api('GET', '/servers?labels=x')).status).toBe(422)
  expect((await api('GET', '/nothing')).status).toBe(404)
  expect((await api('POST', '/servers', { ...server, user_data: 'x'.repeat(32 * 1024 + 1) })).status).toBe(422)
  expect((await fetch(`${hetzner.url}/servers`)).status).toBe(401)
  hetzner.world.tokens.set(TOKEN, 'read')
  expect((await api('POST', '/servers', server)).status).toBe(403)
  expect(hetzner.world.servers.size).toBe(0)
})

test('lists come in pages, and faults are as scripted', async () => {
  for (let n = 0; n < 60; n++) await api('POST', '/servers', { name: `s${n}`, server_type: 'cx23', image: 'debian-12', location: 'fsn1' })
  const page = async (query: string) => (await (await api('GET', `/servers?${query}`)).json()) as { servers: { name: string }[]; meta: { pagination: { next_page: number | null } } }
  const [one, two] = [await page('per_page=50'), await page('per_page=50&page=2')]
  expect([one.servers.length, one.meta.pagination.next_page, two.servers.length, two.meta.pagination.next_page]).toEqual([50, 2, 10, null])
  hetzner.world.faults.push({ path: /^\/servers$/, times: 1, what: { kind: 'lost' }, method: 'POST' })
  await expect((async () => (await api('POST', '/servers', { name: 'lost', server_type: 'cx23', image: 'debian-12', location: 'fsn1' })).text())()).rejects.toThrow()
  expect([...hetzner.world.servers.values()].some(({ name }) => name === 'lost')).toBe(true)
})
