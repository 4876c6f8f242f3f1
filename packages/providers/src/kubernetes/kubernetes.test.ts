/** What the provider asks a cluster for, and what it makes of what a cluster does. The cluster gives it the role of the docs. */
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { ProviderFault, type Machine, type MachineSpec, type Owner, type Provider, type Step } from '@berth/core'
import { lets, violations, type PodSpec, type Thing } from '@berth/sim-kubernetes'
import { randomIds } from '@berth/wire'
import { createKubernetesProvider, type KubernetesProviderOptions } from './index.ts'
import { nameOf, selectorOf } from './machine.ts'
import { podTemplate } from './pod.ts'
import { IMAGE, NAMESPACE, openCluster, testSpec, type TestCluster } from './testing.ts'

// Nothing here waits; this is only for a machine that is busy with something else.
setDefaultTimeout(60_000)
const installation = randomBytes(16).toString('hex')
const { signal } = new AbortController()
const newOwner = (): Owner => ({ installation, workspaceId: randomIds.workspace(), generation: 1 })
const BOOT_TOKEN = testSpec().boot.bootToken
let cluster: TestCluster
let owner: Owner

beforeEach(async () => {
  cluster = await openCluster()
  owner = newOwner()
})
afterEach(async () => {
  const { faulty } = cluster.sim
  await cluster.close()
  expect(faulty).toEqual([])
})

const open = (more: Partial<KubernetesProviderOptions> = {}): Provider => createKubernetesProvider({ installation, log: () => {}, kubeconfig: cluster.kubeconfig, image: IMAGE, now: cluster.sim.world.now, ...more })
/** As a reconciler does, without waiting: at most so many looks. */
async function looks(provider: Provider, spec: MachineSpec = testSpec(), most = 8): Promise<Step<Machine>> {
  let step = await provider.ensure(owner, spec, { signal })
  for (let look = 0; look < most && !step.done; look += 1) step = await provider.ensure(owner, spec, { signal, poll: step.poll })
  return step
}
const faultOf = async (work: Promise<unknown>): Promise<ProviderFault> => {
  const error: unknown = await work.then((value) => new Error(`not refused: ${JSON.stringify(value)}`), (thrown: unknown) => thrown)
  if (!(error instanceof ProviderFault)) throw error
  return error
}
const standing = (kind: string): readonly Thing[] => cluster.sim.world.standing().filter((thing) => thing.kind === kind)
const rendered = (podSecurity: 'restricted' | 'baseline') => podTemplate({ name: nameOf(owner), spec: testSpec(), linkUrl: 'https://link.example', toolboxHash: 'abc', labels: {} }, { image: IMAGE, podSecurity, runtimeClass: null, imagePullSecret: null })

