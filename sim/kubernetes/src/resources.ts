/** Which resources the cluster has, as its discovery tells them. `model`: the class of the official client that describes one. */
export interface Resource {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly model: string
  readonly namespaced: boolean
  readonly shortNames: readonly string[]
  readonly subresources: readonly string[]
  /** Made by asking: nothing is kept. */
  readonly review?: true
}

const resource = (group: string, plural: string, kind: string, extra: Partial<Resource> = {}): Resource => ({ group, version: 'v1', plural, kind, model: `V1${kind}`, namespaced: true, shortNames: [], subresources: [], ...extra })

const CORE: readonly Resource[] = [
  resource('', 'namespaces', 'Namespace', { namespaced: false, shortNames: ['ns'] }),
  resource('', 'pods', 'Pod', { shortNames: ['po'], subresources: ['log', 'status'] }),
  resource('', 'secrets', 'Secret'),
  resource('', 'configmaps', 'ConfigMap', { shortNames: ['cm'] }),
  resource('', 'persistentvolumeclaims', 'PersistentVolumeClaim', { shortNames: ['pvc'], subresources: ['status'] }),
  resource('', 'services', 'Service', { shortNames: ['svc'] }),
  resource('', 'serviceaccounts', 'ServiceAccount', { shortNames: ['sa'] }),
  resource('', 'events', 'Event', { shortNames: ['ev'], model: 'CoreV1Event' }),
  resource('', 'resourcequotas', 'ResourceQuota', { shortNames: ['quota'], subresources: ['status'] }),
  resource('apps', 'statefulsets', 'StatefulSet', { shortNames: ['sts'], subresources: ['status', 'scale'] }),
  resource('networking.k8s.io', 'networkpolicies', 'NetworkPolicy', { shortNames: ['netpol'] }),
  resource('rbac.authorization.k8s.io', 'roles', 'Role'),
  resource('rbac.authorization.k8s.io', 'rolebindings', 'RoleBinding'),
  resource('authorization.k8s.io', 'selfsubjectrulesreviews', 'SelfSubjectRulesReview', { namespaced: false, review: true }),
  resource('authorization.k8s.io', 'selfsubjectaccessreviews', 'SelfSubjectAccessReview', { namespaced: false, review: true }),
]
const SANDBOX = resource('agents.x-k8s.io', 'sandboxes', 'Sandbox', { version: 'v1beta1', model: 'Sandbox', shortNames: ['sandbox'], subresources: ['status'] })

export const resourcesOf = ({ sandboxes }: { sandboxes: boolean }): readonly Resource[] => (sandboxes ? [...CORE, SANDBOX] : CORE)
export const groupVersionOf = ({ group, version }: Pick<Resource, 'group' | 'version'>): string => (group === '' ? version : `${group}/${version}`)
/** As messages and rules name it: `statefulsets.apps`. */
export const nameIn = ({ group, plural }: Pick<Resource, 'group' | 'plural'>): string => (group === '' ? plural : `${plural}.${group}`)
export const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const
