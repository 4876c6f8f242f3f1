/** The simulator, driven by the vendor's own client. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { Freestyle, FreestyleApiError } from 'freestyle'
import { startFreestyle, type FreestyleSim } from './index.ts'

const KEY = 'fs_example'
const firewall = { rules: [{ action: 'allow' as const, source: {}, destination: { public: true as const } }] }
let sim: FreestyleSim
let client: Freestyle

beforeEach(() => {
  sim = startFreestyle()
  sim.world.keys.add(KEY)
  client = new Freestyle({ apiKey: KEY, baseUrl: sim.url })
})
afterEach(async () => {
  // Whatever a test asked: all answers were as the vendor's types have them.
  const { faulty } = sim
  await sim.close()
  expect(faulty).toEqual([])
})
const refusal = (work: Promise<unknown>): Promise<unknown> => work.then(() => null, (error: unknown) => error)

test('a machine: made, found by its slug, listed by its metadata, paused, started, switched off, deleted', async () => {
  const { vm, vmId, firewallRules } = await client.vms.create({ slug: 'one', snapshotId: 'freestyle/ubuntu-sm', metadata: { env: 'test', n: '1' }, idleTimeoutSeconds: -1, firewall })
  expect(firewallRules).toMatchObject([{ source: { vmId }, destination: { public: true }, dependencies: [{ kind: 'vm', id: vmId }] }])
  expect(await refusal(client.vms.create({ slug: 'one', firewall }))).toMatchObject({ status: 409, code: 'CONFLICT' })
  expect(await client.vms.get('one')).toMatchObject({ id: vmId, state: 'running', resources: { cpu: 2, memory: 4096, storage: 16_384 }, idleTimeoutSeconds: null })
  expect(await client.vms.list({ metadata: 'env:test,n:1' })).toMatchObject({ totalCount: 1, runningCount: 1, vms: [{ id: vmId }] })
  expect(await client.vms.list({ metadata: 'env:other' })).toMatchObject({ totalCount: 0, vms: [] })
  expect((await vm.update({ metadata: { env: '', more: 'x' } })).metadata).toEqual({ n: '1', more: 'x' })
  expect(await vm.exec({ command: 'true', linuxUser: 'root', stdin: Buffer.from('x').toString('base64') })).toMatchObject({ statusCode: 0 })
  await vm.pause()
  expect((await vm.data()).state).toBe('paused')
  expect(sim.world.ledger.running().map(({ kind }) => kind)).toEqual(['disk'])
  await vm.start()
  await vm.exec('systemctl poweroff')
  expect((await vm.data()).state).toBe('stopped')
  // Whoever asks something of the guest wakes it.
  await vm.exec('true')
  expect((await vm.data()).state).toBe('running')
  await vm.delete()
  expect(await refusal(vm.data())).toMatchObject({ status: 404, code: 'NOT_FOUND' })
  expect(sim.world.ledger.running()).toEqual([])
})

test('what is not described is refused, and who may not', async () => {
  const ask = (body: object) => sim.fetch(new Request(`${sim.url}/v5/vms`, { method: 'POST', headers: { authorization: `Bearer ${KEY}` }, body: JSON.stringify(body) }))
  for (const body of [{}, { firewall: { rules: [] }, snapshot: 'x' }, { firewall: { rules: [] }, slug: 'Not_One' }, { firewall: { rules: [{ action: 'allow', source: {}, destination: {} }] } }, { firewall: { rules: [] }, metadata: { key: 'x'.repeat(64) } }]) expect((await ask(body)).status).toBe(400)
  expect(sim.refused).toHaveLength(5)
  expect(await refusal(new Freestyle({ apiKey: 'another', baseUrl: sim.url }).vms.list())).toBeInstanceOf(FreestyleApiError)
  expect(await refusal(new Freestyle({ apiKey: 'another', baseUrl: sim.url }).vms.list())).toMatchObject({ status: 401 })
})

test('what takes long is answered later, the result and the refusal alike', async () => {
  sim.world.inBackground = true
  const { data } = await client.vms.create({ slug: 'one', firewall })
  expect(data.slug).toBe('one')
  expect(await refusal(client.vms.create({ slug: 'one', firewall }))).toMatchObject({ status: 409, code: 'CONFLICT' })
  expect(sim.world.asked.filter((line) => line.endsWith(' 202'))).toHaveLength(2)
}, 20_000)

test('lists come in pages', async () => {
  for (let n = 0; n < 5; n += 1) await client.vms.create({ slug: `vm-${n}`, firewall })
  const pages = await Promise.all([0, 2, 4].map((offset) => client.vms.list({ limit: 2, offset })))
  expect(pages.map(({ vms, totalCount }) => [vms.length, totalCount])).toEqual([[2, 5], [2, 5], [1, 5]])
})

test('times that are over: a deadline, a run, a budget, a plan that does not keep what is unused', async () => {
  const hour = 3_600_000
  await client.vms.create({ slug: 'deadline', ttlSeconds: 3600, firewall })
  const { vm } = await client.vms.create({ slug: 'run', maxRunSeconds: 7200, maxRunTotalSeconds: 10_800, firewall })
  sim.world.advance(hour)
  expect((await client.vms.list()).vms.map(({ slug }) => slug)).toEqual(['run'])
  sim.world.advance(hour)
  await vm.data()
  expect((await vm.data()).state).toBe('paused')
  await vm.start()
  sim.world.advance(hour)
  await vm.data()
  expect(await refusal(vm.start())).toMatchObject({ status: 409 })
  await sim.close()
  sim = startFreestyle({ planKeepsSeconds: 86_400 })
  sim.world.keys.add(KEY)
  client = new Freestyle({ apiKey: KEY, baseUrl: sim.url })
  expect((await client.vms.create({ autoDeleteSeconds: -1, firewall })).data).toMatchObject({ autoDeleteSeconds: 86_400, autoDeleteFromPlan: true })
  expect(await refusal(client.vms.create({ autoDeleteSeconds: 100_000, firewall }))).toMatchObject({ status: 400 })
})

test('the bill: processors and memory while it runs, the disk always', async () => {
  const { vm } = await client.vms.create({ snapshotId: 'freestyle/ubuntu-sm', firewall })
  sim.world.advance(3_600_000)
  await vm.pause()
  const [running, disk] = [2 * 0.04032 + 4 * 0.0129, 16 * 0.000086]
  expect(sim.world.ledger.total()).toBeCloseTo(running + disk, 4)
  sim.world.advance(10 * 3_600_000)
  expect(sim.world.ledger.total()).toBeCloseTo(running + 11 * disk, 4)
  await vm.delete()
})