describe('the pod', () => {
  test('has no secret in it, and is refused nothing by its level', () => {
    for (const level of ['restricted', 'baseline'] as const) {
      const template = rendered(level)
      expect(violations(level, template['spec'] as PodSpec)).toEqual([])
      expect(JSON.stringify(template)).not.toContain(BOOT_TOKEN)
      const { containers, initContainers = [], automountServiceAccountToken, hostNetwork } = template['spec'] as PodSpec
      expect([automountServiceAccountToken, hostNetwork]).toEqual([false, undefined])
      // The boot file is for the first container alone.
      expect(containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name))).not.toContain('boot')
      for (const container of [...containers, ...initContainers]) expect([container.env, container.envFrom]).toEqual([undefined, undefined])
    }
    // The judge is not blind.
    expect(violations('restricted', rendered('baseline')['spec'] as PodSpec)).toEqual(expect.arrayContaining([expect.stringContaining('runAsNonRoot')]))
  })

  test('its boot file is in the cluster only until it runs, and another one for the next start', async () => {
    const provider = open()
    cluster.sim.world.limitCapacity(() => false)
    await looks(provider)
    const boots = (): string[] => standing('Secret').map(({ data }) => Buffer.from((data as Record<string, string>)['boot.json'] ?? '', 'base64').toString('utf8'))
    expect(boots()).toEqual([expect.stringContaining(BOOT_TOKEN)])
    cluster.sim.world.limitCapacity(() => true)
    expect(await looks(provider)).toMatchObject({ done: true })
    expect(boots()).toEqual([])
    // All else that the cluster shows has no part of it.
    expect(JSON.stringify(cluster.sim.world.standing())).not.toContain(BOOT_TOKEN)
    for (let step = await provider.stop(owner, { signal }); !step.done;) step = await provider.stop(owner, { signal })
    cluster.sim.world.limitCapacity(() => false)
    await looks(provider, { ...testSpec(), boot: { ...testSpec().boot, bootToken: 'the-next-token' } })
    expect(boots()).toEqual([expect.stringContaining('the-next-token')])
    await provider.stop(owner, { signal })
    for (let step = await provider.stop(owner, { signal }); !step.done;) step = await provider.stop(owner, { signal })
    expect(boots()).toEqual([])
  })

  test('its boot file goes with the next look, when nobody asks for the start again', async () => {
    const provider = open()
    cluster.sim.world.limitCapacity(() => false)
    await looks(provider)
    cluster.sim.world.limitCapacity(() => true)
    cluster.sim.world.settle()
    expect([cluster.podOf(owner)?.status.phase, standing('Secret').length]).toEqual(['Running', 1])
    expect((await open({ installation: 'f'.repeat(32) }).observe(owner, signal)).observed.state).toBe('running')
    expect(standing('Secret')).toHaveLength(1)
    expect((await provider.observe(owner, signal)).observed.state).toBe('running')
    expect(standing('Secret')).toEqual([])
  })

  test('what is asked for later is what the next start has', async () => {
    const provider = open()
    await looks(provider)
    for (let step = await provider.stop(owner, { signal }); !step.done;) step = await provider.stop(owner, { signal })
    await looks(provider, { ...testSpec(), memoryBytes: 4 * 1024 ** 3, cpus: 1, image: 'registry.example/other:2' })
    expect(cluster.podOf(owner)?.spec.containers[0]).toMatchObject({ image: 'registry.example/other:2', resources: { limits: { memory: '4096Mi', cpu: '1000m' }, requests: { memory: '4096Mi', cpu: '250m' } } })
  })
})

describe('walls', () => {
  const passes = (ip: string, port = 443, protocol = 'TCP'): boolean => lets(standing('NetworkPolicy'), { direction: 'Egress', labels: selectorOf(owner), ip, port, protocol })
  const linkedBy = (publicUrl: string): MachineSpec => ({ ...testSpec(), boot: { ...testSpec().boot, link: { unixSocket: null, loopbackUrl: null, publicUrl } } })

  test('out goes the public internet and what is allowed; metadata, private networks and other pods are not reached, and nothing comes in', async () => {
    const neighbour = newOwner()
    await looks(open({ allow: ['10.1.2.3:5432', '192.168.7.0/24'] }), linkedBy('http://10.9.9.9:7777'))
    expect(['1.1.1.1', '2606:4700::1111', '8.8.8.8'].map((ip) => passes(ip))).toEqual([true, true, true])
    expect(['169.254.169.254', '10.0.0.1', '10.42.0.9', '172.17.0.1', '192.168.1.1', '127.0.0.1', '100.64.0.1', 'fd00::1', 'fe80::1', '::ffff:a9fe:a9fe'].filter((ip) => passes(ip, 80))).toEqual([])
    expect([passes('10.1.2.3', 5432), passes('10.1.2.3', 5433), passes('192.168.7.9', 22)]).toEqual([true, false, true])
    expect([passes('10.9.9.9', 7777), passes('10.9.9.9', 22)]).toEqual([true, false])
    expect(lets(standing('NetworkPolicy'), { direction: 'Ingress', labels: selectorOf(owner), ip: '10.42.0.9', port: 22 })).toBe(false)
    // They are of this machine alone.
    expect(lets(standing('NetworkPolicy'), { direction: 'Egress', labels: selectorOf(neighbour), ip: '10.0.0.1', port: 80 })).toBe(true)
  })

  test('are closed but for the link where the network is known to keep to policies, also while it runs', async () => {
    const fault = await faultOf(looks(open(), { ...linkedBy('http://203.0.113.7:80'), egress: 'closed' }))
    expect([fault.category, fault.hint]).toEqual(['unsupported', expect.stringContaining('--network-policies enforced')])
    const provider = open({ networkPolicies: 'enforced' })
    await looks(provider, { ...linkedBy('http://203.0.113.7:80'), egress: 'closed' })
    expect([passes('203.0.113.7', 80), passes('203.0.113.7', 443), passes('1.1.1.1')]).toEqual([true, false, false])
    await provider.setEgress?.(owner, 'open', { signal })
    expect([passes('203.0.113.7', 80), passes('1.1.1.1')]).toEqual([true, true])
    await provider.setEgress?.(owner, 'closed', { signal })
    expect(passes('1.1.1.1')).toBe(false)
    expect(cluster.sim.world.asked.filter((line) => line.startsWith('PATCH') && line.includes('networkpolicies'))).toHaveLength(2)
  })
})

