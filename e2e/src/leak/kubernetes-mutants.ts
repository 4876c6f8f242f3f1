/** Faults of ours with a cluster, put in on purpose: each must be found by the lives, else they prove nothing. */
import { ProviderFault, type Machine } from '@berth/core'
import type { Fetch, Mutation } from './vendor.ts'

type Json = Record<string, unknown>
/** `seed`: a life that found it once, to begin with. */
type Mutant = Mutation & { readonly seed: number }

const changed = (change: (body: Json) => Json) => (fetch: Fetch): Fetch => async (request) => {
  if (request.method !== 'POST' || request.url.includes('authorization.k8s.io')) return fetch(request)
  return fetch(new Request(request, { method: 'POST', body: JSON.stringify(change((await request.clone().json()) as Json)) }))
}
/** The answer to a delete that was never made. */
const neverDeleted = (plural: string) => (fetch: Fetch): Fetch => async (request) => (request.method === 'DELETE' && request.url.includes(`/${plural}/`) ? Response.json({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' }) : fetch(request))
const seenAs = (machine: Machine, from: Machine['observed']['state'], observed: Machine['observed']): Machine => (machine.observed.state === from ? { ...machine, observed } : machine)
const STOPPED = { state: 'stopped', exitCode: null, detail: null } as const

export const KUBERNETES_MUTANTS: Readonly<Record<string, Mutant>> = {
  'the end without a server is not set': { seed: 1, endAfterHours: 1_000_000 },
  'the owner is written late: nothing that is made has labels': { seed: 1, fetch: changed((body) => ({ ...body, metadata: { ...body['metadata'] as Json, labels: {} } })) },
  'tried again without looking: each try makes a disk of its own': { seed: 1, fetch: changed((body) => (body['kind'] === 'PersistentVolumeClaim' ? { ...body, metadata: { ...body['metadata'] as Json, name: `${String((body['metadata'] as Json)['name'])}-t${count += 1}` } } : body)) },
  'the disk is forgotten: a delete takes only the pod': { seed: 1, fetch: neverDeleted('persistentvolumeclaims'), provider: (provider) => ({ ...provider, destroy: (owner, context) => provider.destroy(owner, context).then((step) => (step.done || step.detail !== 'the disk goes' ? step : { done: true as const, value: null })), observe: (owner, signal) => provider.observe(owner, signal).then((machine) => seenAs(machine, 'stopped', { state: 'absent' })) }) },
  'the boot file is left: what a stop says of it is not true': { seed: 1, fetch: neverDeleted('secrets') },
  'a lost answer is taken for a no': { seed: 1, provider: (provider) => ({ ...provider, destroy: (owner, context) => provider.destroy(owner, context).catch((error: unknown) => {
    if (error instanceof ProviderFault && error.category === 'transient') return { done: true as const, value: null }
    throw error
  }), observe: (owner, signal) => provider.observe(owner, signal).then((machine) => seenAs(machine, 'stopped', { state: 'absent' })) }) },
  'asked to stop is taken for stopped': { seed: 1, provider: (provider) => ({ ...provider, stop: async () => ({ done: true as const, value: STOPPED }), observe: (owner, signal) => provider.observe(owner, signal).then((machine) => seenAs(machine, 'running', STOPPED)) }) },
}
let count = 0
