/**
 * The Hetzner Cloud API, one HTTP call at a time: https://docs.hetzner.cloud/reference/cloud. Each refusal becomes a
 * ProviderFault that says whether the change may have happened all the same.
 */
import { ProviderFault, type FaultCategory, type Inventory } from '@berth/core'

export interface ApiCall {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** What is being done, for messages: `creating the server`. */
  readonly what: string
}
export interface Api {
  call<T>(path: string, call: ApiCall, signal: AbortSignal): Promise<T>
  /** All pages of a list. Not complete: the vendor's pages do not add up. */
  list<T extends { readonly id: number }>(path: string, list: { key: string; query?: Readonly<Record<string, string>>; what: string }, signal: AbortSignal): Promise<Inventory<T>>
}

export const ENDPOINT = 'https://api.hetzner.cloud/v1'
const CALL_TIMEOUT_MS = 30_000
const ANSWER_LIMIT = 16 * 1024 * 1024
const PER_PAGE = 50
const PAGES_AT_MOST = 400
const TEXT_SHOWN = 300

/** `token`: read anew for each call, so that it can be replaced. Throws a ProviderFault where there is none. */
export function createApi({ endpoint, token, fetch = globalThis.fetch }: { endpoint: string; token: () => string; fetch?: (request: Request) => Promise<Response> }): Api {
  const call: Api['call'] = async <T>(path: string, { method = 'GET', query, body, what }: ApiCall, signal: AbortSignal): Promise<T> => {
    signal.throwIfAborted()
    const url = `${endpoint}${path}${query === undefined ? '' : `?${new URLSearchParams(query)}`}`
    // A change whose answer is lost may have been made.
    const committed = method === 'GET' ? 'no' : 'unknown'
    const limit = AbortSignal.timeout(CALL_TIMEOUT_MS)
    try {
      const answer = await fetch(new Request(url, {
        method, redirect: 'error', signal: AbortSignal.any([signal, limit]), ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headers: { authorization: `Bearer ${token()}`, 'user-agent': 'berth', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      }))
      const text = await readText(answer)
      if (!answer.ok) throw faultOf(answer, text, { what, committed })
      return (text === '' ? null : JSON.parse(text)) as T // the caller knows the operation it asked for
    } catch (cause) {
      if (cause instanceof ProviderFault) throw cause
      signal.throwIfAborted()
      throw new ProviderFault('transient', `Hetzner Cloud ${limit.aborted ? 'took too long' : 'broke off'} (${what})`, { committed, hint: 'it is tried again; status.hetzner.com says whether they have trouble', cause })
    }
  }
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

async function readText(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > ANSWER_LIMIT) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

interface Known { readonly category: FaultCategory; readonly hint: string }
/** https://docs.hetzner.cloud/reference/cloud#errors */
const BY_CODE: Readonly<Record<string, Known>> = {
  unauthorized: { category: 'auth', hint: 'the token is not (or no longer) good: make one in the project under Security, API tokens, and run `berth provider setup hetzner`' },
  token_readonly: { category: 'auth', hint: 'the token may only read: make one with Read & Write and run `berth provider setup hetzner`' },
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

function faultOf(answer: Response, text: string, { what, committed }: { what: string; committed: 'no' | 'unknown' }): ProviderFault {
  const { status } = answer
  const { code, message } = errorIn(text)
  const { category, hint } = meaningOf(status, { code, message })
  const retryAfterMs = category === 'rate' ? waitIn(answer.headers) : null
  return new ProviderFault(category, `${what}: ${message || `status ${status}`}${code === '' ? '' : ` (${code})`}`, { committed: status >= 500 ? committed : 'no', hint, ...(retryAfterMs === null ? {} : { retryAfterMs }) })
}

function meaningOf(status: number, { code, message }: { code: string; message: string }): Known {
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
