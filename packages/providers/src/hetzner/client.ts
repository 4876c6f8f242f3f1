/**
 * The Hetzner Cloud API, one HTTP call at a time: https://docs.hetzner.cloud/reference/cloud. Each refusal becomes a
 * ProviderFault that says whether the change may have happened all the same.
 */
import { ProviderFault, type FaultCategory, type Inventory } from '@berth/core'
import { askVendor, committedBy, jsonRequest, type Doing, type JsonCall, type Meaning, type Vendor } from '../vendor-call.ts'

export interface Api {
  call<T>(path: string, call: JsonCall, signal: AbortSignal): Promise<T>
  /** All pages of a list. Not complete: the vendor's pages do not add up. */
  list<T extends { readonly id: number }>(path: string, list: { key: string; query?: Readonly<Record<string, string>>; what: string }, signal: AbortSignal): Promise<Inventory<T>>
}

export const ENDPOINT = 'https://api.hetzner.cloud/v1'
const PER_PAGE = 50
const PAGES_AT_MOST = 400
const TEXT_SHOWN = 300

/** `token`: read anew for each call, so that it can be replaced. Throws a ProviderFault where there is none. */
export function createApi({ endpoint, token, fetch = globalThis.fetch }: { endpoint: string; token: () => string; fetch?: (request: Request) => Promise<Response> }): Api {
  const call: Api['call'] = <T>(path: string, asked: JsonCall, signal: AbortSignal): Promise<T> => askVendor(VENDOR, {
    what: asked.what, committed: committedBy(asked.method),
    send: (options) => fetch(jsonRequest(`${endpoint}${path}`, asked, { ...options, headers: { authorization: `Bearer ${token()}` } })),
    // The caller knows the operation it asked for.
    read: (text) => (text === '' ? null : JSON.parse(text)) as T,
  }, signal)
  return {
    call,
    async list<T extends { readonly id: number }>(path: string, { key, query, what }: { key: string; query?: Readonly<Record<string, string>>; what: string }, signal: AbortSignal) {
      const seen = new Map<number, T>()
      for (let page = 1; page <= PAGES_AT_MOST; page += 1) {
        const answer = await call<{ meta?: { pagination?: { next_page: number | null; total_entries: number | null } } } & Record<string, unknown>>(path, { query: { ...query, page: String(page), per_page: String(PER_PAGE) }, what }, signal)
        const items = answer[key]
        const pagination = answer.meta?.pagination
        if (!Array.isArray(items) || pagination === undefined) return { items: [...seen.values()], complete: false, missing: [`${what}: page ${page} is not as described`] }
        const before = seen.size
        for (const item of items as T[]) seen.set(item.id, item)
        if (pagination.next_page === null) {
          const total = pagination.total_entries
          return total === null || total <= seen.size ? { items: [...seen.values()], complete: true, missing: [] } : { items: [...seen.values()], complete: false, missing: [`${what}: ${seen.size} of ${total}`] }
        }
        // Things come and go between two pages, but a page of nothing new is the same page again.
        if (seen.size === before) break
      }
      return { items: [...seen.values()], complete: false, missing: [`${what}: its pages have no end`] }
    },
  }
}

/** https://docs.hetzner.cloud/reference/cloud#errors */
const BY_CODE: Readonly<Record<string, Meaning>> = {
  unauthorized: { category: 'auth', hint: 'the token is not (or no longer) good: make one in the project under Security, API tokens, and run `berth provider setup hetzner --token-file <path>`' },
  token_readonly: { category: 'auth', hint: 'the token may only read: make one with Read & Write and run `berth provider setup hetzner --token-file <path>`' },
  forbidden: { category: 'auth', hint: 'the token may not do this' },
  rate_limit_exceeded: { category: 'rate', hint: 'too many calls in this hour; it goes on by itself' },
  resource_limit_exceeded: { category: 'quota', hint: 'the limit of the project is reached: delete something, or ask Hetzner for more' },
  resource_unavailable: { category: 'capacity', hint: 'nothing of this size is free there; another location may have it' },
  placement_error: { category: 'capacity', hint: 'nothing of this size is free there; another location may have it' },
  uniqueness_error: { category: 'conflict', hint: 'something of this name is there already' },
  locked: { category: 'transient', hint: 'an action on it goes on' },
  conflict: { category: 'transient', hint: 'an action on it goes on' },
  not_found: { category: 'not_found', hint: 'it was removed meanwhile; try again' },
  maintenance: { category: 'transient', hint: 'Hetzner is at work on it' },
  invalid_input: { category: 'invalid', hint: 'see `berth provider check hetzner`' },
  json_error: { category: 'invalid', hint: 'this is a fault of Berth' },
}
const BY_STATUS: Readonly<Record<number, FaultCategory>> = { 400: 'invalid', 401: 'auth', 403: 'auth', 404: 'not_found', 409: 'conflict', 412: 'capacity', 422: 'invalid', 423: 'transient', 429: 'rate' }
const SECOND = 1000

const VENDOR: Vendor = { name: 'Hetzner Cloud', trouble: 'status.hetzner.com says whether they have trouble', refusal }

function refusal(answer: Response, text: string, { what, committed }: Doing): ProviderFault {
  const { status } = answer
  const { code, message } = errorIn(text)
  const { category, hint } = meaningOf(status, { code, message })
  const retryAfterMs = category === 'rate' ? waitIn(answer.headers) : null
  return new ProviderFault(category, `${what}: ${message || `status ${status}`}${code === '' ? '' : ` (${code})`}`, { committed: status >= 500 ? committed : 'no', hint, ...(retryAfterMs === null ? {} : { retryAfterMs }) })
}

function meaningOf(status: number, { code, message }: { code: string; message: string }): Meaning {
  // Said of a size that a place has no more of, too.
  const known = BY_CODE[/unsupported location for server type/i.test(message) ? 'resource_unavailable' : code]
  return known ?? { category: BY_STATUS[status] ?? (status >= 500 ? 'transient' : 'unknown'), hint: 'status.hetzner.com says whether they have trouble' }
}

/** A moment in seconds since the epoch, or a number of seconds. */
function waitIn(headers: Headers): number | null {
  const given = Number(headers.get('ratelimit-reset') ?? headers.get('retry-after') ?? Number.NaN)
  if (!Number.isFinite(given)) return null
  return Math.max(SECOND, given > 1e9 ? given * SECOND - Date.now() : given * SECOND)
}

function errorIn(text: string): { code: string; message: string } {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown; message?: unknown } }
    return { code: typeof error?.code === 'string' ? error.code : '', message: typeof error?.message === 'string' ? error.message.slice(0, TEXT_SHOWN) : '' }
  } catch {
    return { code: '', message: '' }
  }
}
