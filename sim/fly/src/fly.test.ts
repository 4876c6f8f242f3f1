/** The simulator, asked as the vendor's documentation says. The vendor has no client of its own for this runtime. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { startFly, type FlySim } from './index.ts'

const TOKEN = 'fo1_example'
let fly: FlySim

beforeEach(() => {
  fly = startFly()
  fly.world.tokens.set(TOKEN, { org: 'berth' })
})
afterEach(async () => {
  // Whatever a test asked: all answers were as the vendor describes them.
  const { faulty } = fly
  await fly.close()
  expect(faulty).toEqual([])
})

type Json = Record<string, unknown> & { id: string; state: string; error: string }
const ask = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }> => {
  const answer = await fly.fetch(new Request(`${fly.url}${path}`, { method, headers: { authorization: `Bearer ${TOKEN}` }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }))
  const text = await answer.text()
  return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Json }
}
const makeApp = (name = 'one') => ask('POST', '/apps', { name, org_slug: 'berth', network: 'own' })
const makeVolume = (app = 'one') => ask('POST', `/apps/${app}/volumes`, { name: 'data', region: 'iad', size_gb: 10 })
const config = { image: 'debian', guest: { cpu_kind: 'shared', cpus: 2, memory_mb: 2048 }, metadata: { berth: 'yes' } }
const makeMachine = (more: Record<string, unknown> = {}, app = 'one') => ask('POST', `/apps/${app}/machines`, { name: 'm', region: 'iad', config: { ...config, ...more } })

test('an app, its volume and its machine: made, listed, stopped, started, removed', async () => {
  expect((await makeApp()).status).toBe(201)
  expect(await makeApp()).toMatchObject({ status: 422, body: { error: expect.stringContaining('taken') } })
  const { body: volume } = await makeVolume()
  const { body: machine } = await makeMachine({ mounts: [{ volume: volume.id, path: '/data' }], files: [{ guest_path: '/a', raw_value: Buffer.from('x').toString('base64'), mode: 0o600 }] })
  expect((await makeMachine()).status).toBe(409)
  expect(await ask('GET', `/apps/one/machines/${machine.id}`)).toMatchObject({ status: 200, body: { state: 'started', config: { metadata: { berth: 'yes' } } } })
  expect(await ask('GET', '/orgs/berth/machines')).toMatchObject({ body: { machines: [{ app_name: 'one', config: { metadata: { berth: 'yes' } } }] } })
  expect((await ask('DELETE', `/apps/one/volumes/${volume.id}`)).status).toBe(412)
  expect((await ask('DELETE', `/apps/one/machines/${machine.id}`)).status).toBe(412)
  expect((await ask('POST', `/apps/one/machines/${machine.id}/stop`)).status).toBe(200)
  expect(fly.world.ledger.running().map(({ kind }) => kind)).toEqual(['volume'])
  expect((await ask('POST', `/apps/one/machines/${machine.id}/start`)).status).toBe(200)
  expect((await ask('DELETE', `/apps/one/machines/${machine.id}?force=true`)).status).toBe(200)
  expect((await ask('GET', `/apps/one/machines/${machine.id}`)).status).toBe(404)
  expect((await ask('DELETE', '/apps/one')).status).toBe(202)
  expect(fly.world.ledger.running()).toEqual([])
})

test('what is not described is refused, and who may not', async () => {
  expect((await fly.fetch(new Request(`${fly.url}/apps`, { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` }, body: '{' }))).status).toBe(400)
  await makeApp()
  expect((await makeMachine({ imagee: 'x' })).status).toBe(400)
  expect((await ask('POST', '/apps/one/volumes', { name: 'data', region: 'iad', size: 10 })).status).toBe(400)
  expect((await ask('GET', '/apps/one/machines?metadata.berth=yes')).status).toBe(400)
  expect(fly.refused).toHaveLength(4)
  expect((await makeMachine({ guest: { cpu_kind: 'shared', cpus: 2, memory_mb: 8192 } })).body.error).toContain('memory')
  fly.world.tokens.set(TOKEN, { org: 'another' })
  expect((await ask('GET', '/apps/one')).status).toBe(404)
  fly.world.tokens.delete(TOKEN)
  expect((await ask('GET', '/apps/one')).status).toBe(401)
})

test('lists of an organization come in pages, and say which region did not answer', async () => {
  for (let n = 0; n < 12; n += 1) {
    await makeApp(`app-${n}`)
    await makeMachine({}, `app-${n}`)
  }
  const page = async (query: string) => (await ask('GET', `/orgs/berth/machines?${query}`)).body as unknown as { machines: unknown[]; next_cursor?: string; error_regions?: string[] }
  const first = await page('limit=10')
  const second = await page(`limit=10&cursor=${first.next_cursor}`)
  expect([first.machines.length, second.machines.length, second.next_cursor]).toEqual([10, 2, undefined])
  fly.world.faults.push({ path: /^\/orgs/, times: 1, what: { kind: 'region away', region: 'iad' } })
  expect(await page('limit=10')).toEqual({ machines: [], error_regions: ['iad'] })
})

test('the bill: a machine by the second while it runs, a volume always', async () => {
  await makeApp()
  const { body: volume } = await makeVolume()
  const { body: machine } = await makeMachine({ mounts: [{ volume: volume.id, path: '/data' }] })
  fly.world.advance(3_600_000)
  await ask('POST', `/apps/one/machines/${machine.id}/stop`)
  const running = 2 * 0.0027 + (2048 - 512) / 1024 * 0.00694
  expect(fly.world.ledger.total()).toBeCloseTo(running + 1.5 / 730, 4)
  fly.world.advance(729 * 3_600_000)
  expect(fly.world.ledger.total()).toBeCloseTo(running + 1.5, 3)
})
