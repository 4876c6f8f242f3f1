/** Faults of ours, put in on purpose: each must be found by the lives, else they prove nothing. */
import { ProviderFault, type Provider } from '@berth/core'
import type { TickWorld } from '@berth/testkit'
import type { Fetch, Mutation } from './vendor.ts'

/** `seed`: a life that found it once, to begin with. */
type Mutant = Mutation & { readonly seed: number; readonly world?: (world: TickWorld<Provider>) => void }
type Json = Record<string, unknown>

/** Changes what the vendor is asked, or what it answers. */
const asked = (change: (body: Json, request: Request) => Json) => (fetch: Fetch): Fetch => async (request) => {
  if (request.method !== 'POST') return fetch(request)
  const text = await request.clone().text()
  return text === '' ? fetch(request) : fetch(new Request(request, { method: 'POST', body: JSON.stringify(change(JSON.parse(text) as Json, request)) }))
}
const answered = (change: (body: Json, request: Request) => Json) => (fetch: Fetch): Fetch => async (request) => {
  const answer = await fetch(request)
  if (!answer.ok || answer.status === 204) return answer
  const text = await answer.text()
  try {
    return Response.json(change(JSON.parse(text) as Json, request), { status: answer.status, headers: { 'content-type': 'application/json' } })
  } catch {
    return new Response(text, { status: answer.status })
  }
}
const MINE = /berth-01234567-(ws)-([a-z0-9]+)-g(\d+)/
const isList = (request: Request): boolean => request.method === 'GET' && new URL(request.url).searchParams.has('page')

export const MUTANTS: Readonly<Record<string, Mutant>> = {
  'the owner is written late: nothing that is bought has labels': { seed: 5, fetch: asked((body, { url }) => (/\/(servers|volumes)$/.test(new URL(url).pathname) ? { ...body, labels: {} } : body)) },
  'ownership is not checked: what has a workspace\'s label is ours': { seed: 1,
    fetch: answered((body) => JSON.parse(JSON.stringify(body).replaceAll('f'.repeat(32), '0123456789abcdef0123456789abcdef')) as Json),
    provider: (provider) => ({ ...provider, list: (_, signal) => provider.list('f'.repeat(32), signal), leftovers: (_, signal) => provider.leftovers('f'.repeat(32), signal).then((found) => ({ ...found, items: found.items.map((item) => ({ ...item, owner: typeof item.owner === 'object' ? { ...item.owner, installation: '0123456789abcdef0123456789abcdef' } : item.owner })) })) }),
  },
  'an empty page is believed: a list that lags says that nothing is there': { seed: 97,
    fetch: answered((body, request) => {
      const name = new URL(request.url).searchParams.get('name')
      if (!isList(request) || name === null || !MINE.test(name) || Math.floor(count += 1) % 3 !== 0) return body
      return { ...body, ...Object.fromEntries(Object.entries(body).filter(([, value]) => Array.isArray(value)).map(([key]) => [key, []])), meta: { pagination: { page: 1, per_page: 50, previous_page: null, next_page: null, last_page: 1, total_entries: 0 } } }
    }),
  },
  'tried again without looking: each try buys under a name of its own': { seed: 8, fetch: asked((body, { url }) => (new URL(url).pathname.endsWith('/servers') ? { ...body, name: `${String(body['name'])}-t${count += 1}` } : body)) },
  'a lost answer is taken for a no': { seed: 22,
    provider: (provider) => ({ ...provider, destroy: (owner, context) => provider.destroy(owner, context).catch((error: unknown) => {
      if (error instanceof ProviderFault && error.category === 'transient') return { done: true as const, value: null }
      throw error
    }), observe: (owner, signal) => provider.observe(owner, signal).then((machine) => (machine.observed.state === 'stopped' ? { ...machine, observed: { state: 'absent' as const } } : machine)) }),
  },
  'switched off is taken for given back': { seed: 22,
    provider: (provider) => ({
      ...provider,
      observe: (owner, signal) => provider.observe(owner, signal).then((machine) => (machine.observed.state === 'stopped' ? { ...machine, observed: { state: 'stopped' as const, exitCode: null, detail: null } } : machine)),
      stop: (owner, context) => provider.stop(owner, context).then((step) => (step.done ? step : { done: true as const, value: { state: 'stopped' as const, exitCode: null, detail: null } })),
    }),
  },
  'the disk is forgotten: a delete gives only the server back': { seed: 5, fetch: (fetch) => async (request) => (request.method === 'DELETE' && request.url.includes('/volumes/') ? new Response(null, { status: 204 }) : fetch(request)), provider: (provider) => ({ ...provider, observe: (owner, signal) => provider.observe(owner, signal).then((machine) => (machine.ref['server'] === undefined ? { ...machine, observed: { state: 'absent' as const } } : machine)) }) },
  'a stop takes the disk with it': { seed: 8,
    provider: (provider) => ({ ...provider, stop: async (owner, context) => {
      for (let tries = 0; tries < 3; tries += 1) if ((await provider.destroy(owner, context)).done) break
      return { done: true as const, value: { state: 'stopped' as const, exitCode: null, detail: null } }
    } }),
  },
  'the reaper asks nobody: what it sees is not claimed': { seed: 88, world: (world) => { Object.assign(world.store.installation, { machines: async () => [] }) } },
}
let count = 0
