/** What keeps a cluster as it is wished for: garbage, stateful sets, sandboxes. Each call is one look; true: it changed something. */
import { createHash } from 'node:crypto'
import { addThing, deleteThing, tell } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { Refusal } from './model.ts'
import type { ClaimTemplate, Condition, OwnerReference, Pod, Sandbox, StatefulSet, Template, Thing } from './model.ts'

const REVISION = 'controller-revision-hash'
const SANDBOX_HASH = 'agents.x-k8s.io/sandbox-name-hash'
const hashOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 10)

/** What belongs to something that is gone goes. */
export function collect(cluster: Cluster): boolean {
  const { store, resources } = cluster
  const all = resources.filter(({ review }) => review !== true).flatMap((resource) => store.list(resource).map((thing) => ({ resource, thing })))
  const uids = new Set(all.map(({ thing }) => thing.metadata.uid))
  const orphans = all.filter(({ thing: { metadata } }) => metadata.deletionTimestamp === undefined && (metadata.ownerReferences ?? []).length > 0 && !(metadata.ownerReferences ?? []).some(({ uid }) => uids.has(uid)))
  for (const { resource, thing } of orphans) deleteThing(cluster, resource, { thing })
  return orphans.length > 0
}

const ownerOf = ({ apiVersion, kind, metadata: { name, uid } }: Thing): OwnerReference => ({ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true })
const isOf = (pod: Thing, owner: Thing): boolean => (pod.metadata.ownerReferences ?? []).some(({ uid, controller }) => uid === owner.metadata.uid && controller === true)
const isReady = ({ status }: Pod): boolean => (status.conditions ?? []).some(({ type, status: is }) => type === 'Ready' && is === 'True')

export function stateful(cluster: Cluster): boolean {
  const { store } = cluster
  const resource = cluster.resource('StatefulSet')
  const pods = cluster.resource('Pod')
  let changed = false
  for (const set of store.list(resource) as StatefulSet[]) {
    if (set.metadata.deletionTimestamp !== undefined) continue
    const revision = `${set.metadata.name}-${hashOf(set.spec.template)}`
    const wanted = set.spec.replicas ?? 1
    const mine = (store.list(pods, set.metadata.namespace) as Pod[]).filter((pod) => isOf(pod, set))
    for (let at = 0; at < wanted; at += 1) changed = bring(cluster, { set, at, revision }) || changed
    const live = mine.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    // One that never got ready is not replaced by a new template: a known property of ordered sets.
    const over = live.filter((pod) => Number(/-(\d+)$/.exec(pod.metadata.name)?.[1] ?? 0) >= wanted || pod.status.phase === 'Failed' || (pod.metadata.labels?.[REVISION] !== revision && isReady(pod)))
    for (const pod of over) deleteThing(cluster, pods, { thing: pod })
    changed = note(cluster, set, { observedGeneration: set.metadata.generation, replicas: mine.length, readyReplicas: mine.filter(isReady).length, currentReplicas: mine.length, updateRevision: revision }) || over.length > 0 || changed
  }
  return changed
}

function bring(cluster: Cluster, { set, at, revision }: { set: StatefulSet; at: number; revision: string }): boolean {
  const { store } = cluster
  const name = `${set.metadata.name}-${at}`
  const namespace = set.metadata.namespace ?? ''
  const there = store.get(cluster.resource('Pod'), namespace, name)
  if (there !== null) return false
  const claims = claimsOf(cluster, { owner: set, templates: set.spec.volumeClaimTemplates ?? [], suffix: name })
  // What is refused is told by an event, and tried again at the next look.
  const problem = attempt(() => addPod(cluster, { owner: set, name, template: set.spec.template, labels: { 'statefulset.kubernetes.io/pod-name': name, 'apps.kubernetes.io/pod-index': String(at), [REVISION]: revision }, claims }))
  if (problem !== null) tell(cluster, { about: set, reason: 'FailedCreate', message: `create Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${problem}` })
  return problem === null
}

export function sandboxes(cluster: Cluster): boolean {
  const { store, resources } = cluster
  const resource = resources.find(({ kind }) => kind === 'Sandbox')
  const all = resource === undefined ? [] : (store.list(resource) as Sandbox[])
  return all.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map((sandbox) => keep(cluster, sandbox)).some(Boolean)
}

function keep(cluster: Cluster, sandbox: Sandbox): boolean {
  const { name, namespace, generation = 1 } = sandbox.metadata
  const { operatingMode, shutdownTime, shutdownPolicy } = sandbox.spec
  const expired = shutdownTime !== undefined && Date.parse(shutdownTime) <= cluster.now()
  if (expired && shutdownPolicy === 'Delete') {
    deleteThing(cluster, cluster.resource('Sandbox'), { thing: sandbox })
    return true
  }
  const pod = cluster.store.get(cluster.resource('Pod'), namespace, name) as Pod | null
  const isOff = operatingMode === 'Suspended' || expired
  const problem = isOff || pod !== null ? null : resume(cluster, sandbox)
  const changed = isOff ? suspend(cluster, sandbox, pod) : pod === null && problem === null
  const podIPs = pod?.status.podIPs?.map(({ ip }) => ip)
  return note(cluster, sandbox, { conditions: conditionsOf(cluster, { sandbox, pod, expired, generation, problem }), podIPs }) || changed
}

