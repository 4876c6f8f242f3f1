/** Our own client and the records of workspaces against a strict Cloudflare. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { startCloudflare, type CloudflareSim } from '@berth/sim-cloudflare'
import { createPreviewHosts } from '../previews/hosts.ts'
import { createCloudflare, type Cloudflare } from './cloudflare.ts'
import { createCloudflareTxt } from '../tls/cloudflare-txt.ts'
import { syncWorkspaceRecords, type WorkspaceRecordsDeps } from './workspace-records.ts'

const MARK = 'berth:inst_1:'
const signal = new AbortController().signal
let sim: CloudflareSim
let zone: ReturnType<CloudflareSim['zone']>
let cloudflare: Cloudflare
let token: string
let workspaces: { id: string; name: string; ports: number[]; deleted?: true }[]
let logged: string[]
beforeEach(() => {
  sim = startCloudflare()
  zone = sim.zone('example.net')
  token = sim.token([zone])
  cloudflare = createCloudflare({ token: () => token, endpoint: sim.url })
  workspaces = [{ id: 'ws_aaa', name: 'red', ports: [3000, 5173] }, { id: 'ws_bbb', name: 'blue', ports: [8000] }]
  logged = []
})
afterEach(() => sim.stop())

function deps(over: Partial<WorkspaceRecordsDeps> = {}): WorkspaceRecordsDeps {
  // What is asked of the store, and no more.
  const store = {
    listWorkspaces: async () => workspaces.map(({ id, name, deleted }) => ({ workspace: { id, name, deletedAt: null, wish: { target: deleted === true ? 'deleted' : 'running' } } })),
    previews: { named: async (name: string) => workspaces.find((one) => one.name === name)?.id ?? null, list: async (id: string) => (workspaces.find((one) => one.id === id)?.ports ?? []).map((port) => ({ port })) },
  } as unknown as WorkspaceRecordsDeps['store']
  return { store, cloudflare, hosts: createPreviewHosts({ port: 1, base: 'preview.example.net', publicUrl: 'https://berth.example.org' }), base: 'preview.example.net', target: '192.0.2.10', proxied: true, mark: MARK, log: (line) => void logged.push(line), ...over }
}
const names = () => sim.records().map(({ name }) => name).sort()
const sync = (over?: Partial<WorkspaceRecordsDeps>) => syncWorkspaceRecords(deps(over), signal)

test('each named port has a proxied record with our mark, once, and a deleted workspace has none', async () => {
  expect(await sync()).toEqual({ created: 3, removed: 0 })
  expect(names()).toEqual(['3000--red.preview.example.net', '5173--red.preview.example.net', '8000--blue.preview.example.net'])
  expect(sim.records()[0]).toMatchObject({ type: 'A', content: '192.0.2.10', proxied: true, comment: `${MARK}ws_aaa` })
  expect(await sync()).toEqual({ created: 0, removed: 0 })
  workspaces[0] = { id: 'ws_aaa', name: 'red', ports: [3000, 5173], deleted: true }
  expect(await sync()).toEqual({ created: 0, removed: 2 })
  workspaces = []
  expect(await sync()).toEqual({ created: 0, removed: 1 })
  expect(sim.records()).toEqual([])
})

test('what others made is left as it is: by hand, of another server, and where we want the name', async () => {
  const others = [
    sim.put(zone, { type: 'A', name: '3000--red.preview.example.net', content: '203.0.113.9', ttl: 300 }),
    sim.put(zone, { type: 'A', name: '1--old.preview.example.net', content: '203.0.113.9', ttl: 300, comment: 'berth:inst_2:ws_zzz' }),
    sim.put(zone, { type: 'A', name: '2--like.preview.example.net', content: '203.0.113.9', ttl: 300, comment: 'not berth:inst_1:ws_aaa' }),
    sim.put(zone, { type: 'TXT', name: '_acme-challenge.preview.example.net', content: '"x"', ttl: 60, comment: `${MARK}acme` }),
  ]
  await sync()
  workspaces = []
  await sync()
  expect(sim.records()).toEqual(others)
  expect(logged).toContain('names: 3000--red.preview.example.net has a record that is not of this server: it is left as it is')
})

test('a changed target or proxy is changed in place', async () => {
  await sync()
  const ids = sim.records().map(({ id }) => id)
  await sync({ target: '192.0.2.11', proxied: false })
  expect(sim.records().map(({ id }) => id).sort()).toEqual(ids.sort())
  expect(new Set(sim.records().map(({ content, proxied, ttl }) => `${content} ${proxied} ${ttl}`))).toEqual(new Set(['192.0.2.11 false 60']))
})

test('what was lost on the way is neither doubled nor left behind', async () => {
  for (const committed of [true, false]) {
    sim.fault({ kind: 'lost', of: /^POST/, committed })
    await expect(sync()).rejects.toMatchObject({ code: 'provider_unavailable' })
    await sync()
    expect(names().length).toBe(3)
    sim.fault({ kind: 'lost', of: /^DELETE/, committed })
    const before = workspaces
    workspaces = []
    await expect(sync()).rejects.toMatchObject({ code: 'provider_unavailable' })
    await sync()
    expect(sim.records()).toEqual([])
    workspaces = before
  }
})

test('on a list that is not whole nothing is decided', async () => {
  await sync()
  workspaces = []
  for (const as of ['repeated', 'truncated', 'endless'] as const) {
    const asking = startCloudflare()
    const its = asking.zone('example.net')
    for (let n = 0; n < 150; n++) asking.put(its, { type: 'A', name: `${n + 1}--red.preview.example.net`, content: '192.0.2.10', ttl: 60, comment: `${MARK}ws_aaa` })
    asking.fault({ kind: 'pages', of: /dns_records/, as })
    const theirs = asking.token()
    await expect(sync({ cloudflare: createCloudflare({ token: () => theirs, endpoint: asking.url }) })).rejects.toMatchObject({ code: 'provider_unavailable', message: expect.stringContaining('not whole') })
    expect(asking.records().length).toBe(150)
    expect(asking.requests.length).toBeLessThan(10)
    await asking.stop()
  }
  // Many pages are read to their end.
  for (let n = 0; n < 250; n++) sim.put(zone, { type: 'A', name: `${n + 1}--blue.preview.example.net`, content: '192.0.2.10', ttl: 60, comment: `${MARK}ws_bbb` })
  await sync()
  expect(sim.records()).toEqual([])
})

test('what is refused says what to do, and how long to wait', async () => {
  sim.fault({ kind: 'answer', of: /^GET/, status: 429, retryAfter: 9 })
  await expect(sync()).rejects.toMatchObject({ code: 'too_many', details: { retryAfterMs: 9000 } })
  sim.fault({ kind: 'answer', of: /^GET/, status: 503 })
  await expect(sync()).rejects.toMatchObject({ code: 'provider_unavailable' })
  sim.revoke(token)
  await expect(sync()).rejects.toMatchObject({ code: 'config_invalid', hint: expect.stringContaining('DNS:Edit') })
  token = sim.token([sim.zone('example.org')])
  await expect(sync({ cloudflare: createCloudflare({ token: () => token, endpoint: sim.url }) })).rejects.toMatchObject({ message: expect.stringContaining('sees no zone') })
})

test('TXT records of a challenge stand beside one another and each goes by itself', async () => {
  const txt = createCloudflareTxt(cloudflare, MARK)
  const name = '_acme-challenge.preview.example.net'
  const first = await txt.write(name, 'one', signal)
  const second = await txt.write(name, 'two', signal)
  expect(sim.records().map(({ content }) => content).sort()).toEqual(['"one"', '"two"'])
  await first()
  await first()
  expect(sim.records().map(({ content }) => content)).toEqual(['"two"'])
  await second()
  expect(sim.records()).toEqual([])
})