describe('without a server', () => {
  const HOUR = 3_600_000
  beforeEach(async () => {
    await cluster.close()
    cluster = await openCluster({ sandboxes: true })
  })
  const pass = (ms: number): void => {
    cluster.sim.world.advance(ms)
    cluster.sim.world.settle()
  }
  const shutdownTime = (): number => Date.parse(String((standing('Sandbox')[0] as Thing & { spec: { shutdownTime?: string } } | undefined)?.spec.shutdownTime))
  const stateNow = async (provider: Provider) => (await provider.observe(owner, signal)).observed

  test('the cluster ends the pod of a sandbox and keeps its disk, and the next start has it back', async () => {
    const provider = open()
    const began = cluster.sim.world.now()
    await looks(provider)
    // Whole seconds are what a cluster writes.
    expect(shutdownTime()).toBeGreaterThan(began + 12 * HOUR - 1000)
    expect(shutdownTime()).toBeLessThanOrEqual(cluster.sim.world.now() + 12 * HOUR)
    pass(12 * HOUR)
    expect(standing('Pod')).toEqual([])
    expect(standing('PersistentVolumeClaim')).toHaveLength(1)
    // Looked at again, it stays ended: who wishes it to run says so.
    for (let look = 0; look < 2; look += 1) expect(await stateNow(provider)).toMatchObject({ state: 'stopped', detail: expect.stringContaining('its server was away') })
    expect(standing('Pod')).toEqual([])
    expect(await looks(provider)).toMatchObject({ done: true })
    expect(await stateNow(provider)).toMatchObject({ state: 'running' })
    expect(shutdownTime()).toBeGreaterThan(cluster.sim.world.now() + 11 * HOUR)
  })

  test('who looks puts the end off, as far as half of the time each, and no other installation does', async () => {
    const provider = open({ endAfterHours: 2 })
    await looks(provider)
    const patches = (): number => cluster.sim.world.asked.filter((line) => line.startsWith('PATCH')).length
    for (let half = 0; half < 20; half += 1) {
      pass(HOUR / 2)
      expect(await stateNow(provider)).toMatchObject({ state: 'running' })
    }
    expect(patches()).toBe(10)
    const stranger = open({ endAfterHours: 2, installation: 'f'.repeat(32) })
    pass(1.5 * HOUR)
    const asked = patches()
    await stranger.observe(owner, signal)
    expect(patches()).toBe(asked)
  })

  test('what cannot be put off now is told all the same', async () => {
    const lines: string[] = []
    const provider = open({ endAfterHours: 2, log: (line) => lines.push(line) })
    await looks(provider)
    pass(1.5 * HOUR)
    cluster.sim.world.faults.push({ method: 'PATCH', path: /sandboxes/, times: 1, what: { kind: 'refuse', status: 503, reason: 'ServiceUnavailable' } })
    expect(await stateNow(provider)).toMatchObject({ state: 'running' })
    expect(lines).toEqual([expect.stringContaining('could not be put off')])
    await stateNow(provider)
    pass(1.5 * HOUR)
    expect(await stateNow(provider)).toMatchObject({ state: 'running' })
  })

  test('a stateful set has no end of its own: no cluster ends one by itself', async () => {
    const provider = open({ workload: 'statefulset' })
    await looks(provider)
    expect(standing('StatefulSet')).toHaveLength(1)
    pass(1000 * HOUR)
    expect(standing('Pod')).toHaveLength(1)
    expect(await stateNow(provider)).toMatchObject({ state: 'running' })
  })
})

