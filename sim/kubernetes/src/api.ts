/** What is asked of one resource: read as the API server reads it, and answered. */
import type { JsonAnswer, ListAs } from '@berth/sim-vendor'
import { authorize, review } from './access.ts'
import type { User } from './access.ts'
import { checkChange, check } from './admission.ts'
import { addThing, deleteThing } from './cluster.ts'
import { patched } from './patch.ts'
import { groupVersionOf, nameIn } from './resources.ts'
import type { Resource } from './resources.ts'
import type { Judge } from './schemas.ts'
import { choosing } from './selectors.ts'
import { Refusal } from './model.ts'
import type { Meta, Pod, StatefulSet, Thing } from './model.ts'
import type { NewThing } from './store.ts'
import type { World } from './world.ts'

export interface Call {
  readonly world: World
  readonly judge: Judge
  readonly user: User
  readonly method: string
  readonly query: URLSearchParams
  readonly contentType: string
  readonly body: unknown
  /** What a list leaves out or repeats, where a test wants it so. */
  readonly list: ListAs
  readonly pages: Pages
}
export interface Target { readonly resource: Resource; readonly namespace: string | undefined; readonly name: string | undefined; readonly subresource: string | undefined }
export type Answer = JsonAnswer | { readonly status: 200; readonly text: string } | { readonly status: 200; readonly watch: { readonly target: Target; readonly from: number; readonly chooses: (thing: Thing) => boolean; readonly timeoutMs: number } }
/** Lists that go on: each page is of the moment of the first. */
export type Pages = Map<string, { readonly things: readonly Thing[]; readonly version: number }>

const QUERIES = new Set(['labelSelector', 'fieldSelector', 'limit', 'continue', 'watch', 'resourceVersion', 'resourceVersionMatch', 'timeoutSeconds', 'allowWatchBookmarks', 'sendInitialEvents', 'fieldValidation', 'fieldManager', 'dryRun', 'pretty', 'propagationPolicy', 'gracePeriodSeconds', 'force', 'container', 'tailLines', 'limitBytes', 'follow', 'previous', 'timestamps', 'sinceSeconds', 'timeout', 'orphanDependents'])
const WATCH_S = 60

export function parse(resources: readonly Resource[], pathname: string): Target | null {
  const [, core, group, rest] = /^\/(?:api\/(v1)|apis\/([^/]+\/[^/]+))\/(.+)$/.exec(pathname) ?? []
  if (rest === undefined) return null
  const words = rest.split('/').map(decodeURIComponent)
  const inNamespace = words[0] === 'namespaces' && words.length > 2
  const [plural = '', name, subresource] = inNamespace ? words.slice(2) : words
  const resource = resources.find((each) => each.plural === plural && groupVersionOf(each) === (core ?? group))
  if (resource === undefined || !isAt(resource, { inNamespace, name }) || (subresource !== undefined && !resource.subresources.includes(subresource))) return null
  return { resource, namespace: inNamespace ? words[1] : undefined, name, subresource }
}

/** Lists alone go over all namespaces. */
const isAt = ({ namespaced }: Resource, { inNamespace, name }: { inNamespace: boolean; name: string | undefined }): boolean => (inNamespace ? namespaced : !namespaced || name === undefined)

export async function answered(call: Call, target: Target): Promise<Answer> {
  const { world, query } = call
  const { resource, namespace, name, subresource } = target
  for (const key of query.keys()) if (!QUERIES.has(key)) throw new Refusal(400, 'BadRequest', `the simulator knows no query "${key}"`)
  const verb = verbOf(call, target)
  authorize(world.store, call.user, { verb, group: resource.group, resource: resource.plural, namespace: namespace ?? '', ...(subresource === undefined ? {} : { subresource }), ...(name === undefined ? {} : { name }) })
  if (resource.review === true) return { status: 201, body: review(world.store, call.user, whole(call, target)) }
  if (verb === 'list' || verb === 'watch') return listed(call, target, verb)
  if (verb === 'create') return created(call, target)
  const thing = named(world, target)
  if (verb === 'delete') return deleted(call, target, thing)
  if (verb !== 'get') return changed(call, target, thing)
  return subresource === 'log' ? logged(call, thing as Pod) : { status: 200, body: subresource === 'scale' ? scaleOf(thing as StatefulSet) : thing }
}

