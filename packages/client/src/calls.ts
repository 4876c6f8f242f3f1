/** One call of the API: its request, and what a refusal says. */
import { API_PREFIX } from '@berth/wire/api-prefix'
import { BerthError, type ErrorBody } from '@berth/wire/error'

/** `unix`: the path of a socket to speak through (Bun only). `token` is absent in a browser, whose cookie speaks for it. */
export interface Endpoint {
  readonly url: string
  readonly token?: string
  readonly unix?: string
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
}

const KEPT_ALIVE_BYTES = 4096

type Call = (input?: Record<string, unknown>, signal?: AbortSignal) => Promise<unknown>

/** `route`: method and path, as the generated map has them. */
export function callOf(endpoint: Endpoint, route: string): Call {
  const [method = '', path = ''] = route.split(' ')
  return async (input = {}, signal) => {
    const { path: filled, rest } = fill(path, input)
    const isMore = Object.keys(rest).length > 0
    const query = method === 'GET' && isMore ? `?${new URLSearchParams(rest as Record<string, string>)}` : ''
    // Most of what is taken away is named by its path; how, where it can be said, stands in the body as with the others.
    const body = method === 'GET' || (method === 'DELETE' && !isMore) ? null : JSON.stringify(rest)
    // Said as a page goes away, it still arrives; browsers do that for small ones only.
    const init: RequestInit = body === null ? { method } : { method, body, headers: { 'content-type': 'application/json' }, keepalive: body.length < KEPT_ALIVE_BYTES }
    const response = await request(endpoint, API_PREFIX + filled + query, { ...init, signal: signal ?? null })
    return response.json()
  }
}

/** One authenticated request. Refusals throw what the server said; silence throws `server_unreachable`. */
export async function request(endpoint: Endpoint, path: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers)
  if (endpoint.token) headers.set('authorization', `Bearer ${endpoint.token}`)
  const unix = endpoint.unix ? { unix: endpoint.unix } : {}
  let response: Response
  try {
    response = await (endpoint.fetch ?? fetch)(endpoint.url.replace(/\/$/, '') + path, { ...init, headers, ...unix })
  } catch (cause) {
    if (init.signal?.aborted) throw new BerthError('cancelled', 'cancelled', { cause })
    throw away(endpoint, cause)
  }
  if (!response.ok) throw await refusal(response)
  return response
}

/** A page has no address of its server but its own, and whoever looks at it may be far from a command line. */
export function away({ url }: Endpoint, cause: unknown): BerthError {
  if (url === '') return new BerthError('server_unreachable', 'the server does not answer', { hint: 'is this device connected?', cause })
  return new BerthError('server_unreachable', `the server at ${url} does not answer`, { hint: 'see `berth server status`', cause })
}

async function refusal(response: Response): Promise<BerthError> {
  const text = await response.text().catch(() => '')
  try {
    const body = JSON.parse(text) as Partial<ErrorBody> & { error?: ErrorBody }
    const error = body.error ?? body
    if (typeof error.code === 'string' && typeof error.message === 'string') return BerthError.fromBody(error as ErrorBody)
  } catch {
    // Not ours: a proxy in between, or a crash. The status says what there is to say.
  }
  // A tunnel or proxy stands there and the server behind it does not.
  if ([502, 503, 504].includes(response.status) || response.status >= 520) return new BerthError('server_unreachable', `the server does not answer (${response.status})`, { hint: 'see `berth server status`' })
  return new BerthError(response.status === 401 ? 'unauthorized' : response.status === 404 ? 'not_found' : 'internal', `the server answered ${response.status}`)
}

function fill(path: string, input: Record<string, unknown>): { path: string; rest: Record<string, unknown> } {
  const rest = { ...input }
  const filled = path.replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = String(rest[key])
    delete rest[key]
    return encodeURIComponent(value)
  })
  // An option that is not given must not travel as the text "undefined".
  for (const key of Object.keys(rest)) if (rest[key] === undefined) delete rest[key]
  return { path: filled, rest }
}
