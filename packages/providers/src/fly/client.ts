/** The Fly Machines API, one HTTP call at a time: https://fly.io/docs/machines/api. Each refusal becomes a ProviderFault that says whether the change may have happened all the same. */
import { ProviderFault, type Inventory } from '@berth/core'
import { askVendor, committedBy, jsonRequest, type Doing, type JsonCall, type Meaning, type Vendor } from '../vendor-call.ts'

export interface Api {
  call<T>(path: string, call: JsonCall, signal: AbortSignal): Promise<T>
  /** All pages of a list of the organization. Not complete: regions that did not answer, or pages without an end. */
  list<T extends { readonly id: string }>(path: string, list: { key: string; what: string }, signal: AbortSignal): Promise<Inventory<T>>
}

export const ENDPOINT = 'https://api.machines.dev/v1'
const PER_PAGE = 100
const PAGES_AT_MOST = 400
const TEXT_SHOWN = 300
/** Each action may be asked for once a second. */
const RATE_WAIT_MS = 1500

/** `token`: read anew for each call, so that it can be replaced. Throws a ProviderFault where there is none. */
export function createApi({ endpoint, token, fetch = globalThis.fetch }: { endpoint: string; token: () => string; fetch?: (request: Request) => Promise<Response> }): Api {
  const call: Api['call'] = <T>(path: string, asked: JsonCall, signal: AbortSignal): Promise<T> => askVendor(VENDOR, {
    what: asked.what, committed: committedBy(asked.method),
    send: (options) => fetch(jsonRequest(`${endpoint}${path}`, asked, { ...options, headers: { authorization: authorizationOf(token()) } })),
    // The caller knows the operation it asked for.
    read: (text) => (text === '' ? null : JSON.parse(text)) as T,
  }, signal)
  return {
    call,
    async list<T extends { readonly id: string }>(path: string, { key, what }: { key: string; what: string }, signal: AbortSignal) {
      const seen = new Map<string, T>()
      const missing: string[] = []
      let cursor: string | undefined
      for (let page = 0; page < PAGES_AT_MOST; page += 1) {
        const answer = await call<{ next_cursor?: string; error_regions?: readonly string[] } & Record<string, unknown>>(path, { query: { limit: String(PER_PAGE), ...(cursor === undefined ? {} : { cursor }) }, what }, signal)
        const items = answer[key]
        for (const region of answer.error_regions ?? []) missing.push(`${what}: ${region} did not answer`)
        if (!Array.isArray(items)) return { items: [...seen.values()], complete: false, missing: [...missing, `${what}: not as described`] }
        const before = seen.size
        for (const item of items as T[]) seen.set(item.id, item)
        cursor = answer.next_cursor
        if (cursor === undefined || cursor === '') return { items: [...seen.values()], complete: missing.length === 0, missing }
        // A page of nothing new is the same page again.
        if (seen.size === before) break
      }
      return { items: [...seen.values()], complete: false, missing: [...missing, `${what}: its pages have no end`] }
    },
  }
}

/** Their own tools write some tokens with the word before them. */
const authorizationOf = (token: string): string => (token.startsWith('FlyV1 ') ? token : `Bearer ${token}`)

const TOKEN: Meaning = { category: 'auth', hint: 'the token is not (or no longer) good, or may not do this: make one with `fly tokens create org` and run `berth provider setup fly --token-file <path>`' }
const BUSY: Meaning = { category: 'transient', hint: 'something on it goes on' }
const BY_STATUS: Readonly<Record<number, Meaning>> = {
  400: { category: 'invalid', hint: 'see `berth provider check fly`' }, 401: TOKEN, 403: TOKEN, 404: { category: 'not_found', hint: 'it was removed meanwhile; try again' }, 408: BUSY, 409: { category: 'conflict', hint: 'something of this name is there already' },
  412: BUSY, 422: { category: 'conflict', hint: 'something of this name is there already, or a limit of the organization is reached' }, 429: { category: 'rate', hint: 'too many calls for this moment; it goes on by itself' },
}
const FULL: Meaning = { category: 'capacity', hint: 'nothing of this size is free there now; another region may have it: berth provider setup fly --fly-region' }

const VENDOR: Vendor = { name: 'Fly', trouble: 'status.flyio.net says whether they have trouble', refusal }

function refusal({ status }: Response, text: string, { what, committed }: Doing): ProviderFault {
  const { message, code } = errorIn(text)
  const { category, hint } = code === 'insufficient_capacity' ? FULL : BY_STATUS[status] ?? { category: status >= 500 ? 'transient' as const : 'unknown' as const, hint: 'status.flyio.net says whether they have trouble' }
  return new ProviderFault(category, `${what}: ${message || `status ${status}`}`, { committed: status >= 500 ? committed : 'no', hint, ...(category === 'rate' ? { retryAfterMs: RATE_WAIT_MS } : {}) })
}

function errorIn(text: string): { message: string; code: string } {
  try {
    const { error, status } = JSON.parse(text) as { error?: unknown; status?: unknown }
    return { message: typeof error === 'string' ? error.slice(0, TEXT_SHOWN) : '', code: typeof status === 'string' ? status : '' }
  } catch {
    return { message: '', code: '' }
  }
}
