/** The simulator, driven by the official client. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { ApiException, AppsV1Api, CoreV1Api, CustomObjectsApi, KubeConfig, Watch } from '@kubernetes/client-node'
import type { V1PodSpec } from '@kubernetes/client-node'
import { admin, createTls, kubeconfig, startKubernetes } from './index.ts'
import type { KubernetesSim } from './index.ts'

const TOKEN = 'token-of-the-test'
const namespace = 'berth'
const tls = createTls()
let cluster: KubernetesSim
let kube: KubeConfig

beforeEach(() => {
  cluster = startKubernetes({ tls: { cert: tls.cert, key: tls.key }, sandboxes: true })
  cluster.world.tokens.set(TOKEN, admin)
  cluster.world.addNamespace(namespace)
  kube = new KubeConfig()
  kube.loadFromString(kubeconfig({ url: cluster.url, ca: tls.cert, namespace, user: { token: TOKEN } }))
})
afterEach(async () => {
  // Whatever a test asked: all answers were as the official client describes them.
  const { faulty } = cluster
  await cluster.close()
  expect(faulty).toEqual([])
})

const labels = { app: 'one' }
const pod = (more: Partial<V1PodSpec> = {}): V1PodSpec => ({ containers: [{ name: 'main', image: 'debian:12' }], ...more })
const statefulSet = (name: string) => ({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name, labels }, spec: { replicas: 1, serviceName: name, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod({ volumes: [] }) }, volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }] } })
const refusalOf = async (call: Promise<unknown>): Promise<{ code: number; reason: string; message: string }> => {
  const error: unknown = await call.then(() => null, (thrown: unknown) => thrown)
  if (!(error instanceof ApiException)) throw new Error(`not refused: ${String(error)}`)
  const body = JSON.parse(String(error.body)) as { reason: string; message: string }
  return { code: error.code, reason: body.reason, message: body.message }
}

test('the official client makes, scales and deletes a stateful set; its claim outlives it', async () => {
  const core = kube.makeApiClient(CoreV1Api)
  const apps = kube.makeApiClient(AppsV1Api)
  const made = await apps.createNamespacedStatefulSet({ namespace, body: statefulSet('one') })
  expect(made.metadata).toMatchObject({ name: 'one', namespace, generation: 1 })
  expect((await core.readNamespacedPod({ namespace, name: 'one-0' })).status?.phase).toBe('Running')
  expect((await core.readNamespacedPersistentVolumeClaim({ namespace, name: 'data-one-0' })).status?.phase).toBe('Bound')
  expect(await refusalOf(apps.createNamespacedStatefulSet({ namespace, body: statefulSet('one') }))).toMatchObject({ code: 409, reason: 'AlreadyExists' })
  const scale = await apps.readNamespacedStatefulSetScale({ namespace, name: 'one' })
  await apps.replaceNamespacedStatefulSetScale({ namespace, name: 'one', body: { metadata: scale.metadata ?? {}, spec: { replicas: 0 } } })
  expect(await refusalOf(core.readNamespacedPod({ namespace, name: 'one-0' }))).toMatchObject({ code: 404, reason: 'NotFound' })
  await apps.deleteNamespacedStatefulSet({ namespace, name: 'one' })
  expect(cluster.world.standing().map(({ kind }) => kind)).toEqual(['PersistentVolumeClaim'])
  expect(await core.readNamespacedPodLog({ namespace, name: 'one-0' }).then(() => 'read', () => 'refused')).toBe('refused')
})

test('a sandbox is suspended, resumed, and gone with what belongs to it', async () => {
  const objects = kube.makeApiClient(CustomObjectsApi)
  const core = kube.makeApiClient(CoreV1Api)
  const at = { group: 'agents.x-k8s.io', version: 'v1beta1', namespace, plural: 'sandboxes' }
  const body = { apiVersion: 'agents.x-k8s.io/v1beta1', kind: 'Sandbox', metadata: { name: 'box' }, spec: { podTemplate: { spec: pod() } } }
  await objects.createNamespacedCustomObject({ ...at, body })
  expect((await core.readNamespacedPod({ namespace, name: 'box' })).status?.phase).toBe('Running')
  expect((await refusalOf(objects.createNamespacedCustomObject({ ...at, body: { ...body, metadata: { name: 'two' }, spec: { ...body.spec, operatingmode: 'Running' } } }))).message).toContain('operatingmode')
  await objects.replaceNamespacedCustomObject({ ...at, name: 'box', body: { ...body, spec: { ...body.spec, operatingMode: 'Suspended' } } })
  expect(cluster.world.pod(namespace, 'box')).toBeNull()
  const now = (await objects.getNamespacedCustomObject({ ...at, name: 'box' })) as { status: { conditions: { type: string; status: string }[] } }
  expect(now.status.conditions).toEqual(expect.arrayContaining([expect.objectContaining({ type: 'Ready', status: 'False', reason: 'SandboxSuspended' }), expect.objectContaining({ type: 'Suspended', status: 'True' })]))
  await objects.deleteNamespacedCustomObject({ ...at, name: 'box' })
  expect(cluster.world.standing()).toEqual([])
})

test('a watch tells what changes, and one that began too long ago is refused', async () => {
  const core = kube.makeApiClient(CoreV1Api)
  const { metadata } = await core.listNamespacedPod({ namespace })
  const seen: string[] = []
  const running = Promise.withResolvers<void>()
  const watch = await new Watch(kube).watch(`/api/v1/namespaces/${namespace}/pods`, { resourceVersion: metadata?.resourceVersion }, (type, thing: { metadata: { name: string }; status: { phase: string } }) => {
    seen.push(`${type} ${thing.metadata.name} ${thing.status.phase}`)
    if (thing.status.phase === 'Running') running.resolve()
  }, () => {})
  await core.createNamespacedPod({ namespace, body: { metadata: { name: 'seen' }, spec: pod() } })
  await running.promise
  watch.abort()
  expect(seen[0]).toBe('ADDED seen Pending')
  cluster.world.store.compact()
  const gone = Promise.withResolvers<unknown>()
  await new Watch(kube).watch(`/api/v1/namespaces/${namespace}/pods`, { resourceVersion: '1' }, (type, thing) => gone.resolve([type, (thing as { code: number }).code]), () => {})
  expect(await gone.promise).toEqual(['ERROR', 410])
})

test('lists come in pages of one moment, chosen by labels', async () => {
  const core = kube.makeApiClient(CoreV1Api)
  for (let n = 0; n < 25; n += 1) await core.createNamespacedSecret({ namespace, body: { metadata: { name: `s${String(n).padStart(2, '0')}`, labels: { of: n % 2 === 0 ? 'even' : 'odd' } }, stringData: { a: 'b' } } })
  const first = await core.listNamespacedSecret({ namespace, limit: 10 })
  await core.deleteNamespacedSecret({ namespace, name: 's20' })
  const second = await core.listNamespacedSecret({ namespace, limit: 10, _continue: first.metadata?._continue ?? '' })
  const third = await core.listNamespacedSecret({ namespace, limit: 10, _continue: second.metadata?._continue ?? '' })
  expect([first.items.length, second.items.length, third.items.length, third.metadata?._continue]).toEqual([10, 10, 5, undefined])
  expect(third.items.map((item) => item.metadata?.name)).toContain('s20')
  expect((await core.listNamespacedSecret({ namespace, labelSelector: 'of=odd' })).items).toHaveLength(12)
  expect((await core.readNamespacedSecret({ namespace, name: 's01' })).data).toEqual({ a: Buffer.from('b').toString('base64') })
  expect(await refusalOf(core.listNamespacedSecret({ namespace, _continue: Buffer.from('{"id":"99","from":0}').toString('base64url') }))).toMatchObject({ code: 410, reason: 'Expired' })
})

test('what is not described, of an old version, or against a rule is refused', async () => {
  const core = kube.makeApiClient(CoreV1Api)
  const post = (path: string, body: unknown) => fetch(`${cluster.url}${path}`, { method: 'POST', tls: { ca: tls.cert }, headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const wrong = await post(`/api/v1/namespaces/${namespace}/pods`, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: { containers: [], hostnetwork: true } })
  expect([wrong.status, ((await wrong.json()) as { message: string }).message]).toEqual([400, expect.stringContaining('hostnetwork')])
  expect(await refusalOf(core.createNamespacedPod({ namespace, body: { metadata: { name: 'Wrong' }, spec: pod() } }))).toMatchObject({ code: 422, reason: 'Invalid' })
  const secret = await core.createNamespacedSecret({ namespace, body: { metadata: { name: 'old' } } })
  await core.replaceNamespacedSecret({ namespace, name: 'old', body: { metadata: secret.metadata ?? {}, stringData: { a: 'b' } } })
  expect(await refusalOf(core.replaceNamespacedSecret({ namespace, name: 'old', body: { metadata: secret.metadata ?? {}, stringData: { a: 'c' } } }))).toMatchObject({ code: 409, reason: 'Conflict' })
  expect(await refusalOf(core.deleteNamespacedSecret({ namespace, name: 'old', body: { preconditions: { uid: 'another' } } }))).toMatchObject({ code: 409 })
  expect((await fetch(`${cluster.url}/api/v1/namespaces/${namespace}/pods`, { tls: { ca: tls.cert } })).status).toBe(401)
  cluster.world.addNamespace('strict', { 'pod-security.kubernetes.io/enforce': 'restricted' })
  const refused = await refusalOf(core.createNamespacedPod({ namespace: 'strict', body: { metadata: { name: 'root' }, spec: pod() } }))
  expect(refused).toMatchObject({ code: 403, reason: 'Forbidden' })
  expect(refused.message).toContain('violates PodSecurity')
  await core.createNamespacedResourceQuota({ namespace, body: { metadata: { name: 'few' }, spec: { hard: { pods: '1', 'requests.storage': '5Gi' } } } })
  await core.createNamespacedPod({ namespace, body: { metadata: { name: 'first' }, spec: pod() } })
  expect((await refusalOf(core.createNamespacedPod({ namespace, body: { metadata: { name: 'second' }, spec: pod() } }))).message).toContain('exceeded quota: few')
})

test('a claim stays until no pod holds it, and faults are as scripted', async () => {
  const core = kube.makeApiClient(CoreV1Api)
  await core.createNamespacedPersistentVolumeClaim({ namespace, body: { metadata: { name: 'disk' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } } })
  await core.createNamespacedPod({ namespace, body: { metadata: { name: 'holder' }, spec: pod({ volumes: [{ name: 'disk', persistentVolumeClaim: { claimName: 'disk' } }] }) } })
  await core.deleteNamespacedPersistentVolumeClaim({ namespace, name: 'disk' })
  expect((await core.readNamespacedPersistentVolumeClaim({ namespace, name: 'disk' })).metadata?.deletionTimestamp).toBeDefined()
  await core.deleteNamespacedPod({ namespace, name: 'holder' })
  expect(cluster.world.standing()).toEqual([])
  cluster.world.faults.push({ method: 'POST', path: /secrets$/, times: 1, what: { kind: 'after', status: 502 } }, { path: /secrets$/, times: 1, what: { kind: 'refuse', status: 429, reason: 'TooManyRequests', headers: { 'retry-after': '3' } } })
  expect(await core.createNamespacedSecret({ namespace, body: { metadata: { name: 'made' } } }).then(() => 'made', () => 'refused')).toBe('refused')
  expect(await refusalOf(core.listNamespacedSecret({ namespace }))).toMatchObject({ code: 429 })
  expect((await core.listNamespacedSecret({ namespace })).items).toHaveLength(1)
})
