/** What controllers and the API do alike to the objects of a cluster. */
import { admit, check } from './admission.ts'
import type { Resource } from './resources.ts'
import type { Pod, Thing } from './model.ts'
import type { NewThing, Store } from './store.ts'

/** Where pods really run; a cluster without one only keeps books. */
export interface Backend {
  /** Brings its containers up, and says what became of them as often as it changes. Secrets by name. */
  run(pod: Pod, given: { secrets: Readonly<Record<string, Thing | undefined>>; report: (change: Partial<Pod['status']>) => void }): void
  stop(pod: Pod, graceSeconds: number): Promise<void>
  logs(pod: Pod, container: string | null): Promise<string>
  removeClaim(claim: Thing): Promise<void>
  /** Null: it has it, or can have it. */
  imageProblem(image: string): Promise<string | null>
}

export interface Cluster {
  readonly store: Store
  readonly resources: readonly Resource[]
  readonly backend: Backend | null
  readonly startMs: number
  readonly stopMs: number
  now(): number
  resource(kind: string): Resource
  hasRoom(pod: Pod): boolean
  imageProblem(image: string): string | null
}

export const PVC_PROTECTION = 'kubernetes.io/pvc-protection'
const GRACE_SECONDS = 30

/** As a client makes it: checked, admitted, and begun. */
export function addThing({ store, resources }: Cluster, resource: Resource, given: NewThing): Thing {
  const { status: _, ...thing } = given
  check(resource, thing as NewThing)
  admit(store, resources, { resource, thing: thing as NewThing })
  return store.add(resource, begun(resource, thing as NewThing))
}

function begun(resource: Resource, thing: NewThing): NewThing {
  if (resource.kind === 'Pod') return { ...thing, status: { phase: 'Pending', conditions: [] } }
  if (resource.kind === 'PersistentVolumeClaim') return { ...thing, metadata: { ...thing.metadata, finalizers: [...(thing.metadata.finalizers ?? []), PVC_PROTECTION] }, status: { phase: 'Pending' } }
  if (resource.kind === 'Sandbox') return { ...thing, spec: { operatingMode: 'Running', shutdownPolicy: 'Retain', ...(thing.spec as object) }, status: {} }
  if (resource.kind === 'StatefulSet') return { ...thing, spec: { replicas: 1, ...(thing.spec as object) }, status: { replicas: 0 } }
  return thing
}

/** Marked where something holds it, else gone. */
export function deleteThing(cluster: Cluster, resource: Resource, { thing, graceSeconds }: { thing: Thing; graceSeconds?: number | undefined }): void {
  const { store } = cluster
  const pod = resource.kind === 'Pod' ? (thing as Pod) : null
  const grace = pod === null ? 0 : graceSeconds ?? pod.spec.terminationGracePeriodSeconds ?? GRACE_SECONDS
  const isHeld = (thing.metadata.finalizers ?? []).length > 0 || (pod?.spec.nodeName !== undefined && (grace > 0 || cluster.backend !== null))
  if (!isHeld) return store.remove(resource, thing)
  if (thing.metadata.deletionTimestamp !== undefined) return
  const marked = store.put(resource, { ...thing, metadata: { ...thing.metadata, deletionTimestamp: store.stamp(), deletionGracePeriodSeconds: grace } })
  if (pod === null || cluster.backend === null) return
  const gone = (): void => {
    const now = store.get(resource, marked.metadata.namespace, marked.metadata.name)
    if (now?.metadata.uid === marked.metadata.uid) store.remove(resource, now)
  }
  void cluster.backend.stop(marked as Pod, grace).then(gone, gone)
}

export function tell(cluster: Cluster, { about, reason, message }: { about: Thing; reason: string; message: string }): void {
  const { store } = cluster
  const { name, namespace = '', uid } = about.metadata
  const resource = cluster.resource('Event')
  const same = store.list(resource, namespace).find((event) => event['reason'] === reason && event['message'] === message && (event['involvedObject'] as { uid?: string }).uid === uid)
  if (same !== undefined) return
  store.add(resource, {
    apiVersion: 'v1', kind: 'Event', metadata: { generateName: `${name}.`, namespace }, type: 'Warning', reason, message, count: 1, firstTimestamp: store.stamp(), lastTimestamp: store.stamp(), source: { component: 'sim' },
    involvedObject: { apiVersion: about.apiVersion, kind: about.kind, name, namespace, uid },
  })
}