describe('what a cluster does', () => {
  test('no room is waited for, then a fault with the scheduler\'s words', async () => {
    const provider = open()
    cluster.sim.world.limitCapacity(() => false)
    expect(await looks(provider)).toMatchObject({ done: false, detail: expect.stringContaining('Insufficient memory') })
    cluster.sim.world.advance(6 * 60_000)
    const fault = await faultOf(looks(provider))
    expect([fault.category, fault.message]).toEqual(['capacity', expect.stringContaining('Insufficient memory')])
  })

  test('an image that cannot be had is a fault with the node\'s words', async () => {
    cluster.sim.world.breakImage(IMAGE, 'pull access denied')
    const fault = await faultOf(looks(open()))
    expect([fault.category, fault.message]).toEqual(['image', expect.stringContaining('pull access denied')])
  })

  for (const sandboxes of [false, true]) test(`quotas and the level of the namespace say so, to ${sandboxes ? 'sandboxes' : 'stateful sets'}`, async () => {
    await cluster.close()
    cluster = await openCluster({ sandboxes })
    await cluster.asAdmin('POST', `/api/v1/namespaces/${NAMESPACE}/resourcequotas`, { metadata: { name: 'few' }, spec: { hard: { pods: '0' } } })
    const pods = await faultOf(looks(open()))
    expect([pods.category, pods.message]).toEqual(['quota', expect.stringContaining('exceeded quota: few')])
    await cluster.asAdmin('DELETE', `/api/v1/namespaces/${NAMESPACE}/resourcequotas/few`)
    owner = newOwner()
    const level = await faultOf(looks(open({ podSecurity: 'baseline' })))
    expect([level.category, level.message]).toEqual(['unsupported', expect.stringContaining('violates PodSecurity "restricted')])
    await cluster.asAdmin('POST', `/api/v1/namespaces/${NAMESPACE}/resourcequotas`, { metadata: { name: 'disks' }, spec: { hard: { persistentvolumeclaims: '2' } } })
    owner = newOwner()
    expect((await faultOf(looks(open()))).category).toBe('quota')
  })

  test('a program that ends again and again is started anew once, then its words are the fault', async () => {
    const provider = open()
    await looks(provider)
    const crash = (): void => {
      const pod = cluster.podOf(owner)
      if (pod !== null) cluster.sim.world.crash(pod, 3)
    }
    crash()
    expect((await provider.observe(owner, signal)).observed).toEqual({ state: 'stopped', exitCode: 3, detail: 'its program ended with 3 (CrashLoopBackOff)', charged: true })
    const again = await provider.ensure(owner, testSpec(), { signal })
    expect(again).toMatchObject({ done: false, detail: 'the pod is made anew' })
    crash()
    const fault = await faultOf(provider.ensure(owner, testSpec(), { signal, ...(again.done ? {} : { poll: again.poll }) }))
    expect(fault.message).toBe('its program ended with 3: started')
  })

  test('a pod that its node loses is made again by the cluster, on the same disk', async () => {
    const provider = open()
    await looks(provider)
    const before = cluster.podOf(owner)
    if (before === null) throw new Error('no pod')
    cluster.sim.world.evict(before)
    expect((await provider.observe(owner, signal)).observed.state).toBe('running')
    expect(cluster.podOf(owner)?.metadata.uid).not.toBe(before.metadata.uid)
    expect(standing('PersistentVolumeClaim')).toHaveLength(1)
  })

  test('a phase that nobody knows stays unknown', async () => {
    const provider = open()
    await looks(provider)
    const pod = cluster.podOf(owner)
    if (pod === null) throw new Error('no pod')
    for (const phase of ['Unknown', 'Hibernated']) {
      cluster.sim.world.phase(pod, phase)
      expect((await provider.observe(owner, signal)).observed).toEqual({ state: 'unknown', raw: phase })
    }
  })

  test('of 250 machines each is listed; pages that repeat or expire are a part', async () => {
    const { world } = cluster.sim
    for (let n = 0; n < 250; n += 1) {
      const one = newOwner()
      await cluster.asAdmin('POST', `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`, { metadata: { name: nameOf(one), labels: selectorOf(one) }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } })
    }
    const provider = open()
    const listed = await provider.list(installation, signal)
    expect([listed.items.length, listed.complete]).toEqual([250, true])
    world.faults.push({ path: /persistentvolumeclaims$/, times: 10, what: { kind: 'repeated' } })
    expect(await provider.list(installation, signal)).toMatchObject({ complete: false })
    world.faults.length = 0
    // The second page: a first one has no token that could expire.
    let pages = 0
    const fetch = (request: Request): Promise<Response> => {
      if (request.url.includes('persistentvolumeclaims') && (pages += 1) === 2) world.faults.push({ path: /persistentvolumeclaims$/, times: 1, what: { kind: 'refuse', status: 410, reason: 'Expired' } })
      return cluster.sim.fetch(request)
    }
    const partly = await open({ fetch }).list(installation, signal)
    expect([partly.complete, partly.items.length, partly.missing]).toEqual([false, 100, [expect.stringContaining('too long')]])
  })

  test('a cluster without sandboxes is told so where they are wanted', async () => {
    const provider = open({ workload: 'sandbox' })
    expect((await faultOf(looks(provider))).category).toBe('unsupported')
    expect(await provider.check(signal)).toMatchObject({ ok: false, detail: 'the cluster has no sandboxes' })
  })

  test('a stateful set of before goes on where sandboxes are made by now', async () => {
    await cluster.close()
    cluster = await openCluster({ sandboxes: true })
    await looks(open({ workload: 'statefulset' }))
    const provider = open()
    for (let step = await provider.stop(owner, { signal }); !step.done;) step = await provider.stop(owner, { signal })
    expect(await looks(provider)).toMatchObject({ done: true })
    expect([standing('StatefulSet').length, standing('Sandbox').length, standing('Pod').length]).toEqual([1, 0, 1])
    owner = newOwner()
    await looks(provider)
    expect(standing('Sandbox').map(({ metadata }) => metadata.name)).toEqual([nameOf(owner)])
  })
})

describe('a delete', () => {
  test('of a disk that somebody else made under the name since the look is not made', async () => {
    const provider = open()
    await looks(provider)
    for (let step = await provider.stop(owner, { signal }); !step.done;) step = await provider.stop(owner, { signal })
    const path = `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`
    const name = nameOf(owner)
    const fetch = async (request: Request): Promise<Response> => {
      // Between the look and the delete.
      if (request.method === 'DELETE' && request.url.endsWith(`${path.slice(1)}/${name}`)) {
        await cluster.asAdmin('DELETE', `${path}/${name}`)
        await cluster.asAdmin('POST', path, { metadata: { name, labels: { mine: 'yes' } }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } })
      }
      return cluster.sim.fetch(request)
    }
    const other = open({ fetch })
    let step = await other.destroy(owner, { signal })
    for (let look = 0; look < 3 && !step.done; look += 1) step = await other.destroy(owner, { signal }).catch(() => step)
    expect(standing('PersistentVolumeClaim').map(({ metadata }) => metadata.labels)).toEqual([{ mine: 'yes' }])
  })
})
