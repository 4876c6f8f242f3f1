/**
 * What stands at the vendor for one machine: an instance with its own root, and a disk that outlives it. Names are not
 * unique there; tags, which each thing is bought with, say whose it is.
 */
import type { Machine, MachineRef, Observed, Owner } from '@berth/core'
import { createdAtIn, labelsOf, machineName, OWNER_LABEL, ownerIn, sameOwner, type Labels } from '../owner-labels.ts'
import { itemsOf, textOf, type Element } from './xml.ts'
import type { Parameters } from './signed.ts'

export interface Instance { readonly id: string; readonly state: string; readonly type: string; readonly zone: string; readonly launchedAt: number; readonly tags: Labels; /** Volume by device. */ readonly disks: Readonly<Record<string, string>>; readonly reason: string }
export interface Volume { readonly id: string; readonly state: string; readonly zone: string; readonly createdAt: number; readonly tags: Labels; /** Of an instance; null: none. */ readonly attachedTo: string | null; /** It began empty: it is no root. */ readonly isDisk: boolean }
export interface Found { /** Oldest first; none of them has ended. */ readonly instances: readonly Instance[]; readonly ended: readonly Instance[]; readonly volumes: readonly Volume[] }

/** Where the disk is plugged in. */
export const DISK_DEVICE = '/dev/sdf'
export const ENDED = 'terminated'
export const LEAVING = 'shutting-down'

export const tagsIn = (element: Element): Record<string, string> => Object.fromEntries(itemsOf(element, 'tagSet').map((item) => [textOf(item, 'key'), textOf(item, 'value')]))
export const instanceIn = (element: Element): Instance => ({
  id: textOf(element, 'instanceId'), state: textOf(element, 'instanceState', 'name'), type: textOf(element, 'instanceType'), zone: textOf(element, 'placement', 'availabilityZone'), launchedAt: Date.parse(textOf(element, 'launchTime')) || 0, tags: tagsIn(element),
  disks: Object.fromEntries(itemsOf(element, 'blockDeviceMapping').map((item) => [textOf(item, 'deviceName'), textOf(item, 'ebs', 'volumeId')])), reason: textOf(element, 'stateReason', 'message') || textOf(element, 'reason'),
})
export const volumeIn = (element: Element): Volume => ({
  id: textOf(element, 'volumeId'), state: textOf(element, 'status'), zone: textOf(element, 'availabilityZone'), createdAt: Date.parse(textOf(element, 'createTime')) || 0, tags: tagsIn(element),
  attachedTo: itemsOf(element, 'attachmentSet').map((item) => textOf(item, 'instanceId')).find((id) => id !== '') ?? null, isDisk: textOf(element, 'snapshotId') === '',
})

/** As tags for what is bought; `Name` is what their console shows. */
export const tagListOf = (owner: Owner, now: number): Parameters[] => Object.entries({ Name: machineName(owner), ...labelsOf(owner, now) }).map(([Key, Value]) => ({ Key, Value }))
export const filtersFor = (owner: Owner): Parameters[] => [...filtersForAll(owner.installation), { Name: `tag:${OWNER_LABEL.workspace}`, Value: [owner.workspaceId] }, { Name: `tag:${OWNER_LABEL.generation}`, Value: [String(owner.generation)] }]
export const filtersForAll = (installation: string): Parameters[] => [{ Name: `tag:${OWNER_LABEL.installation}`, Value: [installation] }]

export const isOf = (thing: { readonly tags: Labels }, owner: Owner): boolean => sameOwner(ownerIn(thing.tags), owner)

/** The oldest of each counts: a second one can only come of a purchase whose answer was lost. */
export function foundOf(instances: readonly Instance[], volumes: readonly Volume[]): Found {
  const age = (thing: { readonly tags: Labels; readonly id: string }): string => `${String(createdAtIn(thing.tags)).padStart(16, '0')} ${thing.id}`
  const byAge = <T extends { readonly tags: Labels; readonly id: string }>(all: readonly T[]): T[] => [...all].sort((a, b) => (age(a) < age(b) ? -1 : 1))
  return { instances: byAge(instances.filter(({ state }) => state !== ENDED)), ended: byAge(instances.filter(({ state }) => state === ENDED)), volumes: byAge(volumes.filter(({ state }) => state !== 'deleting' && state !== 'deleted')) }
}
export const diskOf = ({ volumes }: Found): Volume | null => volumes.find(({ isDisk }) => isDisk) ?? null
/** In use by an instance that lists do not have yet. */
export const isAhead = (found: Found): boolean => found.instances.length === 0 && found.volumes.some(({ state, attachedTo }) => (state === 'in-use' || state === 'creating') && !found.ended.some(({ id }) => id === attachedTo))

export function observedOf(found: Found): Observed {
  const [instance] = found.instances
  if (instance === undefined) {
    if (isAhead(found)) return { state: 'starting' }
    if (found.volumes.length === 0) return { state: 'absent' }
    return { state: 'stopped', exitCode: null, detail: diskOf(found) === null ? null : 'its instance ended; its disk is kept' }
  }
  switch (instance.state) {
    case 'pending': return { state: 'starting' }
    case 'running': return { state: 'running', startedAt: instance.launchedAt || null }
    case 'stopping': case LEAVING: return { state: 'stopping' }
    case 'stopped': return { state: 'stopped', exitCode: null, detail: null }
    default: return { state: 'unknown', raw: instance.state }
  }
}

export function refOf(found: Found): MachineRef {
  const [instance] = found.instances
  const disk = diskOf(found)
  return { ...(instance === undefined ? {} : { instance: instance.id }), ...(disk === null ? {} : { volume: disk.id }) }
}

export function machineOf(owner: Machine['owner'], found: Found): Machine {
  const created = [...found.instances.map(({ tags, launchedAt }) => createdAtIn(tags) || launchedAt), ...found.volumes.map(({ tags, createdAt }) => createdAtIn(tags) || createdAt)]
  return { ref: refOf(found), owner, observed: observedOf(found), createdAt: created.length === 0 ? 0 : Math.min(...created), isolation: found.instances.length === 0 ? null : 'vm' }
}
