/** One namespace of a cluster, as the provider sees it: where things are, what is there of a machine, and whose it is. */
import { ProviderFault, type Owner } from '@berth/core'
import type { Api } from './client.ts'
import type { Access } from './kubeconfig.ts'
import { asQuery, nameOf, ownerOf, selectorOf, type Claim, type Found, type Pod, type Secret, type Thing, type Workload } from './machine.ts'
import { SANDBOX_GROUP, servesSandboxes, WORKLOADS, type PatchStep, type WorkloadKind } from './workload.ts'

export type Kind = 'claim' | 'secret' | 'policy' | 'pod' | WorkloadKind
export const LISTED = ['claim', 'policy', 'pod', 'statefulset', 'sandbox'] as const satisfies readonly Kind[]
const KIND_WORDS: Readonly<Record<Kind, string>> = { claim: 'disk', secret: 'boot file', policy: 'network policy', pod: 'pod', statefulset: 'stateful set', sandbox: 'sandbox' }
const KNOWN_FOR_MS = 5 * 60_000

export interface ClusterView {
  readonly api: Api
  access(): Access
  /** Of all of a kind, or of one. */
  path(kind: Kind, name?: string): string
  /** Kinds of workload that this cluster serves, the better one first. */
  workloads(signal: AbortSignal): Promise<readonly WorkloadKind[]>
  find(owner: Owner, signal: AbortSignal): Promise<FoundMachine>
  get<T extends Thing>(kind: Kind, owner: Owner, signal: AbortSignal): Promise<T | null>
  make(kind: Kind, body: unknown, signal: AbortSignal): Promise<void>
  /** Only the one that was looked at: whoever is there by now under its name is left alone. */
  change(kind: Kind, thing: Thing, steps: readonly PatchStep[], signal: AbortSignal): Promise<void>
  remove(kind: Kind, thing: Thing, signal: AbortSignal): Promise<void>
}
export interface FoundMachine extends Found { readonly kind: WorkloadKind | null; readonly secret: Secret | null }

export function createClusterView({ api, access, only, now }: { api: Api; access: () => Access; only: WorkloadKind | null; now: () => number }): ClusterView {
  let served: { at: number; kinds: readonly WorkloadKind[] } | null = null
  const path: ClusterView['path'] = (kind, name) => `${pathOf(kind, access().namespace)}${name === undefined ? '' : `/${name}`}`
  const get = <T>(kind: Kind, name: string, signal: AbortSignal): Promise<T | null> => api.find<T>(path(kind, name), `looking for the ${KIND_WORDS[kind]}`, signal)
  const workloads: ClusterView['workloads'] = async (signal) => {
    if (served === null || now() - served.at > KNOWN_FOR_MS) {
      const group = await api.find<Parameters<typeof servesSandboxes>[0]>(`/apis/${SANDBOX_GROUP}`, 'asking what the cluster serves', signal)
      served = { at: now(), kinds: servesSandboxes(group) ? ['sandbox', 'statefulset'] : ['statefulset'] }
    }
    return served.kinds
  }
  return {
    api, access, path,
    async workloads(signal) {
      const kinds = await workloads(signal)
      if (only !== null && !kinds.includes(only)) throw new ProviderFault('unsupported', 'the cluster has no sandboxes', { hint: 'install agent-sandbox (agents.x-k8s.io/v1beta1), or leave `workload` out' })
      // One that was made before the setting is found all the same.
      return only === null ? kinds : [only, ...kinds.filter((kind) => kind !== only)]
    },
    async find(owner, signal) {
      const name = nameOf(owner)
      const kinds = await workloads(signal)
      const [claim, secret, pods, ...works] = await Promise.all([
        get<Claim>('claim', name, signal),
        get<Secret>('secret', name, signal),
        api.list<Pod>(path('pod'), { labelSelector: asQuery(selectorOf(owner)), what: 'looking for the pod' }, signal),
        ...kinds.map((kind) => get<Workload>(kind, name, signal)),
      ])
      if (!pods.complete) throw new ProviderFault('transient', 'the cluster gave only a part of a list', { hint: 'it is tried again' })
      const at = works.findIndex((work) => work !== null)
      return { claim, secret, pod: podOf(pods.items, name), workload: works[at] ?? null, kind: kinds[at] ?? null }
    },
    get: (kind, owner, signal) => get(kind, nameOf(owner), signal),
    async make(kind, body, signal) {
      try {
        await api.call(path(kind), { method: 'POST', body, what: `making the ${KIND_WORDS[kind]}` }, signal)
      } catch (error) {
        // Somebody was faster: the next look says whether it is ours.
        if (!(error instanceof ProviderFault) || !error.message.includes('(AlreadyExists)')) throw error
      }
    },
    async change(kind, { metadata: { name, uid } }, steps, signal) {
      const body: readonly PatchStep[] = [{ op: 'test', path: '/metadata/uid', value: uid }, ...steps]
      await api.call(path(kind, name), { method: 'PATCH', body, what: `changing the ${KIND_WORDS[kind]}` }, signal)
    },
    async remove(kind, { metadata: { name, uid, deletionTimestamp } }, signal) {
      if (deletionTimestamp !== undefined) return
      try {
        await api.call(path(kind, name), { method: 'DELETE', body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid }, propagationPolicy: 'Background' }, what: `removing the ${KIND_WORDS[kind]}` }, signal)
      } catch (error) {
        // Gone, or another one by now.
        if (!(error instanceof ProviderFault) || (error.category !== 'not_found' && error.category !== 'conflict')) throw error
      }
    },
  }
}

function pathOf(kind: Kind, namespace: string): string {
  const core = `/api/v1/namespaces/${namespace}`
  switch (kind) {
    case 'claim': return `${core}/persistentvolumeclaims`
    case 'secret': return `${core}/secrets`
    case 'pod': return `${core}/pods`
    case 'policy': return `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`
    case 'statefulset': case 'sandbox': return WORKLOADS[kind].path(namespace)
  }
}

/** The one with the name that its workload gives it; one that goes is there as long as it does. */
const podOf = (pods: readonly Pod[], name: string): Pod | null => pods.find(({ metadata }) => metadata.name === name || metadata.name === `${name}-0`) ?? null

export function refuseForeign(found: Found, owner: Owner, more: readonly (Thing | null)[] = []): void {
  for (const thing of [found.claim, found.workload, found.pod, found.secret ?? null, ...more]) {
    if (thing === null || typeof ownerOf(thing, owner) === 'object') continue
    throw new ProviderFault('conflict', `something named ${thing.metadata.name} belongs to somebody else`, { hint: 'rename or remove it: `kubectl get all,pvc,secret,netpol -n <namespace>`' })
  }
}
