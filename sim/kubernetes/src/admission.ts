/** What an API server checks before it takes an object: names, references inside it, the namespace's level and quotas. */
import { LABEL, LEVELS, violations } from './pod-security.ts'
import type { Level } from './pod-security.ts'
import { quantity } from './quantity.ts'
import { nameIn } from './resources.ts'
import type { Resource } from './resources.ts'
import { Refusal } from './model.ts'
import type { ClaimTemplate, Container, Pod, PodSpec, StatefulSet, Thing } from './model.ts'
import type { NewThing, Store } from './store.ts'

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/
const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/
const LABEL_VALUE = /^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$/
/** Pods of them carry the name in a label with a hash behind it. */
const STATEFUL_SET_NAME_LIMIT = 52
const CIDR = /^(\d+\.\d+\.\d+\.\d+|[0-9a-f:]+)\/\d{1,3}$/i

const invalid = (resource: Resource, name: string, problems: readonly string[]): Refusal => new Refusal(422, 'Invalid', `${resource.kind}${resource.group === '' ? '' : `.${resource.group}`} "${name}" is invalid: ${problems.join(', ')}`, { details: { name, group: resource.group, kind: resource.kind } })

export function check(resource: Resource, thing: NewThing): void {
  const { name = '', labels = {} } = thing.metadata
  const problems = [
    ...(name !== '' && !NAME.test(name) ? [`metadata.name: Invalid value: "${name}": a lowercase RFC 1123 subdomain`] : []),
    ...Object.entries(labels).flatMap(([key, value]) => (LABEL_KEY.test(key) && LABEL_VALUE.test(value) ? [] : [`metadata.labels: Invalid value: "${key}=${value}"`])),
    ...(CHECKS[resource.kind]?.(thing) ?? []),
  ]
  if (problems.length > 0) throw invalid(resource, name, problems)
}

const CHECKS: Readonly<Record<string, (thing: NewThing) => string[]>> = {
  Pod: ({ spec }) => podProblems(spec as PodSpec),
  Secret: ({ data }) => Object.entries((data ?? {}) as Record<string, string>).flatMap(([key, value]) => (/^[A-Za-z0-9+/]*={0,2}$/.test(value) && value.length % 4 === 0 ? [] : [`data[${key}]: not base64`])),
  StatefulSet({ spec, metadata }) {
    const { selector, template } = spec as StatefulSet['spec']
    const wanted = Object.entries(selector.matchLabels ?? {})
    return [
      ...((metadata.name ?? '').length > STATEFUL_SET_NAME_LIMIT ? [`metadata.name: must be no more than ${STATEFUL_SET_NAME_LIMIT} characters`] : []),
      ...(wanted.length === 0 || wanted.some(([key, value]) => template.metadata?.labels?.[key] !== value) ? ['spec.template.metadata.labels: `selector` does not match template `labels`'] : []),
      ...((template.spec.restartPolicy ?? 'Always') === 'Always' ? [] : ['spec.template.spec.restartPolicy: Unsupported value: supported values: "Always"']),
      ...podProblems(template.spec),
    ]
  },
  PersistentVolumeClaim({ spec }) {
    const { resources, accessModes = [] } = spec as ClaimTemplate['spec'] & { accessModes?: string[] }
    const storage = quantity(resources?.requests?.['storage'] ?? '')
    return [...(storage > 0 ? [] : ['spec.resources[storage]: Required value']), ...(accessModes.length > 0 ? [] : ['spec.accessModes: Required value: at least 1 access mode is required'])]
  },
  NetworkPolicy: ({ spec }) => {
    const { egress = [], ingress = [] } = spec as { egress?: { to?: Peer[] }[]; ingress?: { from?: Peer[] }[] }
    const blocks = [...egress.flatMap(({ to = [] }) => to), ...ingress.flatMap(({ from = [] }) => from)].flatMap(({ ipBlock }) => (ipBlock === undefined ? [] : [ipBlock.cidr, ...(ipBlock.except ?? [])]))
    return blocks.flatMap((block) => (CIDR.test(block) ? [] : [`spec: Invalid value: "${block}": not a CIDR`]))
  },
}
interface Peer { readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] } }

function podProblems({ containers, initContainers = [], volumes = [] }: PodSpec): string[] {
  const names = new Set(volumes.map(({ name }) => name))
  const all = [...initContainers, ...containers]
  return [
    ...(containers.length === 0 ? ['spec.containers: Required value'] : []),
    ...(new Set(all.map(({ name }) => name)).size === all.length ? [] : ['spec.containers: Duplicate value']),
    ...(names.size === volumes.length ? [] : ['spec.volumes: Duplicate value']),
    ...all.flatMap((container) => containerProblems(container, names)),
  ]
}

