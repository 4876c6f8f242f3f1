/** The state of one cluster, and what a test may make happen in it. Nothing here speaks HTTP. */
import { collect, sandboxes, stateful } from './controllers.ts'
import { deleteThing } from './cluster.ts'
import type { Backend, Cluster } from './cluster.ts'
import { createKubelet, finish, report, schedule, statusOf } from './nodes.ts'
import { resourcesOf } from './resources.ts'
import type { User } from './access.ts'
import type { Fault, Pod, Thing } from './model.ts'
import { createStore } from './store.ts'

export interface WorldOptions {
  readonly backend?: Backend
  /** ms since the epoch; the host's clock by default. */
  readonly now?: () => number
  /** The definition of agent-sandbox is installed. */
  readonly sandboxes?: boolean
  /** How long a pod takes to be there, and to go. */
  readonly startMs?: number
  readonly stopMs?: number
}

const LOOKS_AT_MOST = 50
const SYSTEM_KINDS = new Set(['Namespace', 'Event', 'Role', 'RoleBinding', 'ServiceAccount', 'ResourceQuota'])

export function createWorld({ backend, now: clock = Date.now, sandboxes: hasSandboxes = false, startMs = 0, stopMs = 0 }: WorldOptions) {
  let offsetMs = 0
  let stuck = false
  /** Nothing came since, no time passed: controllers have nothing to do. */
  let rested: string | null = null
  let room: (pod: Pod) => boolean = () => true
  const images = new Map<string, string>()
  const now = (): number => clock() + offsetMs
  const resources = resourcesOf({ sandboxes: hasSandboxes })
  const store = createStore({ now })
  const cluster: Cluster = {
    store, resources, backend: backend ?? null, startMs, stopMs, now,
    resource(kind) {
      const found = resources.find((each) => each.kind === kind)
      if (found === undefined) throw new Error(`this cluster has no ${kind}`)
      return found
    },
    hasRoom: (pod) => room(pod),
    imageProblem: (image) => images.get(image) ?? null,
  }
  const kubelet = createKubelet(cluster)
  const controllers = [collect, stateful, sandboxes, schedule, kubelet, finish]
  const pod = (namespace: string, name: string): Pod | null => store.get(cluster.resource('Pod'), namespace, name) as Pod | null
  return {
    cluster, store, resources, now,
    asked: [] as string[], faults: [] as Fault[], tokens: new Map<string, User>(),
    /** All controllers, until nothing changes. */
    settle(): void {
      const moment = (): string => `${store.version()} ${now()}`
      if (stuck || rested === moment()) return
      for (let look = 0; look < LOOKS_AT_MOST; look += 1) {
        if (controllers.map((controller) => controller(cluster)).some(Boolean)) continue
        rested = moment()
        return
      }
      throw new Error('the controllers of the simulated cluster do not come to rest')
    },
    /** Controllers do nothing, or do again. */
    stick(is: boolean) { stuck = is },
    advance(ms: number) { offsetMs += ms },
    limitCapacity(to: (pod: Pod) => boolean) {
      room = to
      rested = null
    },
    /** No node can have the image, for this reason. */
    breakImage(image: string, why: string | null) {
      rested = null
      if (why === null) images.delete(image)
      else images.set(image, why)
    },
    addNamespace(name: string, labels: Record<string, string> = {}): Thing {
      return store.add(cluster.resource('Namespace'), { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels }, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } })
    },
    pod,
    /** Its program ends again and again; without a backend. */
    crash({ metadata, spec }: Pod, exitCode = 137): void {
      const at = pod(metadata.namespace ?? '', metadata.name)
      if (at === null) return
      const terminated = { terminated: { exitCode, reason: 'Error', finishedAt: store.stamp() } }
      report(cluster, at, { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: store.stamp() }], containerStatuses: spec.containers.map((each) => statusOf(each, { waiting: { reason: 'CrashLoopBackOff', message: `back-off restarting failed container ${each.name}` } }, { restartCount: 3, lastState: terminated })) })
    },
    /** A node is drained, or somebody deletes it: what wanted it makes another one. */
    evict({ metadata }: Pod): void {
      const at = pod(metadata.namespace ?? '', metadata.name)
      if (at !== null) deleteThing(cluster, cluster.resource('Pod'), { thing: at })
    },
    phase(at: Pod, phase: string): void { report(cluster, at, { phase }) },
    /** All that somebody made or that was made for it, and not what a namespace has anyway. */
    standing: (): readonly Thing[] => resources.filter(({ kind, review }) => review !== true && !SYSTEM_KINDS.has(kind)).flatMap((resource) => store.list(resource)),
  }
}
export type World = ReturnType<typeof createWorld>
