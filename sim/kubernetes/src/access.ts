/** Who asks, and what they may: tokens, and the roles that are bound to them in a namespace. */
import { resourcesOf, VERBS } from './resources.ts'
import type { Resource } from './resources.ts'
import { Refusal } from './model.ts'
import type { Thing } from './model.ts'
import type { Store } from './store.ts'

export interface User { readonly name: string; readonly groups: readonly string[] }
export interface Rule { readonly apiGroups?: readonly string[]; readonly resources?: readonly string[]; readonly resourceNames?: readonly string[]; readonly verbs: readonly string[] }
export interface Attempt { readonly verb: string; readonly group: string; readonly resource: string; readonly subresource?: string; readonly namespace: string; readonly name?: string }

const ADMINS = 'system:masters'
const ALL: Rule = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }
/** What every user who is known may ask. */
const ANYBODY: Rule = { apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], verbs: ['create'] }
const [ROLES, BINDINGS] = ['roles', 'rolebindings'].map((plural) => resourcesOf({ sandboxes: false }).find((each) => each.plural === plural)) as [Resource, Resource]

export const admin: User = { name: 'admin', groups: [ADMINS] }
export const serviceAccount = (namespace: string, name: string): User => ({ name: `system:serviceaccount:${namespace}:${name}`, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`] })

function rulesOf(store: Store, user: User, namespace: string): readonly Rule[] {
  if (user.groups.includes(ADMINS)) return [ALL]
  const bound = store.list(BINDINGS, namespace).filter((binding) => subjectsOf(binding).some((subject) => nameOf(subject) === user.name))
  return [ANYBODY, ...bound.flatMap((binding) => {
    const { kind, name } = binding['roleRef'] as { kind: string; name: string }
    const role = kind === 'Role' ? store.get(ROLES, namespace, name) : null
    return (role?.['rules'] ?? []) as Rule[]
  })]
}

interface Subject { readonly kind: string; readonly name: string; readonly namespace?: string }
const subjectsOf = (binding: Thing): readonly Subject[] => (binding['subjects'] ?? []) as Subject[]
const nameOf = ({ kind, name, namespace }: Subject): string => (kind === 'ServiceAccount' ? `system:serviceaccount:${namespace ?? ''}:${name}` : name)

function may(rules: readonly Rule[], { verb, group, resource, subresource, name }: Attempt): boolean {
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`
  const has = (list: readonly string[] | undefined, ...wanted: string[]): boolean => list?.some((each) => each === '*' || wanted.includes(each)) ?? false
  return rules.some((rule) => has(rule.verbs, verb) && has(rule.apiGroups, group) && has(rule.resources, whole, ...(subresource === undefined ? [] : [`*/${subresource}`])) && (rule.resourceNames === undefined || rule.resourceNames.length === 0 || (name !== undefined && rule.resourceNames.includes(name))))
}

export function authenticate(tokens: ReadonlyMap<string, User>, request: Request): User {
  const token = /^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1]
  const user = token === undefined ? undefined : tokens.get(token)
  if (user === undefined) throw new Refusal(401, 'Unauthorized', 'Unauthorized')
  return user
}

export function authorize(store: Store, user: User, attempt: Attempt): void {
  if (may(rulesOf(store, user, attempt.namespace), attempt)) return
  const { verb, group, resource, subresource, namespace, name } = attempt
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`
  const what = group === '' ? resource : `${resource}.${group}`
  throw new Refusal(403, 'Forbidden', `${what}${name === undefined ? '' : ` "${name}"`} is forbidden: User "${user.name}" cannot ${verb} resource "${whole}" in API group "${group}" ${where}`, { details: { kind: resource, group, ...(name === undefined ? {} : { name }) } })
}

/** What a review is answered with. */
export function review(store: Store, user: User, asked: Thing): Thing {
  const spec = (asked.spec ?? {}) as { namespace?: string; resourceAttributes?: Partial<Attempt> & { readonly group?: string } }
  if (asked.kind === 'SelfSubjectRulesReview') {
    const rules = rulesOf(store, user, spec.namespace ?? '')
    return { ...asked, status: { incomplete: false, nonResourceRules: [], resourceRules: rules.map((rule) => ({ ...rule, verbs: [...rule.verbs] })) } }
  }
  const { verb = '', group = '', resource = '', subresource, namespace = '', name } = spec.resourceAttributes ?? {}
  if (!(VERBS as readonly string[]).includes(verb) && verb !== '*') throw new Refusal(422, 'Invalid', `verb ${verb} is not known`)
  const allowed = may(rulesOf(store, user, namespace), { verb, group, resource, namespace, ...(subresource === undefined || subresource === '' ? {} : { subresource }), ...(name === undefined ? {} : { name }) })
  return { ...asked, status: { allowed } }
}