function named({ store }: World, { resource, namespace, name = '' }: Target): Thing {
  const thing = store.get(resource, namespace, name)
  if (thing === null) throw new Refusal(404, 'NotFound', `${nameIn(resource)} "${name}" not found`, { details: { name, group: resource.group, kind: resource.plural } })
  return thing
}

function verbOf({ method, query }: Call, { name }: Target): string {
  if (method === 'GET') return name !== undefined ? 'get' : query.get('watch') === 'true' || query.get('watch') === '1' ? 'watch' : 'list'
  const verb = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: name === undefined ? 'deletecollection' : 'delete' }[method]
  if (verb === undefined || verb === 'deletecollection' || (verb === 'create') !== (name === undefined)) throw new Refusal(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource')
  return verb
}

/** The body as an object of this resource: described, and named as the path names it. */
function whole({ body, judge }: Call, { resource, namespace, name }: Target): Thing & NewThing {
  const given = withoutNulls(body) as Thing
  // Of what a path says anyway, a body of the core may be silent.
  const thing: Thing = resource.model === 'Sandbox' ? given : { ...given, apiVersion: given.apiVersion ?? groupVersionOf(resource), kind: given.kind ?? resource.kind }
  const is = `${thing.apiVersion} ${thing.kind}`
  if (is !== `${groupVersionOf(resource)} ${resource.kind}`) throw new Refusal(400, 'BadRequest', `the API version in the data (${is}) does not match the expected API version (${groupVersionOf(resource)} ${resource.kind})`)
  const problem = judge(resource.model, thing)
  if (problem !== null) throw new Refusal(400, 'BadRequest', `strict decoding error: ${problem}`)
  const metadata = (thing.metadata ?? {}) as Meta
  if (resource.namespaced && metadata.namespace !== undefined && metadata.namespace !== namespace) throw new Refusal(400, 'BadRequest', 'the namespace of the provided object does not match the namespace sent on the request')
  if (name !== undefined && metadata.name !== name) throw new Refusal(400, 'BadRequest', 'the name of the object does not match the name on the URL')
  return { ...thing, metadata: { ...metadata, ...(resource.namespaced && namespace !== undefined ? { namespace } : {}) } }
}

function withoutNulls(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutNulls)
  if (typeof node !== 'object' || node === null) return node
  return Object.fromEntries(Object.entries(node).filter(([, value]) => value !== null).map(([key, value]) => [key, withoutNulls(value)]))
}

function created(call: Call, target: Target): Answer {
  const { world } = call
  const thing = whole(call, target)
  const { namespace } = target
  if (target.resource.namespaced && world.store.get(world.cluster.resource('Namespace'), undefined, namespace ?? '') === null) throw new Refusal(404, 'NotFound', `namespaces "${namespace}" not found`, { details: { name: namespace ?? '', kind: 'namespaces' } })
  if (call.query.has('dryRun')) {
    check(target.resource, thing)
    return { status: 201, body: thing }
  }
  return { status: 201, body: addThing(world.cluster, target.resource, stringData(thing)) }
}

/** `stringData` of a secret is written, never read. */
function stringData({ stringData: texts, ...thing }: Thing & NewThing): NewThing {
  if (texts === undefined) return thing
  const encoded = Object.fromEntries(Object.entries(texts as Record<string, string>).map(([key, value]) => [key, Buffer.from(value).toString('base64')]))
  return { ...thing, data: { ...thing.data as Record<string, string> | undefined, ...encoded } }
}

