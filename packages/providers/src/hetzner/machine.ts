/** What stands at the vendor for one machine: a server while it runs, and a volume that outlives it. */
import type { Machine, MachineRef, Observed, Owner } from '@berth/core'
import type { Prices } from './prices.ts'
import { quoteOfBought, type BoughtServer, type BoughtVolume } from './sizes.ts'
import { createdAtIn, labelsOf, machineName, ownerIn, sameOwner, type Labels } from '../owner-labels.ts'

export interface Server extends BoughtServer { readonly id: number; readonly name: string; readonly status: string; readonly created: string; readonly labels: Labels; readonly locked: boolean }
export interface Volume extends BoughtVolume { readonly id: number; readonly name: string; readonly status: string; readonly created: string; readonly labels: Labels; readonly server: number | null; readonly location: { readonly name: string }; readonly linux_device: string }

/** As a host name: letters, digits and dashes. */
export const nameOf = (owner: Owner): string => machineName(owner).replaceAll('_', '-').toLowerCase()
export const SELECTOR = (installation: string): string => `dev.berth.installation==${installation}`
export const labelsFor = labelsOf
export const diskMount = (volume: number): string => `/mnt/HC_Volume_${volume}`

export function refOf({ server, volume }: { server: Server | null; volume: Volume | null }): MachineRef {
  return { ...(server === null ? {} : { server: server.id }), ...(volume === null ? {} : { volume: volume.id }) }
}

/** By the name it is found, by the labels it is ours. */
export function ownerOf(thing: { readonly name: string; readonly labels: Labels }, owner: Owner): Owner | 'foreign' | 'ambiguous' {
  const its = ownerIn(thing.labels)
  return typeof its === 'object' && !sameOwner(its, owner) ? 'foreign' : its
}

export function observedOf({ server, volume }: { server: Server | null; volume: Volume | null }): Observed {
  if (server === null) return volume === null ? { state: 'absent' } : { state: 'stopped', exitCode: null, detail: null }
  switch (server.status) {
    case 'initializing': return { state: 'creating' }
    case 'starting': return { state: 'starting' }
    case 'running': return { state: 'running', startedAt: Date.parse(server.created) || null }
    case 'stopping': case 'deleting': return { state: 'stopping' }
    case 'off': return { state: 'stopped', exitCode: null, detail: 'it is switched off', charged: true }
    default: return { state: 'unknown', raw: server.status }
  }
}

export function machineOf(owner: Machine['owner'], at: { server: Server | null; volume: Volume | null }, prices: Prices): Machine {
  const created = [at.server, at.volume].flatMap((each) => (each === null ? [] : [createdAtIn(each.labels) || Date.parse(each.created) || 0]))
  const quote = quoteOfBought(at, prices)
  return { ref: refOf(at), owner, observed: observedOf(at), createdAt: created.length === 0 ? 0 : Math.min(...created), isolation: at.server === null ? null : 'vm', ...(quote === undefined ? {} : { quote }) }
}
