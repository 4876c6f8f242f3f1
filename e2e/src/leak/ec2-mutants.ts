/** Faults of ours as they would be with Amazon EC2, put in on purpose. `seed`: a life that found it once, to begin with. */
import type { Mutation } from './vendor.ts'

const OTHERS = 'f'.repeat(32)
let count = 0

export const EC2_MUTANTS: Readonly<Record<string, Mutation & { readonly seed: number }>> = {
  'the end without a server is not set': { seed: 1, endAfterHours: 1_000_000 },
  'ownership is not checked: what has a workspace\'s tag goes with it': { seed: 1, provider: (provider) => ({ ...provider, destroy: (owner, context) => provider.destroy(owner, context).then((step) => (step.done ? provider.destroy({ ...owner, installation: OTHERS }, context) : step)) }) },
  'the disk is forgotten: a delete gives only the instance back': { seed: 4,
    fetch: (fetch) => async (request) => (/Action=DeleteVolume/.test(await request.clone().text()) ? new Response('<DeleteVolumeResponse/>') : fetch(request)),
    provider: (provider) => ({ ...provider, observe: (owner, signal) => provider.observe(owner, signal).then((machine) => (machine.ref['instance'] === undefined ? { ...machine, observed: { state: 'absent' as const } } : machine)) }),
  },
  'a stop is believed before it was asked for': { seed: 9, provider: (provider) => ({ ...provider, stop: (owner, context) => provider.stop(owner, context).then((step) => (step.done ? step : { done: true as const, value: { state: 'stopped' as const, exitCode: null, detail: null } })), observe: (owner, signal) => provider.observe(owner, signal).then((machine) => (machine.observed.state === 'running' && (count += 1) % 2 === 0 ? { ...machine, observed: { state: 'stopped' as const, exitCode: null, detail: null } } : machine)) }) },
}
