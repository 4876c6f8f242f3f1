/** The objects of a cluster, each change with a number of its own: what etcd and the API server's cache are there. */
import { groupVersionOf, nameIn } from './resources.ts'
import type { Resource } from './resources.ts'
import { Refusal } from './model.ts'
import type { Meta, Thing } from './model.ts'

export interface Change { readonly version: number; readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly resource: string; readonly thing: Thing }
export type NewThing = Omit<Thing, 'metadata'> & { readonly metadata: Partial<Meta> & { readonly generateName?: string } }

const HISTORY = 5000

export function createStore({ now }: { now: () => number }) {
  const kept = new Map<string, Map<string, Thing>>()
  const history: Change[] = []
  const listeners = new Set<(change: Change) => void>()
  let version = 1000
  let uids = 0
  let oldest = 0
  const of = (resource: Pick<Resource, 'group' | 'plural'>): Map<string, Thing> => {
    const name = nameIn(resource)
    const found = kept.get(name) ?? new Map<string, Thing>()
    kept.set(name, found)
    return found
  }
  const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? ''}/${name}`
  const tell = (type: Change['type'], resource: Resource, thing: Thing): void => {
    const change: Change = { version, type, resource: nameIn(resource), thing: structuredClone(thing) }
    history.push(change)
    if (history.length > HISTORY) oldest = history.shift()?.version ?? oldest
    for (const listener of listeners) listener(change)
  }
  const stamp = (): string => new Date(now()).toISOString().replace(/\.\d+Z$/, 'Z')
  return {
    stamp,
    version: (): number => version,
    get: (resource: Resource, namespace: string | undefined, name: string): Thing | null => of(resource).get(keyOf(namespace, name)) ?? null,
    /** By name, as an API server orders them. */
    list: (resource: Pick<Resource, 'group' | 'plural'>, namespace?: string): Thing[] => [...of(resource)].filter(([, { metadata }]) => namespace === undefined || metadata.namespace === namespace).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, thing]) => thing),
    add(resource: Resource, { metadata: { generateName, ...given }, ...thing }: NewThing): Thing {
      const name = given.name ?? (generateName === undefined ? undefined : `${generateName}${(uids + 1).toString(36).padStart(5, '0')}`)
      if (name === undefined) throw new Refusal(422, 'Invalid', `${resource.kind}.${resource.group} "" is invalid: metadata.name: Required value: name or generateName is required`)
      const key = keyOf(given.namespace, name)
      if (of(resource).has(key)) throw new Refusal(409, 'AlreadyExists', `${nameIn(resource)} "${name}" already exists`, { details: { name, group: resource.group, kind: resource.plural } })
      version += 1
      uids += 1
      const metadata: Meta = { ...given, name, uid: `00000000-0000-4000-8000-${uids.toString(16).padStart(12, '0')}`, resourceVersion: String(version), creationTimestamp: stamp(), ...(thing.spec === undefined ? {} : { generation: 1 }) }
      const made: Thing = { ...thing, apiVersion: groupVersionOf(resource), kind: resource.kind, metadata }
      of(resource).set(key, made)
      tell('ADDED', resource, made)
      return made
    },
    /** With a new version; a new generation where its spec is another. */
    put(resource: Resource, thing: Thing): Thing {
      const key = keyOf(thing.metadata.namespace, thing.metadata.name)
      const before = of(resource).get(key)
      if (before === undefined) throw new Error(`${resource.kind} ${key} is not there`)
      version += 1
      const isOther = JSON.stringify(before.spec) !== JSON.stringify(thing.spec)
      const made: Thing = { ...thing, metadata: { ...thing.metadata, uid: before.metadata.uid, creationTimestamp: before.metadata.creationTimestamp, resourceVersion: String(version), ...(before.metadata.generation === undefined ? {} : { generation: before.metadata.generation + (isOther ? 1 : 0) }) } }
      of(resource).set(key, made)
      tell('MODIFIED', resource, made)
      return made
    },
    remove(resource: Resource, thing: Thing): void {
      if (!of(resource).delete(keyOf(thing.metadata.namespace, thing.metadata.name))) return
      version += 1
      tell('DELETED', resource, { ...thing, metadata: { ...thing.metadata, resourceVersion: String(version) } })
    },
    /** All that changed after a version; null: that is too long ago. */
    since: (at: number): readonly Change[] | null => (at < oldest ? null : history.filter((change) => change.version > at)),
    /** What was is forgotten: watches from before begin anew. */
    compact() { history.length = 0; oldest = version },
    listen(listener: (change: Change) => void): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
export type Store = ReturnType<typeof createStore>
