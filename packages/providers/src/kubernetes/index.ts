/**
 * The `kubernetes` provider: a machine is a pod in one namespace, kept by a Sandbox or a StatefulSet, on a disk of its own
 * that outlives it. A stop takes the pod away and keeps the disk; a delete takes all. Never run against a live cluster:
 * tested against a simulator whose objects the official client describes.
 */
import { isPassing, ProviderFault, type CallContext, type Observed, type Owner, type Provider, type ProviderCheck, type Step } from '@berth/core'
import { createOneAtATime } from '../one-at-a-time.ts'
import { createApi, type Fetch } from './client.ts'
import { createClusterView, refuseForeign, type ClusterView } from './cluster.ts'
import { leftoversOf, machinesOf, removeLeftover } from './inventory.ts'
import { readInCluster, readKubeconfig, type Access } from './kubeconfig.ts'
import { isGoing, isOn, machineOf, observedOf, ownerOf, type Thing } from './machine.ts'
import { MAIN, PREPARE, type PodSecurity } from './pod.ts'
import { askForRights, findingsOf, missingIn, rightsNeeded } from './rights.ts'
import { dropBootFile, ensure, later, putOffEnd, setEgress, type StartDeps } from './start.ts'
import { WORKLOADS, type WorkloadKind } from './workload.ts'

export { rightsNeeded } from './rights.ts'

export interface KubernetesProviderOptions {
  readonly installation: string
  readonly log: (line: string) => void
  /** A file; nothing is asked of a cluster that nobody named. */
  readonly kubeconfig?: string
  readonly context?: string
  /** As a pod of the cluster it makes machines in. */
  readonly inCluster?: boolean
  /** Absent: that of the context. */
  readonly namespace?: string
  /** What `--image` names in its place; it must be one that the nodes can pull. */
  readonly image?: string
  readonly imagePullSecret?: string
  readonly storageClass?: string
  readonly diskGb?: number
  readonly runtimeClass?: string
  readonly podSecurity?: PodSecurity
  readonly workload?: WorkloadKind
  readonly allow?: readonly string[]
  /** Whether the cluster's network keeps to policies, which only who runs it knows. */
  readonly networkPolicies?: 'enforced' | 'unknown'
  /** Without its server for so long a machine ends and its disk stays, where the cluster has Sandboxes. */
  readonly endAfterHours?: number
  /** In place of the runtime's, for tests: both. */
  readonly fetch?: Fetch
  readonly now?: () => number
}

const DEFAULT = { diskGb: 20, podSecurity: 'restricted', networkPolicies: 'unknown', endAfterHours: 12, now: Date.now } as const
const LOG_LINES = '2000'
const NOT_SET_UP = new ProviderFault('auth', 'no cluster is set up', { hint: 'run `berth provider setup kubernetes --kubeconfig <path> --namespace <name>`' })
/** Of a cluster that is not named any more nobody may conclude that it is empty. */
const NOTHING_ASKED = { items: [], complete: false, missing: ['kubernetes is not set up'] } as const

export function createKubernetesProvider(given: KubernetesProviderOptions): Provider {
  const { kubeconfig, context, inCluster = false, namespace, workload = null, image = null, imagePullSecret = null, storageClass = null, runtimeClass = null, allow = [], fetch, ...rest } = { ...DEFAULT, ...given }
  const { now } = rest
  const access = (): Access => {
    const found = kubeconfig === undefined ? (inCluster ? readInCluster({ namespace }) : null) : readKubeconfig({ path: kubeconfig, context, namespace })
    if (found === null) throw NOT_SET_UP
    return found
  }
  const cluster = createClusterView({ api: createApi({ access, fetch }), access, only: workload, now })
  const deps: StartDeps = { cluster, options: { ...rest, image: image ?? '', imagePullSecret, storageClass, runtimeClass, allow } }
  const oneAtATime = createOneAtATime()
  const isSetUp = kubeconfig !== undefined || inCluster
  return {
    name: 'kubernetes',
    unverifiedLive: true,
    isSetUp: () => isSetUp,
    check: (signal) => (isSetUp ? check(deps, image, signal) : Promise.resolve(refused('not set up', NOT_SET_UP.hint))),
    examine: async (signal) => {
      const needed = neededIn(await cluster.workloads(signal))
      return findingsOf(cluster.api, access(), { rights: await askForRights(cluster.api, access(), signal), needed }, signal)
    },
    quote: () => ({ currency: 'EUR', runningMicrosPerHour: 0, stoppedMicrosPerHour: 0, note: 'the cluster\'s own nodes and disks, which are paid for elsewhere' }),
    ensure: (owner, spec, call) => oneAtATime(owner, () => {
      if (image === null && spec.image === null) throw new ProviderFault('invalid', 'no image is set for workspaces on kubernetes', { hint: 'name one that the nodes can pull: `berth provider setup kubernetes --image <image>`, or --image' })
      return ensure(deps, { owner, spec }, call)
    }),
    async observe(owner, signal) {
      const found = await cluster.find(owner, signal)
      await putOffEnd(deps, owner, found, { signal, log: rest.log })
      await dropBootFile(deps, owner, found, { signal, log: rest.log })
      const one = found.claim ?? found.workload ?? found.pod
      return machineOf(one === null ? owner : ownerOf(one, owner), found)
    },
    list: (installation, signal) => (isSetUp ? machinesOf(cluster, installation, signal) : Promise.resolve(NOTHING_ASKED)),
    stop: (owner, call) => oneAtATime(owner, () => stop(cluster, owner, call)),
    destroy: (owner, call) => oneAtATime(owner, () => destroy(cluster, owner, call)),
    leftovers: (installation, signal) => (isSetUp ? leftoversOf(cluster, installation, signal) : Promise.resolve(NOTHING_ASKED)),
    setEgress: (owner, egress, { signal }) => oneAtATime(owner, () => setEgress(deps, { owner, egress }, signal)),
    removeLeftover: (leftover, signal) => removeLeftover(cluster, rest.installation, leftover, signal),
    logs: (owner, tailBytes, signal) => logs(cluster, { owner, tailBytes }, signal),
  }
}

