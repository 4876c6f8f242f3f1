/** The Freestyle API (/v5), one HTTP call at a time: the types of the npm package `freestyle`. Each refusal becomes a ProviderFault that says whether the change may have happened all the same. */
import { ProviderFault, type FaultCategory, type Inventory } from '@berth/core'
import { askVendor, committedBy, jsonRequest, type Doing, type JsonCall, type Meaning, type Vendor } from '../vendor-call.ts'
import type { Vm } from './machine.ts'

export interface Api {
  call<T>(path: string, call: JsonCall<'GET' | 'POST' | 'PATCH' | 'DELETE'>, signal: AbortSignal): Promise<T>
  /** All pages. Not complete: the vendor's pages do not add up. */
  list(metadata: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Inventory<Vm>>
}

export const ENDPOINT = 'https://api.freestyle.sh'
const PER_PAGE = 100
const PAGES_AT_MOST = 400
const TEXT_SHOWN = 300

/** `key`: read anew for each call, so that it can be replaced. Throws a ProviderFault where there is none. */
export function createApi({ endpoint, key, fetch = globalThis.fetch }: { endpoint: string; key: () => string; fetch?: (request: Request) => Promise<Response> }): Api {
  const call: Api['call'] = <T>(path: string, asked: JsonCall<'GET' | 'POST' | 'PATCH' | 'DELETE'>, signal: AbortSignal): Promise<T> => askVendor(VENDOR, {
    what: asked.what, committed: committedBy(asked.method),
    send: (options) => fetch(jsonRequest(`${endpoint}/v5${path}`, asked, { ...options, headers: { authorization: `Bearer ${key()}` } })),
    // The caller knows the operation it asked for.
    read: (text) => (text === '' ? null : JSON.parse(text)) as T,
  }, signal)
  return {
    call,
    async list(metadata, signal) {
      const what = 'listing machines'
      const seen = new Map<string, Vm>()
      const partly = (why: string): Inventory<Vm> => ({ items: [...seen.values()], complete: false, missing: [`${what}: ${why}`] })
      const filter = Object.entries(metadata).map(([name, value]) => `${name}:${value}`).join(',')
      for (let page = 0, offset = 0; page < PAGES_AT_MOST; page += 1) {
        const { vms, totalCount: total } = await call<{ vms?: readonly Vm[]; totalCount?: number }>('/vms', { query: { ...(filter === '' ? {} : { metadata: filter }), limit: String(PER_PAGE), offset: String(offset) }, what }, signal)
        if (!Array.isArray(vms) || typeof total !== 'number') return partly('not as described')
        const before = seen.size
        for (const vm of vms as readonly Vm[]) seen.set(vm.id, vm)
        if (seen.size >= total) return { items: [...seen.values()], complete: true, missing: [] }
        // A page of nothing new is the same page again, or the end of a list that says it is longer.
        if (seen.size === before) return partly(`${seen.size} of ${total}`)
        offset += vms.length
      }
      return partly('its pages have no end')
    },
  }
}

const KEY: Meaning = { category: 'auth', hint: 'the API key is not (or no longer) good: make one at dash.freestyle.sh and run `berth provider setup freestyle --token-file <path>`' }
const PASSES = 'see dash.freestyle.sh, and whether they have trouble'
const BY_STATUS: Readonly<Record<number, Meaning>> = {
  400: { category: 'invalid', hint: 'see `berth provider check freestyle`' }, 401: KEY, 403: KEY,
  402: { category: 'quota', hint: 'a limit of the plan is reached: delete something, or take a larger plan' },
  404: { category: 'not_found', hint: 'it was removed meanwhile; try again' },
  409: { category: 'conflict', hint: 'something of this name is there already, or something goes on with it' },
  429: { category: 'rate', hint: 'too many calls for this moment; it goes on by itself' },
}

const VENDOR: Vendor = { name: 'Freestyle', trouble: PASSES, refusal }

function refusal({ status, headers }: Response, text: string, { what, committed }: Doing): ProviderFault {
  const { code, message } = errorIn(text)
  const category: FaultCategory = BY_STATUS[status]?.category ?? (status >= 500 || status === 408 ? 'transient' : 'unknown')
  const wait = Number(headers.get('retry-after') ?? Number.NaN)
  return new ProviderFault(category, `${what}: ${message || `status ${status}`}${code === '' ? '' : ` (${code})`}`, { committed: status >= 500 || status === 408 ? committed : 'no', hint: BY_STATUS[status]?.hint ?? PASSES, ...(category === 'rate' && wait > 0 ? { retryAfterMs: wait * 1000 } : {}) })
}

function errorIn(text: string): { code: string; message: string } {
  try {
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown }
    return { code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message.slice(0, TEXT_SHOWN) : '' }
  } catch {
    return { code: '', message: '' }
  }
}
