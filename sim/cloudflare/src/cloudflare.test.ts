/** Driven by the vendor's own client, so that what is strict here is strict as they are. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import Cloudflare from 'cloudflare'
import { startCloudflare, type CloudflareSim } from './index.ts'

let sim: CloudflareSim
let client: Cloudflare
let zone: string
beforeEach(() => {
  sim = startCloudflare()
  zone = sim.zone('example.net').id
  client = new Cloudflare({ apiToken: sim.token(), baseURL: sim.url, maxRetries: 0 })
})
afterEach(() => sim.stop())
/** Their promises are none of the language's. */
const failure = (work: PromiseLike<unknown>): PromiseLike<unknown> => work.then(() => null, (error: unknown) => error)
const record = { type: 'A', name: 'a.example.net', content: '192.0.2.1', ttl: 60, comment: 'mine' } as const

test('the official client makes, lists, changes and removes records, and reads each answer', async () => {
  const made = await client.dns.records.create({ zone_id: zone, ...record })
  expect(made).toMatchObject({ ...record, proxied: false, proxiable: true })
  expect((await client.dns.records.edit(made.id, { zone_id: zone, ...record, proxied: true })).proxied).toBe(true)
  const found: string[] = []
  for await (const one of client.dns.records.list({ zone_id: zone, comment: { startswith: 'mi' }, name: { exact: 'a.example.net' } })) found.push(one.id)
  expect(found).toEqual([made.id])
  expect(sim.requests.at(-2)).toContain('comment.startswith=mi')
  await client.dns.records.delete(made.id, { zone_id: zone })
  expect(sim.records()).toEqual([])
  const zones = await client.zones.list({ name: 'example.net' })
  expect(zones.result.map(({ id }) => id)).toEqual([zone])
})

test('refuses what they refuse, with their codes, and what nobody described', async () => {
  await client.dns.records.create({ zone_id: zone, ...record })
  const code = async (work: PromiseLike<unknown>) => work.then(() => null, (error: unknown) => (error as { errors?: { code: number }[] }).errors?.[0]?.code)
  expect(await code(client.dns.records.create({ zone_id: zone, ...record }))).toBe(81058)
  expect(await code(client.dns.records.create({ zone_id: zone, type: 'CNAME', name: 'a.example.net', content: 'b.example.net', ttl: 60 }))).toBe(81053)
  expect(await code(client.dns.records.delete('0'.repeat(32), { zone_id: zone }))).toBe(81044)
  expect(await code(client.dns.records.create({ zone_id: zone, ...record, ttl: 5 }))).toBe(9005)
  expect(await code(client.dns.records.create({ zone_id: zone, ...record, comments: 'typo' } as typeof record & { zone_id: string }))).toBe(9005)
  const other = sim.token([sim.zone('example.org')])
  expect(await code(new Cloudflare({ apiToken: other, baseURL: sim.url, maxRetries: 0 }).dns.records.create({ zone_id: zone, ...record, name: 'b.example.net' }))).toBe(10000)
  sim.revoke(other)
  expect(await code(new Cloudflare({ apiToken: other, baseURL: sim.url, maxRetries: 0 }).zones.list({}))).toBe(10000)
})

test('faults come by script, once, and pages can lie', async () => {
  sim.fault({ kind: 'lost', of: /^POST/, committed: true })
  expect(await failure(client.dns.records.create({ zone_id: zone, ...record }))).toBeInstanceOf(Error)
  expect(sim.records().length).toBe(1)
  sim.fault({ kind: 'answer', of: /^GET/, status: 429, retryAfter: 7 })
  expect(await failure(client.dns.records.list({ zone_id: zone }))).toMatchObject({ status: 429 })
  sim.fault({ kind: 'pages', of: /^GET/, as: 'repeated' })
  let seen = 0
  // Their own pager goes round for ever.
  for await (const _ of client.dns.records.list({ zone_id: zone, per_page: 5 })) if (++seen > 3) break
  expect(seen).toBe(4)
})
