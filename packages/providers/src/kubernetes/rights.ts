/** What this provider's credential must be allowed in its namespace: the role in docs/kubernetes says the same. */
import type { ProviderFinding } from '@berth/core'
import type { Api } from './client.ts'
import type { Access } from './kubeconfig.ts'

export interface Right { readonly group: string; readonly resource: string; readonly verbs: readonly string[] }

const RIGHTS: readonly Right[] = [
  { group: '', resource: 'persistentvolumeclaims', verbs: ['create', 'delete', 'get', 'list'] },
  { group: '', resource: 'secrets', verbs: ['create', 'delete', 'get'] },
  { group: '', resource: 'pods', verbs: ['delete', 'list'] },
  { group: '', resource: 'pods/log', verbs: ['get'] },
  { group: '', resource: 'events', verbs: ['list'] },
  { group: 'networking.k8s.io', resource: 'networkpolicies', verbs: ['create', 'delete', 'get', 'list', 'patch'] },
]
const WORKLOAD = ['create', 'delete', 'get', 'list', 'patch']

export const rightsNeeded = ({ sandboxes, sets }: { sandboxes: boolean; sets: boolean }): readonly Right[] => [
  ...RIGHTS, ...(sets ? [{ group: 'apps', resource: 'statefulsets', verbs: WORKLOAD }] : []), ...(sandboxes ? [{ group: 'agents.x-k8s.io', resource: 'sandboxes', verbs: WORKLOAD }] : []),
]

interface Rule { readonly apiGroups?: readonly string[]; readonly resources?: readonly string[]; readonly resourceNames?: readonly string[]; readonly verbs?: readonly string[] }
interface Review { readonly status?: { readonly incomplete?: boolean; readonly resourceRules?: readonly Rule[] } }
export interface Rights { readonly rules: readonly Rule[]; /** Some authorizers cannot say all. */ readonly complete: boolean }

export async function askForRights(api: Api, { namespace }: Access, signal: AbortSignal): Promise<Rights> {
  const { status } = await api.call<Review>('/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { method: 'POST', body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } }, what: 'asking for rights' }, signal)
  return { rules: status?.resourceRules ?? [], complete: status?.incomplete !== true }
}

/** In words: `create secrets`. */
export function missingIn({ rules }: Rights, needed: readonly Right[]): string[] {
  return needed.flatMap(({ group, resource, verbs }) => verbs.filter((verb) => !rules.some((rule) => gives(rule, { group, resource, verb }))).map((verb) => `${verb} ${resource}`))
}

function gives({ apiGroups = [], resources = [], resourceNames = [], verbs = [] }: Rule, { group, resource, verb }: { group: string; resource: string; verb: string }): boolean {
  const has = (list: readonly string[], wanted: string): boolean => list.includes('*') || list.includes(wanted)
  return has(apiGroups, group) && has(resources, resource) && has(verbs, verb) && resourceNames.length === 0
}

export async function findingsOf(api: Api, access: Access, { rights, needed }: { rights: Rights; needed: readonly Right[] }, signal: AbortSignal): Promise<readonly ProviderFinding[]> {
  const { namespace } = access
  const missing = missingIn(rights, needed)
  const everywhere = await mayEverywhere(api, signal)
  const docs = 'bind the role of docs/kubernetes to a service account of this namespace'
  return [
    ...(missing.length === 0 ? [{ level: 'ok', code: 'rights', message: `may do what it needs in ${namespace}`, hint: null } as const] : [{ level: rights.complete ? 'error' : 'warning', code: 'rights', message: `may not in ${namespace}: ${missing.join(', ')}`, hint: docs } as const]),
    ...(everywhere ? [{ level: 'warning', code: 'too-broad', message: 'the credential may read the secrets of every namespace', hint: `${docs}: who gets hold of it has the cluster` } as const] : []),
    ...(namespace === 'default' || namespace === 'kube-system' ? [{ level: 'warning', code: 'namespace', message: `machines are made in ${namespace}, beside other things`, hint: 'give Berth a namespace of its own with --namespace' } as const] : []),
  ]
}

async function mayEverywhere(api: Api, signal: AbortSignal): Promise<boolean> {
  const { status } = await api.call<{ status?: { allowed?: boolean } }>('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { method: 'POST', body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: { verb: 'list', resource: 'secrets', group: '', namespace: '' } } }, what: 'asking for rights' }, signal)
  return status?.allowed === true
}
