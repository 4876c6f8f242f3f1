/** Faults of ours as they would be with Freestyle, put in on purpose. `seed`: a life that found it once, to begin with. */
import type { Mutation } from './vendor.ts'

const STOPPED = { state: 'stopped', exitCode: null, detail: null } as const

export const FREESTYLE_MUTANTS: Readonly<Record<string, Mutation & { readonly seed: number }>> = {
  'the end without a server is not set': { seed: 1, endAfterHours: 1_000_000 },
  'owner marks are written late: a machine is made without them': {
    seed: 1,
    fetch: (fetch) => async (request) => {
      if (request.method !== 'POST' || !request.url.endsWith('/v5/vms')) return fetch(request)
      const { metadata: _, ...body } = await request.clone().json() as { metadata: unknown }
      return fetch(new Request(request.url, { method: 'POST', headers: request.headers, body: JSON.stringify(body) }))
    },
  },
  'a stop is believed before it was asked for': {
    seed: 1,
    provider: (provider) => ({ ...provider, stop: async () => ({ done: true, value: STOPPED }), observe: async (owner, signal) => {
      const machine = await provider.observe(owner, signal)
      return machine.observed.state === 'running' && machine.createdAt % 2 === 0 ? { ...machine, observed: STOPPED } : machine
    } }),
  },
  'a delete is believed, whatever its answer was': {
    seed: 62,
    provider(provider) {
      const deleted = new Set<string>()
      return {
        ...provider, list: async () => ({ items: [], complete: true, missing: [] }),
        destroy: (owner, context) => provider.destroy(owner, context).catch(() => null).then(() => {
          deleted.add(owner.workspaceId)
          return { done: true, value: null }
        }),
        observe: async (owner, signal) => (deleted.has(owner.workspaceId) ? { ref: {}, owner, observed: { state: 'absent' }, createdAt: 0, isolation: null } : provider.observe(owner, signal)),
      }
    },
  },
  'a look asks the guest, and wakes what is stopped': {
    seed: 97,
    fetch: (fetch) => async (request) => {
      const isLook = request.method === 'GET' && /\/v5\/vms\/berth-/.test(request.url)
      const answer = await fetch(request)
      if (isLook && answer.ok) await fetch(new Request(`${request.url}/exec-await`, { method: 'POST', headers: request.headers, body: JSON.stringify({ command: 'true' }) })).catch(() => {})
      return answer
    },
  },
}