function changed(call: Call, target: Target, thing: Thing): Answer {
  const { world } = call
  const { resource, subresource } = target
  const next = call.method === 'PATCH' ? patched(call.contentType, subresource === 'scale' ? scaleOf(thing as StatefulSet) : thing, call.body) : call.body
  if (subresource === 'scale') {
    const { replicas } = (next as { spec: { replicas: number } }).spec
    return { status: 200, body: scaleOf(world.store.put(resource, { ...thing, spec: { ...thing.spec as object, replicas } }) as StatefulSet) }
  }
  const whole_ = stringData(whole({ ...call, body: next }, target))
  const { resourceVersion } = whole_.metadata
  // A patch that names no version takes what is there.
  const isOld = resourceVersion !== undefined && resourceVersion !== thing.metadata.resourceVersion
  if (isOld) throw new Refusal(409, 'Conflict', `Operation cannot be fulfilled on ${nameIn(resource)} "${thing.metadata.name}": the object has been modified; please apply your changes to the latest version and try again`, { details: { name: thing.metadata.name, kind: resource.plural } })
  // Subresources change what their name says, the resource itself all else.
  const merged: Thing = subresource === 'status' ? { ...thing, status: whole_.status } : { ...(whole_ as Thing), ...(thing.status === undefined ? {} : { status: thing.status }) }
  const after: Thing = { ...merged, metadata: { ...thing.metadata, ...merged.metadata, ...kept(thing) } }
  check(resource, after)
  checkChange(resource, thing, after)
  if (JSON.stringify(after) === JSON.stringify(thing)) return { status: 200, body: thing }
  const made = world.store.put(resource, after)
  if (made.metadata.deletionTimestamp !== undefined && (made.metadata.finalizers ?? []).length === 0 && resource.kind !== 'Pod') world.store.remove(resource, made)
  return { status: 200, body: made }
}

/** A deletion that began is not taken back. */
const kept = ({ metadata: { deletionTimestamp, deletionGracePeriodSeconds } }: Thing): Partial<Meta> => ({ ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }), ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }) })

function scaleOf({ metadata, spec, status }: StatefulSet): Thing {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata
  return { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp }, spec: { replicas: spec.replicas ?? 1 }, status: { replicas: (status as { replicas?: number }).replicas ?? 0 } }
}

interface DeleteOptions { readonly gracePeriodSeconds?: number; readonly propagationPolicy?: string; readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string } }

function deleted({ world, judge, body, query }: Call, { resource }: Target, thing: Thing): Answer {
  const problem = body === undefined ? null : judge('V1DeleteOptions', body)
  if (problem !== null) throw new Refusal(400, 'BadRequest', `strict decoding error: ${problem}`)
  const { preconditions = {}, ...options } = (body ?? {}) as DeleteOptions
  for (const key of ['uid', 'resourceVersion'] as const) {
    const wanted = preconditions[key]
    if (wanted !== undefined && wanted !== thing.metadata[key]) throw new Refusal(409, 'Conflict', `Operation cannot be fulfilled on ${nameIn(resource)} "${thing.metadata.name}": the ${key} in the precondition (${wanted}) does not match the ${key} in record (${thing.metadata[key]}). The object might have been deleted and then recreated`)
  }
  const grace = options.gracePeriodSeconds ?? (query.has('gracePeriodSeconds') ? Number(query.get('gracePeriodSeconds')) : undefined)
  if ((options.propagationPolicy ?? query.get('propagationPolicy')) === 'Orphan') orphan(world, thing)
  deleteThing(world.cluster, resource, { thing, graceSeconds: grace })
  const left = world.store.get(resource, thing.metadata.namespace, thing.metadata.name)
  return { status: 200, body: left ?? { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { name: thing.metadata.name, kind: resource.plural, uid: thing.metadata.uid } } }
}