const refused = (detail: string, hint: string): ProviderCheck => ({ ok: false, isolation: 'container', detail, hint })
const neededIn = (kinds: readonly WorkloadKind[]) => rightsNeeded({ sandboxes: kinds.includes('sandbox'), sets: true })

async function check({ cluster, options }: StartDeps, image: string | null, signal: AbortSignal): Promise<ProviderCheck> {
  try {
    const { namespace, server } = cluster.access()
    const kinds = await cluster.workloads(signal)
    const rights = await askForRights(cluster.api, cluster.access(), signal)
    const missing = missingIn(rights, neededIn(kinds))
    if (missing.length > 0 && rights.complete) return refused(`the credential may not in ${namespace}: ${missing.slice(0, 4).join(', ')}${missing.length > 4 ? ' …' : ''}`, 'bind the role of docs/kubernetes to a service account of this namespace, and use its token')
    if (image === null) return refused(`namespace ${namespace} of ${server}, and no image`, 'name one that its nodes can pull: `berth provider setup kubernetes --image <image>`')
    const shared = options.podSecurity === 'restricted'
    return { ok: true, isolation: 'container', detail: `namespace ${namespace} of ${server}, by ${kinds[0] === 'sandbox' ? 'sandboxes' : 'stateful sets'}`, hint: shared ? 'its daemon is the agent\'s own user: where the namespace may, `--pod-security baseline` parts them' : null }
  } catch (error) {
    if (!(error instanceof ProviderFault) || isPassing(error)) throw error
    return refused(error.message, error.hint)
  }
}

async function stop(cluster: ClusterView, owner: Owner, { signal }: CallContext): Promise<Step<Observed>> {
  const found = await cluster.find(owner, signal)
  refuseForeign(found, owner)
  const { workload, kind, pod, secret } = found
  if (secret !== null) await cluster.remove('secret', secret, signal)
  if (workload !== null && kind !== null && isOn(workload) && !isGoing(workload)) {
    await cluster.change(kind, workload, WORKLOADS[kind].off, signal)
    return later('the pod is asked to stop')
  }
  if (pod !== null) {
    // Nothing keeps it any more.
    if (workload === null) await cluster.remove('pod', pod, signal)
    return later('the pod stops')
  }
  return secret === null ? { done: true, value: observedOf(found) } : later('the boot file goes')
}

async function destroy(cluster: ClusterView, owner: Owner, { signal }: CallContext): Promise<Step<null>> {
  const found = await cluster.find(owner, signal)
  const policy = await cluster.get<Thing>('policy', owner, signal)
  refuseForeign(found, owner, [policy])
  const { claim, workload, kind, pod, secret } = found
  if (workload !== null && kind !== null) await cluster.remove(kind, workload, signal)
  else if (pod !== null) await cluster.remove('pod', pod, signal)
  if (workload !== null || pod !== null) return later('the pod goes')
  if (secret !== null) await cluster.remove('secret', secret, signal)
  if (policy !== null) await cluster.remove('policy', policy, signal)
  if (claim !== null) await cluster.remove('claim', claim, signal)
  return claim === null && secret === null && policy === null ? { done: true, value: null } : later('the disk goes')
}

/** Of its program; before that runs, of what prepares it. */
async function logs(cluster: ClusterView, { owner, tailBytes }: { owner: Owner; tailBytes: number }, signal: AbortSignal): Promise<string> {
  const { pod } = await cluster.find(owner, signal)
  if (pod === null || typeof ownerOf(pod, owner) !== 'object') return ''
  for (const container of [MAIN, PREPARE]) {
    try {
      const text = await cluster.api.text(`${cluster.path('pod', pod.metadata.name)}/log`, { query: { container, tailLines: LOG_LINES }, what: 'reading what it said' }, signal)
      if (text !== '') return Buffer.from(text).subarray(-tailBytes).toString('utf8').slice(-tailBytes)
    } catch (error) {
      // It has not begun.
      if (!(error instanceof ProviderFault) || (error.category !== 'invalid' && error.category !== 'not_found')) throw error
    }
  }
  return ''
}
