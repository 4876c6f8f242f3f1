/** What the contract does not ask: how a machine begins and ends, what wakes it, answers that are lost, names that wander, and plans that delete. */
import { afterEach, expect, test } from 'bun:test'
import type { CallContext, MachineSpec, Owner, Provider, Step } from '@berth/core'
import { startFreestyle, type FreestyleSim } from '@berth/sim-freestyle'
import { refusalOf } from '../testing/stand-in.ts'
import { createFreestyleProvider } from './index.ts'
import { BEGUN, slugOf } from './machine.ts'
import { quoteFor, snapshotFor } from './sizes.ts'

const KEY = 'fs_example'
const GIB = 1024 ** 3
const owner: Owner = { installation: '0123456789abcdef0123456789abcdef', workspaceId: 'ws_0000000000aa', generation: 1 }
const specWith = (bootToken: string): MachineSpec => ({ image: null, memoryBytes: 4 * GIB, cpus: 2, pids: 512, boot: { bootToken, link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example' }, toolbox: { hostDir: '/nonexistent', hash: '0123456789abcdef' } } })
const spec = specWith('first')
const { signal } = new AbortController()
const logged: string[] = []
let sim: FreestyleSim

function open(options: { planKeepsSeconds?: number } = {}): Provider {
  logged.length = 0
  sim = startFreestyle(options)
  sim.world.keys.add(KEY)
  return createFreestyleProvider({ installation: owner.installation, key: () => KEY, log: () => {}, endpoint: sim.url, fetch: sim.fetch, now: () => sim.world.now() })
}
afterEach(async () => {
  const wrong = [...sim.faulty, ...sim.refused]
  await sim.close()
  expect(wrong).toEqual([])
})
/** Polls as the reconciler does: after the time that was asked for. */
async function settle<T>(call: (context: CallContext) => Promise<Step<T>>): Promise<T> {
  let context: CallContext = { signal, log: (line) => logged.push(line) }
  for (let polls = 0; polls < 100; polls += 1) {
    const step = await call(context)
    if (step.done) return step.value
    sim.world.advance(step.afterMs)
    context = { ...context, poll: step.poll }
  }
  throw new Error('the call never came to an end')
}
const up = (provider: Provider, wanted = spec) => settle((context) => provider.ensure(owner, wanted, context))
const theVm = () => [...sim.world.vms.values()].find(({ slug }) => slug === slugOf(owner))
const charged = (): string[] => sim.world.ledger.running().map(({ kind }) => kind)

test('a machine is made of the size that has enough, with no way in, and nothing secret where the account shows it', async () => {
  const provider = open()
  await up(provider)
  const vm = theVm()
  expect(vm).toMatchObject({ slug: 'berth-01234567-ws-0000000000aa-g1', snapshot: 'freestyle/ubuntu-sm', rules: [{ action: 'allow', source: {}, destination: { public: true } }], limits: { idleTimeoutSeconds: null, autoDeleteSeconds: null, ttlSeconds: null }, commands: ['sh -s'] })
  expect(JSON.stringify(vm)).not.toContain('first')
  expect(sim.world.asked.join('\n')).not.toContain('first')
})

test('a stop shuts it down and leaves its disk to pay for, and a start starts the daemon again with its own token', async () => {
  const provider = open()
  await up(provider)
  const before = theVm()?.metadata[BEGUN]
  expect(await settle((context) => provider.stop(owner, context))).toMatchObject({ state: 'stopped' })
  expect(charged()).toEqual(['disk'])
  await up(provider, specWith('second'))
  expect(theVm()?.commands).toEqual(['sh -s'])
  expect(theVm()?.metadata[BEGUN]).not.toBe(before)
})

test('one that does not shut down is paused, and what it was is not believed when it runs again', async () => {
  const provider = open()
  await up(provider)
  sim.world.faults.push({ path: /exec-await$/, times: 1, what: { kind: 'refuse', status: 503 } })
  expect(await settle((context) => provider.stop(owner, context))).toMatchObject({ state: 'stopped', detail: 'it is paused, with its memory' })
  expect(charged()).toEqual(['disk'])
  await up(provider, specWith('second'))
  expect(theVm()?.commands).toEqual(['sh -s', 'sh -s'])
})

test('nothing asks a guest that does not run, because that would wake it', async () => {
  const provider = open()
  await up(provider)
  await settle((context) => provider.stop(owner, context))
  await provider.observe(owner, signal)
  await provider.list(owner.installation, signal)
  expect(await provider.logs(owner, 100, signal)).toBe('')
  await settle((context) => provider.stop(owner, context))
  expect([theVm()?.state, charged()]).toEqual(['stopped', ['disk']])
})

test('a machine that somebody switched on is not called running before its daemon is started', async () => {
  const provider = open()
  await up(provider)
  await settle((context) => provider.stop(owner, context))
  const vm = theVm()
  if (vm === undefined) throw new Error('there is no machine')
  sim.world.update(vm, { metadata: { [BEGUN]: '' } })
  sim.world.start(vm)
  expect((await provider.observe(owner, signal)).observed).toEqual({ state: 'starting' })
  expect((await up(provider)).observed.state).toBe('running')
})

test('a machine whose answer is lost is bought once', async () => {
  const provider = open()
  sim.world.faults.push({ method: 'POST', path: /vms$/, times: 1, what: { kind: 'lost' } }, { path: /vms$/, times: 2, what: { kind: 'stale' } })
  expect(await refusalOf(up(provider))).toMatchObject({ category: 'transient', committed: 'unknown' })
  await up(provider)
  expect(sim.world.vms.size).toBe(1)
})

test('a machine whose name somebody gave away is found by its marks, and the one that has the name is let be', async () => {
  const provider = open()
  await up(provider)
  const theirs = sim.world.create({ slug: slugOf(owner), reassignSlug: true, firewall: { rules: [] } })
  expect((await provider.observe(owner, signal)).observed.state).toBe('running')
  await settle((context) => provider.destroy(owner, context).catch((error: unknown) => {
    expect(error).toMatchObject({ category: 'conflict' })
    return { done: true, value: null } as const
  }))
  expect([...sim.world.vms.keys()]).toEqual([theirs.id])
})

test('pages that do not add up make a list incomplete', async () => {
  const provider = open()
  for (let n = 0; n < 105; n += 1) sim.world.create({ slug: `one-${n}`, metadata: { 'dev.berth.installation': owner.installation, 'dev.berth.workspace': `ws_${n}`, 'dev.berth.generation': '1' }, firewall: { rules: [] } })
  expect(await provider.list(owner.installation, signal)).toMatchObject({ complete: true, items: { length: 105 } })
  sim.world.faults.push({ path: /vms$/, times: 2, what: { kind: 'repeated' } })
  expect(await provider.list(owner.installation, signal)).toMatchObject({ complete: false, missing: ['listing machines: 100 of 105'] })
})

test('a plan that deletes what is unused is said when a machine is made, and by a close look', async () => {
  const provider = open({ planKeepsSeconds: 14 * 86_400 })
  await up(provider)
  expect(logged.join('\n')).toContain('14 days')
  sim.world.create({ slug: 'another', firewall: { rules: [] } })
  expect(await provider.examine?.(signal)).toMatchObject([{ level: 'ok', code: 'credentials' }, { level: 'warning', code: 'scope', message: expect.stringContaining('another') }, { level: 'warning', code: 'plan_deletes' }])
  sim.world.keys.clear()
  expect(await provider.check(signal)).toMatchObject({ ok: false, detail: expect.stringContaining('INVALID_API_KEY') })
})

test('a quote is what the size costs, and there is none for what is too large', () => {
  sim = startFreestyle()
  expect(quoteFor(snapshotFor({ memoryBytes: 4 * GIB, cpus: 2 }).resources)).toMatchObject({ currency: 'USD', runningMicrosPerHour: 2 * 40_320 + 4 * 12_900 + 16 * 86, stoppedMicrosPerHour: 16 * 86 })
  expect(snapshotFor({ memoryBytes: 4 * GIB + 1, cpus: 2 }).name).toBe('freestyle/ubuntu')
  expect(() => snapshotFor({ memoryBytes: 65 * GIB, cpus: 2 })).toThrow('no machine')
})
