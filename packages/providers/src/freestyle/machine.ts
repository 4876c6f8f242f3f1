/**
 * What stands at Freestyle for one machine: a VM with its own disk. Its slug, which is the owner's name, finds it; its
 * metadata prove whose it is, and say that its daemon was started in the run that goes on.
 */
import type { Machine, Observed, Owner } from '@berth/core'
import { machineName, ownerIn, sameOwner } from '../owner-labels.ts'
import { quoteFor, type Resources } from './sizes.ts'

export interface Vm { readonly id: string; readonly state: string; readonly slug?: string | null; readonly resources: Resources; readonly metadata: Readonly<Record<string, string>>; readonly createdAt: string; readonly autoDeleteSeconds?: number | null; readonly autoDeleteFromPlan?: boolean }

/** In a VM's metadata: there as long as the daemon is started with each boot of it. */
export const BEGUN = 'dev.berth.begun'

export const slugOf = (owner: Owner): string => machineName(owner).replaceAll('_', '-').toLowerCase()

/** `foreign`: another owner's too, whatever its name is. */
export function ownerOf({ metadata }: Vm, wanted: Owner): Machine['owner'] {
  const its = ownerIn(metadata)
  return typeof its === 'object' && !sameOwner(its, wanted) ? 'foreign' : its
}

export function observedOf(vm: Vm | null): Observed {
  switch (vm?.state) {
    case undefined: return { state: 'absent' }
    case 'starting': return { state: 'starting' }
    // Its daemon is not started yet, or a machine that somebody else switched on.
    case 'running': return vm?.metadata[BEGUN] === undefined ? { state: 'starting' } : { state: 'running', startedAt: null }
    case 'pausing': return { state: 'stopping' }
    case 'paused': return { state: 'stopped', exitCode: null, detail: 'it is paused, with its memory' }
    case 'stopped': return { state: 'stopped', exitCode: null, detail: null }
    default: return { state: 'unknown', raw: vm?.state ?? '' }
  }
}

export function machineOf(owner: Machine['owner'], vm: Vm | null): Machine {
  if (vm === null) return { ref: {}, owner, observed: observedOf(null), createdAt: 0, isolation: null }
  return { ref: { vm: vm.id }, owner, observed: observedOf(vm), createdAt: Date.parse(vm.createdAt) || 0, isolation: 'vm', quote: quoteFor(vm.resources) }
}
