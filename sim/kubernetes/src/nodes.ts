/** Where pods go and what becomes of them there: the scheduler, the kubelet, and the binding of claims. True: it changed something. */
import { PVC_PROTECTION, tell } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import type { Condition, Container, ContainerState, ContainerStatus, Pod, PodSpec, Thing } from './model.ts'

const NODE = 'node-1'
const condition = (cluster: Cluster, type: string, is: boolean, why: Partial<Condition> = {}): Condition => ({ type, status: is ? 'True' : 'False', lastTransitionTime: cluster.store.stamp(), ...why })
const claimsIn = ({ volumes = [] }: PodSpec): string[] => volumes.flatMap(({ persistentVolumeClaim }) => (persistentVolumeClaim === undefined ? [] : [persistentVolumeClaim.claimName]))

export function statusOf({ name, image }: Container, state: ContainerState, extra: Partial<ContainerStatus> = {}): ContainerStatus {
  return { name, image, imageID: state.running === undefined ? '' : `sim://${image}`, ready: state.running !== undefined, started: state.running !== undefined, restartCount: 0, state, ...extra }
}

/** A pod in the store as it is now, with what changed of its status. */
export function report(cluster: Cluster, pod: Thing, change: Partial<Pod['status']>): void {
  const resource = cluster.resource('Pod')
  const now = cluster.store.get(resource, pod.metadata.namespace, pod.metadata.name) as Pod | null
  if (now === null || now.metadata.uid !== pod.metadata.uid) return
  const kept = (now.status.conditions ?? []).filter(({ type }) => !(change.conditions ?? []).some((each) => each.type === type))
  cluster.store.put(resource, { ...now, status: { ...now.status, ...change, conditions: [...kept, ...(change.conditions ?? [])] } })
}

export function schedule(cluster: Cluster): boolean {
  const { store } = cluster
  const resource = cluster.resource('Pod')
  let changed = false
  for (const pod of store.list(resource) as Pod[]) {
    if (pod.spec.nodeName !== undefined || pod.metadata.deletionTimestamp !== undefined) continue
    const missing = claimsIn(pod.spec).find((name) => {
      const claim = store.get(cluster.resource('PersistentVolumeClaim'), pod.metadata.namespace, name)
      return claim === null || claim.metadata.deletionTimestamp !== undefined
    })
    const problem = missing === undefined ? (cluster.hasRoom(pod) ? null : '0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available.') : `0/1 nodes are available: persistentvolumeclaim "${missing}" not found.`
    if (problem !== null) {
      const known = (pod.status.conditions ?? []).some(({ reason, message }) => reason === 'Unschedulable' && message === problem)
      if (known) continue
      report(cluster, pod, { conditions: [condition(cluster, 'PodScheduled', false, { reason: 'Unschedulable', message: problem })] })
    } else {
      store.put(resource, { ...pod, spec: { ...pod.spec, nodeName: NODE } })
      report(cluster, pod, { startTime: store.stamp(), conditions: [condition(cluster, 'PodScheduled', true)] })
      for (const name of claimsIn(pod.spec)) bind(cluster, pod, name)
    }
    changed = true
  }
  return changed
}

/** As of a class that waits for its first consumer. */
function bind(cluster: Cluster, pod: Pod, name: string): void {
  const resource = cluster.resource('PersistentVolumeClaim')
  const claim = cluster.store.get(resource, pod.metadata.namespace, name)
  if (claim === null || (claim.status as { phase?: string }).phase === 'Bound') return
  const spec = claim.spec as { accessModes?: string[]; resources?: { requests?: Record<string, string> } }
  cluster.store.put(resource, { ...claim, spec: { ...spec, volumeName: `pv-${claim.metadata.uid}` }, status: { phase: 'Bound', accessModes: spec.accessModes ?? [], capacity: spec.resources?.requests ?? {} } })
}

export function createKubelet(cluster: Cluster) {
  const begun = new Set<string>()
  return (): boolean => {
    let changed = false
    for (const pod of cluster.store.list(cluster.resource('Pod')) as Pod[]) {
      if (pod.spec.nodeName === undefined || pod.status.phase !== 'Pending' || pod.metadata.deletionTimestamp !== undefined) continue
      changed = step(cluster, pod, begun) || changed
    }
    return changed
  }
}

function step(cluster: Cluster, pod: Pod, begun: Set<string>): boolean {
  if (begun.has(pod.metadata.uid)) return false
  const problem = problemOf(cluster, pod)
  if (problem !== null) return waiting(cluster, pod, problem)
  if (cluster.backend === null) return up(cluster, pod)
  begun.add(pod.metadata.uid)
  cluster.backend.run(pod, { secrets: Object.fromEntries(secretsIn(pod.spec).map(({ name }) => [name, secretOf(cluster, pod, name) ?? undefined])), report: (change) => report(cluster, pod, change) })
  return true
}