function containerProblems({ name, image, volumeMounts = [], resources = {} }: Container, volumes: ReadonlySet<string>): string[] {
  const amounts = [...Object.entries(resources.requests ?? {}), ...Object.entries(resources.limits ?? {})]
  return [
    ...(image.trim() === '' ? [`spec.containers[${name}].image: Required value`] : []),
    ...volumeMounts.flatMap((mount) => (volumes.has(mount.name) ? [] : [`spec.containers[${name}].volumeMounts: Not found: "${mount.name}"`])),
    ...amounts.flatMap(([of, amount]) => (quantity(amount) >= 0 ? [] : [`spec.containers[${name}].resources: Invalid value: ${of}: "${amount}"`])),
    ...Object.entries(resources.requests ?? {}).flatMap(([of, amount]) => (quantity(amount) <= quantity(resources.limits?.[of] ?? 'none') || resources.limits?.[of] === undefined ? [] : [`spec.containers[${name}].resources.requests: must be less than or equal to ${of} limit`])),
  ]
}

/** Fields of a stored object that stay as they are. */
export function checkChange(resource: Resource, before: Thing, after: Thing): void {
  const refuse = (what: string): Refusal => invalid(resource, before.metadata.name, [what])
  if (before.metadata.name !== after.metadata.name || before.metadata.namespace !== after.metadata.namespace) throw refuse('metadata.name: field is immutable')
  const same = (key: string): boolean => JSON.stringify((before.spec as Record<string, unknown>)[key]) === JSON.stringify((after.spec as Record<string, unknown>)[key])
  if (resource.kind === 'StatefulSet' && !['selector', 'serviceName', 'volumeClaimTemplates', 'podManagementPolicy'].every(same)) throw refuse("spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden")
  if (resource.kind === 'PersistentVolumeClaim' && !['accessModes', 'storageClassName', 'volumeMode'].every(same)) throw refuse('spec: Forbidden: spec is immutable after creation except resources.requests')
  if (resource.kind === 'Sandbox' && !same('volumeClaimTemplates')) throw refuse('spec: volumeClaimTemplates is immutable')
  if (resource.kind === 'Pod' && JSON.stringify(before.spec) !== JSON.stringify(after.spec)) throw refuse('spec: Forbidden: pod updates may not change fields')
}

export function admit(store: Store, resources: readonly Resource[], { resource, thing }: { resource: Resource; thing: NewThing }): void {
  const { namespace } = thing.metadata
  if (namespace === undefined) return
  if (resource.kind === 'Pod') admitPod(store, resources, thing as NewThing & Pod)
  const quotas = resources.find(({ kind }) => kind === 'ResourceQuota')
  for (const quota of quotas === undefined ? [] : store.list(quotas, namespace)) {
    const hard = (quota.spec as { hard?: Record<string, string> }).hard ?? {}
    for (const [of, limit] of Object.entries(hard)) {
      const asked = usage(of, resource, thing)
      const used = resources.flatMap((each) => store.list(each, namespace).map((one) => usage(of, each, one))).reduce((sum, one) => sum + one, 0)
      if (asked > 0 && used + asked > quantity(limit)) throw new Refusal(403, 'Forbidden', `${nameIn(resource)} "${thing.metadata.name}" is forbidden: exceeded quota: ${quota.metadata.name}, requested: ${of}=${asked}, used: ${of}=${used}, limited: ${of}=${limit}`, { details: { name: thing.metadata.name ?? '', kind: resource.plural } })
    }
  }
}

function admitPod(store: Store, resources: readonly Resource[], pod: NewThing & Pod): void {
  const namespaces = resources.find(({ kind }) => kind === 'Namespace')
  const level = namespaces === undefined ? undefined : store.get(namespaces, undefined, pod.metadata.namespace ?? '')?.metadata.labels?.[LABEL]
  if (level === undefined || !(LEVELS as readonly string[]).includes(level)) return
  // Checked above.
  const wrong = violations(level as Level, pod.spec)
  if (wrong.length > 0) throw new Refusal(403, 'Forbidden', `pods "${pod.metadata.name}" is forbidden: violates PodSecurity "${level}:latest": ${wrong.join(', ')}`, { details: { name: pod.metadata.name, kind: 'pods' } })
}

/** How much of a quota's `of` an object takes. */
function usage(of: string, resource: Resource, thing: NewThing | Thing): number {
  if (hasEnded(thing)) return 0
  if (of === nameIn(resource) || of === `count/${nameIn(resource)}`) return 1
  if (resource.kind === 'PersistentVolumeClaim') return of === 'requests.storage' ? storageOf(thing.spec as ClaimTemplate['spec']) : 0
  const [, kind, what = ''] = /^(requests|limits)\.(cpu|memory)$/.exec(of) ?? []
  return resource.kind !== 'Pod' || kind === undefined ? 0 : computed(thing.spec as PodSpec, kind === 'limits' ? 'limits' : 'requests', what)
}

const hasEnded = ({ status }: NewThing | Thing): boolean => ['Succeeded', 'Failed'].includes((status as Partial<Pod['status']> | undefined)?.phase ?? '')
const storageOf = ({ resources }: ClaimTemplate['spec']): number => quantity(resources?.requests?.['storage'] ?? '0')
/** What is limited and not requested is requested as it is limited. */
const computed = ({ containers }: PodSpec, kind: 'requests' | 'limits', what: string): number => containers.reduce((sum, { resources = {} }) => sum + quantity(resources[kind]?.[what] ?? resources.limits?.[what] ?? '0'), 0)
