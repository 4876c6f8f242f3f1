/** What the contract does not ask: regions, limits of calls, answers that are lost, and what a token may. */
import { afterEach, expect, test } from 'bun:test'
import type { CallContext, MachineSpec, Owner, Provider, Step } from '@berth/core'
import { startFly, type FlySim } from '@berth/sim-fly'
import { createFlyProvider } from './index.ts'
import { guestFor } from './sizes.ts'

const TOKEN = 'fo1_example'
const GIB = 1024 ** 3
const owner: Owner = { installation: '0123456789abcdef0123456789abcdef', workspaceId: 'ws_0000000000aa', generation: 1 }
const spec: MachineSpec = { image: null, memoryBytes: 4 * GIB, cpus: 2, pids: 512, boot: { bootToken: 'first', link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example' }, toolbox: { hostDir: '/nonexistent', hash: '0123456789abcdef' } } }
const { signal } = new AbortController()
let fly: FlySim

function open(options: { rated?: boolean } = {}): Provider {
  fly = startFly(options)
  fly.world.tokens.set(TOKEN, { org: 'berth' })
  return createFlyProvider({ installation: owner.installation, token: () => TOKEN, log: () => {}, endpoint: fly.url, fetch: fly.fetch, organization: 'berth', regions: ['iad', 'fra'], now: () => fly.world.now() })
}
afterEach(async () => {
  const wrong = [...fly.faulty, ...fly.refused]
  await fly.close()
  expect(wrong).toEqual([])
})
/** Polls as the reconciler does: after the time that was asked for. */
async function settle<T>(call: (context: CallContext) => Promise<Step<T>>): Promise<T> {
  let context: CallContext = { signal }
  for (let polls = 0; polls < 50; polls += 1) {
    const step = await call(context)
    if (step.done) return step.value
    fly.world.advance(step.afterMs)
    context = { signal, poll: step.poll }
  }
  throw new Error('the call never came to an end')
}

test('a machine is made as it has to be, and nothing but its volume is kept', async () => {
  const provider = open()
  await settle((context) => provider.ensure(owner, spec, context))
  const [machine] = fly.world.machines.values()
  expect(machine?.config).toMatchObject({ guest: { cpu_kind: 'shared', cpus: 2, memory_mb: 4096 }, restart: { policy: 'no' }, metadata: { 'dev.berth.workspace': owner.workspaceId }, mounts: [{ path: '/mnt/berth' }] })
  expect(machine?.config['services']).toBeUndefined()
  expect(machine?.config.files?.map(({ guest_path: path, mode }) => [path, mode])).toEqual([['/etc/berth/boot.json', 0o600], ['/etc/berth/authorization', 0o600], ['/etc/berth/start', 0o755], ['/etc/berth/tell-boot', 0o755]])
  await settle((context) => provider.stop(owner, context))
  expect(fly.world.ledger.running().map(({ kind }) => kind)).toEqual(['volume'])
})

test('where the first region has no room the next one is tried, before there is a volume', async () => {
  const provider = open()
  fly.world.limitCapacity(({ region }) => region === 'fra')
  await settle((context) => provider.ensure(owner, spec, context))
  expect([...fly.world.volumes.values()].map(({ region }) => region)).toEqual(['fra'])
  fly.world.limitCapacity(() => false)
  expect(await settle((context) => provider.ensure({ ...owner, generation: 2 }, spec, context)).catch((error: unknown) => error)).toMatchObject({ category: 'capacity' })
})

test('the pace of its looks stays within the vendor\'s limits', async () => {
  const provider = open({ rated: true })
  for (let round = 0; round < 3; round += 1) {
    await settle((context) => provider.ensure(owner, spec, context))
    await settle((context) => provider.stop(owner, context))
  }
  await settle((context) => provider.destroy(owner, context))
  expect(fly.world.asked.filter((line) => line.endsWith('429'))).toEqual([])
  expect(fly.world.apps.size).toBe(0)
})

test('a volume whose answer is lost is bought at most twice, and the second one goes before anything is written', async () => {
  const provider = open()
  fly.world.faults.push({ method: 'POST', path: /volumes$/, times: 1, what: { kind: 'lost' } }, { path: /volumes$/, times: 1, what: { kind: 'stale' } })
  const lost: unknown[] = []
  for (let tries = 0; tries < 3; tries += 1) await settle((context) => provider.ensure(owner, spec, context)).catch((error: unknown) => lost.push(error))
  expect(lost).toMatchObject([{ category: 'transient', committed: 'unknown' }])
  fly.world.settle()
  expect([...fly.world.volumes.values()].filter(({ state }) => state === 'created')).toHaveLength(1)
})

test('a disk that a list hides for long is waited for: no other is bought, and none is taken in its place', async () => {
  const provider = open()
  await settle((context) => provider.ensure(owner, spec, context))
  const [disk] = [...fly.world.volumes.keys()]
  await settle((context) => provider.stop(owner, context))
  fly.world.faults.push({ path: /volumes$/, method: 'GET', times: 6, what: { kind: 'oldest hidden' } })
  await settle((context) => provider.ensure(owner, spec, context))
  expect(fly.world.faults.every(({ times }) => times === 0)).toBe(true)
  expect([[...fly.world.written.keys()], fly.world.asked.filter((line) => /^POST \S+\/volumes /.test(line)).length]).toEqual([[disk ?? ''], 1])
})

test('a region that does not answer makes a list incomplete', async () => {
  const provider = open()
  await settle((context) => provider.ensure(owner, spec, context))
  expect(await provider.list(owner.installation, signal)).toMatchObject({ complete: true, missing: [] })
  fly.world.faults.push({ path: /^\/orgs\/berth\/machines$/, times: 1, what: { kind: 'region away', region: 'iad' } })
  expect(await provider.list(owner.installation, signal)).toMatchObject({ complete: false, missing: [expect.stringContaining('iad')] })
  fly.world.faults.push({ path: /^\/apps$/, times: 1, what: { kind: 'stale' } })
  expect((await provider.list(owner.installation, signal)).complete).toBe(false)
})

test('a name that another organization has is said to be taken, and a person\'s token is said to reach too far', async () => {
  const provider = open()
  fly.world.createApp({ name: 'berth-01234567-ws-0000000000aa-g1', org: 'another', network: 'default' })
  expect(await settle((context) => provider.ensure(owner, spec, context)).catch((error: unknown) => error)).toMatchObject({ category: 'conflict' })
  expect(await provider.examine?.(signal)).toMatchObject([{ level: 'ok' }])
  fly.world.tokens.set(TOKEN, { org: 'berth', user: 'somebody@example.org' })
  expect(await provider.examine?.(signal)).toMatchObject([{ level: 'warning', code: 'token_over_broad' }])
})

test('sizes have the fewest processors that may have so much memory', () => {
  fly = startFly()
  expect(guestFor({ memoryBytes: 8 * GIB, cpus: 2 }, 'shared')).toEqual({ cpu_kind: 'shared', cpus: 4, memory_mb: 8192 })
  expect(guestFor({ memoryBytes: GIB, cpus: 2 }, 'performance')).toEqual({ cpu_kind: 'performance', cpus: 2, memory_mb: 4096 })
  expect(() => guestFor({ memoryBytes: 64 * GIB, cpus: 2 }, 'shared')).toThrow('no machine')
})
