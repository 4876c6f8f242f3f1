/** What the contract does not ask: where it buys when a place is full, what it asks for, and what keys may do. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { ProviderFault, type CallContext, type MachineSpec, type Owner, type Provider, type Step } from '@berth/core'
import { REGION, startEc2, type Ec2Sim } from '@berth/sim-ec2'
import { createEc2Provider, credentialsIn } from './index.ts'
import { parseXml, textOf } from './xml.ts'

const KEYS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret/of+the test', sessionToken: null }
const owner: Owner = { installation: '0123456789abcdef0123456789abcdef', workspaceId: 'ws_0000000000aa', generation: 1 }
const spec: MachineSpec = { image: null, memoryBytes: 4 * 1024 ** 3, cpus: 2, pids: 512, boot: { bootToken: 'first', link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example' }, toolbox: { hostDir: '/nonexistent', hash: '0123456789abcdef' } } }
const { signal } = new AbortController()
let ec2: Ec2Sim
let provider: Provider

const open = (): Provider => createEc2Provider({ installation: owner.installation, credentials: () => KEYS, log: () => {}, endpoint: ec2.url, fetch: ec2.fetch, region: REGION, now: () => ec2.world.now() })
beforeEach(() => {
  ec2 = startEc2()
  ec2.world.keys.set(KEYS.accessKeyId, { secret: KEYS.secretAccessKey })
  provider = open()
})
afterEach(async () => {
  const wrong = [...ec2.faulty, ...ec2.refused]
  await ec2.close()
  expect(wrong).toEqual([])
})
async function settle<T>(call: (context: CallContext) => Promise<Step<T>>): Promise<T> {
  for (let polls = 0; polls < 50; polls += 1) {
    const step = await call({ signal })
    if (step.done) return step.value
  }
  throw new Error('the call never came to an end')
}
const ensure = (of = spec) => settle((context) => provider.ensure(owner, of, context))
const alive = () => [...ec2.world.instances.values()].filter(({ state }) => state !== 'terminated')

test('an instance is bought as it has to be', async () => {
  await ensure()
  expect(alive()).toMatchObject([{ onShutdown: 'terminate', metadata: { tokens: 'required', hops: 1 }, type: { name: 'c6a.large' }, image: { name: 'debian-12-amd64-20260112-2355' } }])
  expect([...ec2.world.volumes.values()].map(({ encrypted, sizeGb, attached }) => ({ encrypted, sizeGb, goes: attached?.deleteOnTermination }))).toEqual([{ encrypted: true, sizeGb: 12, goes: true }, { encrypted: true, sizeGb: 20, goes: false }])
  expect(alive()[0]?.groups).toEqual([...ec2.world.groups.keys()])
})

test('where a zone or a size is full another one is bought, and with none it says so', async () => {
  ec2.world.limitCapacity(({ type, zone }) => type === 'c5.large' && zone === 'us-east-1c')
  await ensure()
  expect(alive()).toMatchObject([{ type: { name: 'c5.large' }, subnet: { zone: 'us-east-1c' } }])
  ec2.world.limitCapacity(() => false)
  const fault: unknown = await provider.ensure({ ...owner, generation: 2 }, spec, { signal }).catch((error: unknown) => error)
  expect(fault).toBeInstanceOf(ProviderFault)
  expect(fault).toMatchObject({ category: 'capacity', committed: 'no' })
})

test('a purchase whose answer is lost is made once, also while lists lag', async () => {
  // The security group is there already.
  await settle((context) => provider.ensure({ ...owner, generation: 2 }, spec, context))
  ec2.world.advance(60_000)
  ec2.world.setLag(30_000)
  ec2.world.faults.push({ action: /^RunInstances$/, times: 1, what: { kind: 'lost' } })
  const fault: unknown = await provider.ensure(owner, spec, { signal }).catch((error: unknown) => error)
  expect(fault).toMatchObject({ category: 'transient', committed: 'unknown' })
  // Another process, and another boot token: what is bought already is not bought with other words.
  provider = open()
  for (let looks = 0; looks < 3; looks += 1) expect((await provider.ensure(owner, { ...spec, boot: { ...spec.boot, bootToken: `again-${looks}` } }, { signal })).done).toBe(false)
  ec2.world.advance(31_000)
  await ensure()
  expect(ec2.world.instances.size).toBe(2)
})

test('a start after a stop is told another boot token, and one that switched itself off is bought again beside its disk', async () => {
  const first = await ensure()
  await settle((context) => provider.stop(owner, context))
  await ensure({ ...spec, boot: { ...spec.boot, bootToken: 'second' } })
  expect(alive()).toHaveLength(1)
  expect(alive()[0]?.userData).toContain(Buffer.from('"bootToken":"second"').toString('base64').slice(4, -4))
  ec2.world.poweredOff(alive()[0]?.id ?? '')
  ec2.world.settle()
  expect((await provider.observe(owner, signal)).observed.state).toBe('stopped')
  const again = await ensure()
  expect(again.ref['volume']).toBe(first.ref['volume'] ?? '')
  expect(again.ref['instance']).not.toBe(first.ref['instance'] ?? '')
})

test('of two instances of one owner the older stays', async () => {
  await ensure()
  const [one] = alive()
  if (one === undefined) throw new Error('nothing was bought')
  ec2.world.run({ ...one, clientToken: 'surplus', tags: { ...one.tags, 'dev.berth.created-at': String(ec2.world.now() + 1) }, volumeTags: {}, interfaceTags: {}, publicIp: true, disks: [], asked: '' })
  await ensure()
  expect(alive().map(({ id }) => id)).toEqual([one.id])
})

test('lists are read to their last page, and one without an end is no list', async () => {
  for (let n = 0; n < 230; n += 1) ec2.world.createVolume({ sizeGb: 1, zone: 'us-east-1a', encrypted: true, snapshot: '', tags: { 'dev.berth.installation': owner.installation, 'dev.berth.workspace': `ws_${String(n).padStart(12, '0')}`, 'dev.berth.generation': '1' } }, { clientToken: `t${n}`, asked: '' })
  expect((await provider.list(owner.installation, signal)).items).toHaveLength(230)
  ec2.world.faults.push({ action: /^DescribeVolumes$/, times: 10, what: { kind: 'repeated' } })
  expect((await provider.list(owner.installation, signal)).complete).toBe(false)
})

test('a close look says what else keys may do; bad ones read as such', async () => {
  expect(await provider.examine?.(signal)).toMatchObject([{ level: 'warning', code: 'keys_over_broad' }])
  ec2.world.keys.set(KEYS.accessKeyId, { secret: KEYS.secretAccessKey, denied: /^CreateVpc$/ })
  expect(await provider.examine?.(signal)).toMatchObject([{ level: 'ok' }])
  ec2.world.keys.set(KEYS.accessKeyId, { secret: 'another' })
  expect(await provider.check(signal)).toMatchObject({ ok: false, hint: expect.stringContaining('keys') })
})

test('keys are read as Amazon\'s own tools write them, and an answer that is cut is none', () => {
  expect(credentialsIn('[default]\naws_access_key_id = A\naws_secret_access_key=b/c+d\n[work]\naws_access_key_id=W\naws_secret_access_key=x\naws_session_token = t\n', 'work')).toEqual({ accessKeyId: 'W', secretAccessKey: 'x', sessionToken: 't' })
  expect(credentialsIn('[default]\naws_access_key_id = A\n', 'default')).toBeNull()
  expect(textOf(parseXml('<?xml version="1.0"?>\n<a x="1"><b>1 &lt; 2 &#38; &#x33;</b><c/></a>\n'), 'b')).toBe('1 < 2 & 3')
  for (const cut of ['<a><b>1</b>', '<a><b></a></b>', '<a></a><b></b>', '<a>', '', '<a><</a>']) expect(() => parseXml(cut)).toThrow()
})