interface Problem { readonly reason: string; readonly message: string; readonly container?: string }
const secretsIn = ({ volumes = [] }: PodSpec): { name: string; optional: boolean }[] => volumes.flatMap(({ secret }) => (secret?.secretName === undefined ? [] : [{ name: secret.secretName, optional: secret.optional ?? false }]))
const secretOf = (cluster: Cluster, pod: Pod, name: string): Thing | null => cluster.store.get(cluster.resource('Secret'), pod.metadata.namespace, name)

function problemOf(cluster: Cluster, pod: Pod): Problem | null {
  const missing = secretsIn(pod.spec).find(({ name, optional }) => !optional && secretOf(cluster, pod, name) === null)
  if (missing !== undefined) {
    tell(cluster, { about: pod, reason: 'FailedMount', message: `MountVolume.SetUp failed for volume: secret "${missing.name}" not found` })
    return { reason: 'ContainerCreating', message: '' }
  }
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
  for (const { name, image, securityContext } of all) {
    const why = cluster.imageProblem(image)
    if (why !== null) return { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}": ErrImagePull: ${why}`, container: name }
    const [nonRoot, uid] = [securityContext?.runAsNonRoot ?? pod.spec.securityContext?.runAsNonRoot, securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser]
    if (nonRoot === true && uid === 0) return { reason: 'CreateContainerConfigError', message: "container's runAsUser breaks non-root policy", container: name }
  }
  return null
}

function waiting(cluster: Cluster, pod: Pod, { reason, message, container }: Problem): boolean {
  const state = (name: string): ContainerState => ({ waiting: container === undefined || container === name ? { reason, ...(message === '' ? {} : { message }) } : { reason: 'PodInitializing' } })
  const of = (containers: readonly Container[]): ContainerStatus[] => containers.map((each) => statusOf(each, state(each.name)))
  const change = { initContainerStatuses: of(pod.spec.initContainers ?? []), containerStatuses: of(pod.spec.containers) }
  if (JSON.stringify(change.containerStatuses) === JSON.stringify(pod.status.containerStatuses) && JSON.stringify(change.initContainerStatuses) === JSON.stringify(pod.status.initContainerStatuses)) return false
  report(cluster, pod, change)
  return true
}

/** Without a backend: its time has come. */
function up(cluster: Cluster, pod: Pod): boolean {
  if (cluster.now() < Date.parse(pod.status.startTime ?? '') + cluster.startMs) return waiting(cluster, pod, { reason: 'ContainerCreating', message: '' })
  const startedAt = cluster.store.stamp()
  report(cluster, pod, {
    phase: 'Running', podIP: '10.42.0.7', podIPs: [{ ip: '10.42.0.7' }], conditions: [condition(cluster, 'Initialized', true), condition(cluster, 'ContainersReady', true), condition(cluster, 'Ready', true)],
    initContainerStatuses: (pod.spec.initContainers ?? []).map((each) => statusOf(each, { terminated: { exitCode: 0, reason: 'Completed', finishedAt: startedAt } }, { ready: true })),
    containerStatuses: pod.spec.containers.map((each) => statusOf(each, { running: { startedAt } })),
  })
  return true
}

/** Pods whose grace is over, and claims that no pod holds any more. */
export function finish(cluster: Cluster): boolean {
  const { store } = cluster
  const pods = cluster.resource('Pod')
  const claims = cluster.resource('PersistentVolumeClaim')
  let changed = false
  for (const pod of store.list(pods)) {
    const { deletionTimestamp, finalizers = [] } = pod.metadata
    if (cluster.backend !== null || deletionTimestamp === undefined || finalizers.length > 0 || cluster.now() < Date.parse(deletionTimestamp) + cluster.stopMs) continue
    store.remove(pods, pod)
    changed = true
  }
  for (const claim of store.list(claims)) {
    const { deletionTimestamp, finalizers = [], namespace, name } = claim.metadata
    if (deletionTimestamp === undefined || (store.list(pods, namespace) as Pod[]).some(({ spec }) => claimsIn(spec).includes(name))) continue
    const left = finalizers.filter((each) => each !== PVC_PROTECTION)
    if (left.length > 0) continue
    store.remove(claims, claim)
    void cluster.backend?.removeClaim(claim)
    changed = true
  }
  return changed
}
