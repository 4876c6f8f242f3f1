/** All that is there of an installation, by its labels: machines, and what is left over of them. */
import { ProviderFault, type Inventory, type Leftover, type Machine } from '@berth/core'
import { createdAtIn, OWNER_LABEL, ownerIn } from '../owner-labels.ts'
import { LISTED, type ClusterView } from './cluster.ts'
import { machineOf, nameOf, type Found, type Pod, type Thing, type Workload } from './machine.ts'

type ListedKind = (typeof LISTED)[number]
interface Entry { readonly kind: ListedKind; readonly thing: Thing }

async function everything(cluster: ClusterView, installation: string, signal: AbortSignal): Promise<Inventory<Entry>> {
  const served = await cluster.workloads(signal)
  const kinds = LISTED.filter((kind) => (kind !== 'statefulset' && kind !== 'sandbox') || served.includes(kind))
  const lists = await Promise.all(kinds.map(async (kind) => ({ kind, list: await cluster.api.list<Thing>(cluster.path(kind), { labelSelector: `${OWNER_LABEL.installation}=${installation}`, what: `listing ${kind}s` }, signal) })))
  return { items: lists.flatMap(({ kind, list }) => list.items.map((thing) => ({ kind, thing }))), complete: lists.every(({ list }) => list.complete), missing: lists.flatMap(({ list }) => list.missing) }
}

const KEY = { claim: 'claim', pod: 'pod', statefulset: 'workload', sandbox: 'workload' } as const

export async function machinesOf(cluster: ClusterView, installation: string, signal: AbortSignal): Promise<Inventory<Machine>> {
  const { items, ...whole } = await everything(cluster, installation, signal)
  const found = new Map<string, { owner: Machine['owner']; at: Found }>()
  for (const { kind, thing } of items) {
    const owner = ownerIn(thing.metadata.labels)
    // What is named otherwise is no machine: see leftovers.
    if (kind === 'policy' || (typeof owner === 'object' && !isNamed(kind, thing, nameOf(owner)))) continue
    const key = typeof owner === 'object' ? `${owner.workspaceId}/${owner.generation}` : `${kind} ${thing.metadata.name}`
    const known = found.get(key)?.at ?? { claim: null, workload: null, pod: null }
    // Each list has one kind.
    found.set(key, { owner, at: { ...known, [KEY[kind]]: thing as Workload & Pod } })
  }
  return { items: [...found.values()].map(({ owner, at }) => machineOf(owner, at)), ...whole }
}

const isNamed = (kind: ListedKind, { metadata }: Thing, name: string): boolean => metadata.name === name || (kind === 'pod' && metadata.name === `${name}-0`)

/** With our labels and another name: made by a hand that copied them. Walls without a machine: made by us, in vain. */
export async function leftoversOf(cluster: ClusterView, installation: string, signal: AbortSignal): Promise<Inventory<Leftover>> {
  const { items, ...whole } = await everything(cluster, installation, signal)
  const machines = new Set(items.filter(({ kind }) => kind !== 'policy').map(({ thing }) => thing.metadata.name))
  const left = items.flatMap(({ kind, thing }): Leftover[] => {
    const owner = ownerIn(thing.metadata.labels)
    if (typeof owner !== 'object') return []
    const isLeft = !isNamed(kind, thing, nameOf(owner)) || (kind === 'policy' && !machines.has(nameOf(owner)))
    return isLeft ? [{ kind, name: thing.metadata.name, owner, createdAt: createdAtIn(thing.metadata.labels) || Date.parse(thing.metadata.creationTimestamp) || 0 }] : []
  })
  return { items: left, ...whole }
}

export async function removeLeftover(cluster: ClusterView, installation: string, { kind, name, owner }: Leftover, signal: AbortSignal): Promise<void> {
  const refused = (): ProviderFault => new ProviderFault('conflict', `the ${kind} ${name} is not this installation's`, { hint: 'look into it and remove it by hand' })
  if (typeof owner !== 'object' || owner.installation !== installation) throw refused()
  const known = LISTED.find((each) => each === kind)
  if (known === undefined) throw new ProviderFault('invalid', `kubernetes knows no ${kind}`)
  const { items, complete } = await cluster.api.list<Thing>(cluster.path(known), { labelSelector: `${OWNER_LABEL.installation}=${installation}`, fieldSelector: `metadata.name=${name}`, what: `looking at the ${kind}` }, signal)
  const thing = items.find(({ metadata }) => metadata.name === name)
  if (thing === undefined) {
    if (!complete) throw new ProviderFault('transient', 'the cluster gave only a part of a list', { hint: 'it is tried again' })
    return
  }
  const its = ownerIn(thing.metadata.labels)
  if (typeof its !== 'object' || its.installation !== installation) throw refused()
  await cluster.remove(known, thing, signal)
}
