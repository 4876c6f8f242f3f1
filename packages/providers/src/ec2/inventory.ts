/** What is there of one owner, or of all. */
import { ProviderFault, type Inventory, type Leftover, type Machine, type Owner } from '@berth/core'
import { isOfImage } from '../made-images.ts'
import { createdAtIn, ownerIn } from '../owner-labels.ts'
import type { Api } from './client.ts'
import type { Deps } from './deps.ts'
import { ENDED, filtersFor, filtersForAll, foundOf, instanceIn, isOf, machineOf, volumeIn, type Found, type Instance, type Volume } from './machine.ts'
import type { Parameters } from './signed.ts'
import { itemsOf, textOf, type Element } from './xml.ts'

interface Listed { readonly instances: Inventory<Instance>; readonly volumes: Inventory<Volume> }

async function listed(api: Api, Filter: readonly Parameters[], signal: AbortSignal): Promise<Listed> {
  const [reservations, volumes] = await Promise.all([
    api.list('DescribeInstances', { set: 'reservationSet', parameters: { Filter }, what: 'listing instances' }, signal),
    api.list('DescribeVolumes', { set: 'volumeSet', parameters: { Filter }, what: 'listing volumes' }, signal),
  ])
  return { instances: { ...reservations, items: reservations.items.flatMap((item) => itemsOf(item, 'instancesSet').map(instanceIn)).filter(({ tags }) => !isOfImage(tags)) }, volumes: { ...volumes, items: volumes.items.map(volumeIn).filter(({ tags }) => !isOfImage(tags)) } }
}

/** Of one owner: by its tags it is found, and ours. */
export async function find(api: Api, owner: Owner, signal: AbortSignal): Promise<Found> {
  const { instances, volumes } = await listed(api, filtersFor(owner), signal)
  if (!instances.complete || !volumes.complete) throw new ProviderFault('transient', 'Amazon EC2 gave only a part of a list', { hint: 'it is tried again' })
  return foundOf(instances.items.filter((each) => isOf(each, owner)), volumes.items.filter((each) => isOf(each, owner)))
}

export async function inventory(api: Api, installation: string, signal: AbortSignal): Promise<Inventory<Machine>> {
  const { instances, volumes } = await listed(api, filtersForAll(installation), signal)
  const found = new Map<string, { owner: Machine['owner']; instances: Instance[]; volumes: Volume[] }>()
  const of = (thing: Instance | Volume) => {
    const owner = ownerIn(thing.tags)
    const key = typeof owner === 'object' ? `${owner.workspaceId}/${owner.generation}` : thing.id
    const at = found.get(key) ?? { owner, instances: [], volumes: [] }
    found.set(key, at)
    return at
  }
  for (const instance of instances.items) if (instance.state !== ENDED) of(instance).instances.push(instance)
  for (const volume of volumes.items) of(volume).volumes.push(volume)
  const machines = [...found.values()].map(({ owner, ...at }) => machineOf(owner, foundOf(at.instances, at.volumes))).filter(({ observed }) => observed.state !== 'absent')
  return { items: machines, complete: instances.complete && volumes.complete, missing: [...instances.missing, ...volumes.missing] }
}

interface Interface { readonly id: string; readonly owner: Leftover['owner']; readonly createdAt: number; readonly free: boolean }
const interfaceIn = (element: Element): Interface => {
  const tags = Object.fromEntries(itemsOf(element, 'tagSet').map((tag) => [textOf(tag, 'key'), textOf(tag, 'value')]))
  return { id: textOf(element, 'networkInterfaceId'), owner: ownerIn(tags), createdAt: createdAtIn(tags), free: textOf(element, 'status') === 'available' }
}

/** Roots and network interfaces that nothing uses: they go with their instance, unless somebody changed that by hand. */
export async function leftoversOf(api: Api, installation: string, signal: AbortSignal): Promise<Inventory<Leftover>> {
  const Filter = filtersForAll(installation)
  const { instances, volumes } = await listed(api, Filter, signal)
  const interfaces = await api.list('DescribeNetworkInterfaces', { set: 'networkInterfaceSet', parameters: { Filter }, what: 'listing network interfaces' }, signal)
  const items = [
    ...volumes.items.flatMap(({ id, tags, createdAt, state, isDisk }): Leftover[] => (state === 'available' && !isDisk ? [{ kind: 'volume', name: id, owner: ownerIn(tags), createdAt: createdAtIn(tags) || createdAt }] : [])),
    ...interfaces.items.map(interfaceIn).flatMap(({ id, owner, createdAt, free }): Leftover[] => (free ? [{ kind: 'network interface', name: id, owner, createdAt }] : [])),
  ]
  return { items, complete: instances.complete && volumes.complete && interfaces.complete, missing: [...instances.missing, ...volumes.missing, ...interfaces.missing] }
}

/** Of one owner, free to be removed. */
export async function interfacesOf(api: Api, owner: Owner, signal: AbortSignal): Promise<readonly string[]> {
  const { items } = await api.list('DescribeNetworkInterfaces', { set: 'networkInterfaceSet', parameters: { Filter: filtersFor(owner) }, what: 'listing network interfaces' }, signal)
  return items.map(interfaceIn).filter(({ free }) => free).map(({ id }) => id)
}

const KIND = {
  instance: { look: 'DescribeInstances', ids: 'InstanceId', set: 'reservationSet', remove: 'TerminateInstances' },
  volume: { look: 'DescribeVolumes', ids: 'VolumeId', set: 'volumeSet', remove: 'DeleteVolume' },
  'network interface': { look: 'DescribeNetworkInterfaces', ids: 'NetworkInterfaceId', set: 'networkInterfaceSet', remove: 'DeleteNetworkInterface' },
} as const
export type Kind = keyof typeof KIND
export const isKind = (kind: string): kind is Kind => Object.hasOwn(KIND, kind)

/** Reads once more whose it is, right before. Gone is done. */
export async function remove({ api }: Pick<Deps, 'api'>, { kind, id, owner }: { kind: Kind; id: string; owner: Owner }, signal: AbortSignal): Promise<void> {
  const { look, ids, set, remove: action } = KIND[kind]
  try {
    const answer = await api.call(look, { parameters: { [ids]: [id] }, what: `looking at the ${kind}` }, signal)
    const [thing] = kind === 'instance' ? itemsOf(answer, set).flatMap((item) => itemsOf(item, 'instancesSet')) : itemsOf(answer, set)
    if (thing === undefined) return
    const tags = Object.fromEntries(itemsOf(thing, 'tagSet').map((tag) => [textOf(tag, 'key'), textOf(tag, 'value')]))
    if (!isOf({ tags }, owner)) throw new ProviderFault('conflict', `the ${kind} ${id} belongs to somebody else`, { hint: 'look at it in the console of Amazon' })
    await api.call(action, { parameters: { [ids]: kind === 'instance' ? [id] : id }, what: `giving the ${kind} back` }, signal)
  } catch (error) {
    if (error instanceof ProviderFault && error.category === 'not_found') return
    throw error
  }
}