function orphan({ store, resources }: World, owner: Thing): void {
  for (const resource of resources) {
    for (const thing of store.list(resource, owner.metadata.namespace)) {
      const { ownerReferences = [] } = thing.metadata
      const left = ownerReferences.filter(({ uid }) => uid !== owner.metadata.uid)
      if (left.length < ownerReferences.length) store.put(resource, { ...thing, metadata: { ...thing.metadata, ownerReferences: left } })
    }
  }
}

function listed(call: Call, target: Target, verb: 'list' | 'watch'): Answer {
  const { query } = call
  const chooses = choosing({ labelSelector: query.get('labelSelector') ?? '', fieldSelector: query.get('fieldSelector') ?? '' })
  if (verb === 'list') return paged(call, target, chooses)
  if (query.get('sendInitialEvents') === 'true') throw new Refusal(422, 'Invalid', 'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled')
  return { status: 200, watch: { target, from: Number(query.get('resourceVersion') ?? 0), chooses, timeoutMs: Number(query.get('timeoutSeconds') ?? WATCH_S) * 1000 } }
}

function paged({ world, query, list, pages }: Call, { resource, namespace }: Target, chooses: (thing: Thing) => boolean): Answer {
  const limit = Number(query.get('limit') ?? 0)
  const token = query.get('continue')
  const page = token === null ? { id: String(pages.size + 1), from: 0 } : pageOf(token)
  const kept = token === null ? momentOf(world, { list, things: world.store.list(resource, namespace).filter(chooses) }) : pages.get(page.id)
  if (kept === undefined) throw new Refusal(410, 'Expired', 'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.')
  const from = list === 'repeated' ? 0 : page.from
  const upTo = limit > 0 ? from + limit : kept.things.length
  const goesOn = upTo < kept.things.length || (list === 'repeated' && limit > 0 && kept.things.length > 0)
  if (goesOn) pages.set(page.id, kept)
  const metadata = { resourceVersion: String(kept.version), ...(goesOn ? { continue: Buffer.from(JSON.stringify({ id: page.id, from: upTo })).toString('base64url') } : {}) }
  const items = kept.things.slice(from, upTo).map((thing) => Object.fromEntries(Object.entries(thing).filter(([key]) => key !== 'apiVersion' && key !== 'kind')))
  return { status: 200, body: { kind: `${resource.kind}List`, apiVersion: groupVersionOf(resource), metadata, items } }
}

const momentOf = ({ store }: World, { list, things }: { list: Call['list']; things: readonly Thing[] }) => ({ things: list === 'stale' ? newestGone(things) : things, version: store.version() })

function newestGone(things: readonly Thing[]): Thing[] {
  const numberOf = ({ metadata }: Thing): number => Number.parseInt(metadata.uid.slice(-12), 16)
  const newest = Math.max(...things.map(numberOf))
  return things.filter((thing) => numberOf(thing) !== newest)
}

function pageOf(token: string): { id: string; from: number } {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { id: string; from: number }
  } catch {
    throw new Refusal(400, 'BadRequest', 'continue key is not valid')
  }
}

async function logged({ world, query }: Call, pod: Pod): Promise<Answer> {
  const container = query.get('container')
  if (container !== null && ![...(pod.spec.initContainers ?? []), ...pod.spec.containers].some(({ name }) => name === container)) throw new Refusal(400, 'BadRequest', `container ${container} is not valid for pod ${pod.metadata.name}`)
  const { backend } = world.cluster
  if (pod.status.phase === 'Pending' && container === null) throw new Refusal(400, 'BadRequest', `container "${pod.spec.containers[0]?.name}" in pod "${pod.metadata.name}" is waiting to start: ContainerCreating`)
  const text = backend === null ? 'started\n' : await backend.logs(pod, container)
  const lines = query.has('tailLines') ? `${text.trimEnd().split('\n').slice(-Number(query.get('tailLines'))).join('\n')}\n` : text
  return { status: 200, text: query.has('limitBytes') ? lines.slice(0, Number(query.get('limitBytes'))) : lines }
}