function suspend(cluster: Cluster, sandbox: Sandbox, pod: Pod | null): boolean {
  if (pod === null || !isOf(pod, sandbox) || pod.metadata.deletionTimestamp !== undefined) return false
  deleteThing(cluster, cluster.resource('Pod'), { thing: pod })
  return true
}

/** What is refused is told in its condition. */
function resume(cluster: Cluster, sandbox: Sandbox): string | null {
  const { metadata: { name }, spec: { podTemplate, volumeClaimTemplates = [] } } = sandbox
  const claims = claimsOf(cluster, { owner: sandbox, templates: volumeClaimTemplates, suffix: name })
  return attempt(() => addPod(cluster, { owner: sandbox, name, template: podTemplate, labels: { [SANDBOX_HASH]: hashOf(name).slice(0, 8) }, claims }))
}

function conditionsOf(cluster: Cluster, { sandbox, pod, expired, generation, problem }: { sandbox: Sandbox; pod: Pod | null; expired: boolean; generation: number; problem: string | null }): Condition[] {
  const suspended = sandbox.spec.operatingMode === 'Suspended'
  const ready = pod !== null && !suspended && isReady(pod)
  const before = (sandbox.status as { conditions?: Condition[] } | undefined)?.conditions ?? []
  const reasonOf = (): string => (problem !== null ? 'ReconcilerError' : expired ? 'SandboxExpired' : suspended ? 'SandboxSuspended' : ready ? 'DependenciesReady' : 'DependenciesNotReady')
  const condition = (type: string, is: boolean, reason: string, message = ''): Condition => {
    const status = is ? 'True' : 'False'
    const known = before.find((each) => each.type === type)
    return { type, status, reason, message, observedGeneration: generation, lastTransitionTime: known?.status === status ? known.lastTransitionTime : cluster.store.stamp() }
  }
  return [condition('Ready', ready, reasonOf(), problem === null ? '' : `Error seen: ${problem}`), condition('Suspended', suspended && pod === null, suspended ? (pod === null ? 'PodTerminated' : 'PodTerminating') : 'NotSuspended')]
}

interface ClaimOf { readonly volume: string; readonly claimName: string }
function claimsOf(cluster: Cluster, { owner, templates, suffix }: { owner: Thing; templates: readonly ClaimTemplate[]; suffix: string }): ClaimOf[] {
  const resource = cluster.resource('PersistentVolumeClaim')
  return templates.map(({ metadata, spec }) => {
    const volume = metadata?.name ?? 'data'
    const claimName = `${volume}-${suffix}`
    const { namespace } = owner.metadata
    // A set's claims outlive it; a sandbox's go with it.
    if (cluster.store.get(resource, namespace, claimName) === null) addThing(cluster, resource, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: claimName, ...(namespace === undefined ? {} : { namespace }), labels: metadata?.labels ?? {}, ...(owner.kind === 'Sandbox' ? { ownerReferences: [ownerOf(owner)] } : {}) }, spec })
    return { volume, claimName }
  })
}

function addPod(cluster: Cluster, { owner, name, template, labels, claims }: { owner: Thing; name: string; template: Template; labels: Record<string, string>; claims: readonly ClaimOf[] }): void {
  const { namespace } = owner.metadata
  const volumes = [...(template.spec.volumes ?? []), ...claims.map(({ volume, claimName }) => ({ name: volume, persistentVolumeClaim: { claimName } }))]
  addThing(cluster, cluster.resource('Pod'), {
    apiVersion: 'v1', kind: 'Pod',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), labels: { ...template.metadata?.labels, ...labels }, annotations: { ...template.metadata?.annotations }, ownerReferences: [ownerOf(owner)] },
    spec: { hostname: name, ...structuredClone(template.spec), volumes },
  })
}

/** Null: it was let in. Else why not. */
function attempt(add: () => void): string | null {
  try {
    add()
    return null
  } catch (error) {
    if (error instanceof Refusal) return error.message
    throw error
  }
}

function note(cluster: Cluster, thing: Thing, status: Record<string, unknown>): boolean {
  const resource = cluster.resource(thing.kind)
  const now = cluster.store.get(resource, thing.metadata.namespace, thing.metadata.name)
  const clean = Object.fromEntries(Object.entries(status).filter(([, value]) => value !== undefined))
  if (now === null || JSON.stringify(now.status) === JSON.stringify(clean)) return false
  cluster.store.put(resource, { ...now, status: clean })
  return true
}
