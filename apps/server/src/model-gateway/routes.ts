/** What may be asked of a model vendor through the server: the calls that agents make, and no other of its API. */
import type { KeptModelKey } from '@berth/core'
import type { ModelVendor } from '@berth/wire/model-access'

const MODEL = '[A-Za-z0-9._:-]{1,120}'
const ROUTES: Readonly<Record<ModelVendor, readonly (readonly [method: string, path: RegExp])[]>> = {
  anthropic: [['POST', /^\/v1\/messages(\/count_tokens)?$/], ['GET', new RegExp(`^/v1/models(/${MODEL})?$`)]],
  openai: [['POST', /^\/v1\/(responses|responses\/compact|chat\/completions)$/], ['GET', new RegExp(`^/v1/models(/${MODEL})?$`)]],
  gemini: [['POST', new RegExp(`^/v1(beta|alpha)?/models/${MODEL}:(generateContent|streamGenerateContent|countTokens)$`)], ['GET', new RegExp(`^/v1(beta)?/models(/${MODEL})?$`)]],
}
export const isModelCall = (vendor: ModelVendor, method: string, path: string): boolean => ROUTES[vendor].some(([known, pattern]) => known === method && pattern.test(path))

/** The others cost nothing. */
export const isMetered = (method: string, path: string): boolean => method === 'POST' && !/(\/count_tokens|:countTokens)$/.test(path)

/** Said of the request to the vendor; who it is from, its cookies and its own credential are not among them. */
const PASSED = ['content-type', 'accept', 'user-agent', 'anthropic-version', 'anthropic-beta', 'openai-beta', 'x-goog-api-client', 'session_id', 'originator', 'x-app']
/** Said of the answer. */
const ANSWERED = ['content-type', 'retry-after', 'request-id', 'x-request-id', 'x-should-retry']
const ANSWERED_PREFIX = ['anthropic-ratelimit-', 'x-ratelimit-']

/** Without it Anthropic takes no token of a login. */
const OAUTH_BETA = 'oauth-2025-04-20'
export function requestHeaders(vendor: ModelVendor, from: Headers, { key, login }: Pick<KeptModelKey, 'key' | 'login'>): Headers {
  const headers = new Headers(PASSED.flatMap((name): [string, string][] => { const value = from.get(name); return value === null ? [] : [[name, value]] }))
  // Its bytes go on as they come.
  headers.set('accept-encoding', 'identity')
  // A token of a subscription is a bearer's, a key has a header of its own.
  const isToken = login !== undefined || key.startsWith('sk-ant-oat')
  if (vendor === 'gemini' && !isToken) headers.set('x-goog-api-key', key)
  else if (vendor === 'anthropic' && !isToken) headers.set('x-api-key', key)
  else headers.set('authorization', `Bearer ${key}`)
  if (vendor === 'anthropic' && isToken) headers.set('anthropic-beta', [...new Set([...(headers.get('anthropic-beta') ?? '').split(',').map((word) => word.trim()).filter(Boolean), OAUTH_BETA])].join(','))
  return headers
}
export function answerHeaders(from: Headers): Headers {
  return new Headers([...from].filter(([name]) => ANSWERED.includes(name) || ANSWERED_PREFIX.some((prefix) => name.startsWith(prefix))))
}

const KINDS: Readonly<Record<number, readonly [kind: string, google: string]>> = {
  404: ['not_found_error', 'NOT_FOUND'], 413: ['request_too_large', 'INVALID_ARGUMENT'], 429: ['rate_limit_error', 'RESOURCE_EXHAUSTED'], 502: ['api_error', 'UNAVAILABLE'],
}
/** In the words of the vendor, so that the agent shows it and does not ask again and again. */
export function refusal(vendor: ModelVendor, status: number, message: string): Response {
  const [kind, google] = KINDS[status] ?? ['permission_error', 'PERMISSION_DENIED']
  if (vendor === 'anthropic') return Response.json({ type: 'error', error: { type: kind, message } }, { status })
  if (vendor === 'openai') return Response.json({ error: { message, type: kind, param: null, code: null } }, { status })
  return Response.json({ error: { code: status, message, status: google } }, { status })
}

/** The last words of a stream that is stopped while it runs, in the vendor's words. */
export function lastWords(vendor: ModelVendor, message: string): string {
  const kind = 'permission_error'
  if (vendor === 'anthropic') return `\n\nevent: error\ndata: ${JSON.stringify({ type: 'error', error: { type: kind, message } })}\n\n`
  if (vendor === 'openai') return `\n\nevent: error\ndata: ${JSON.stringify({ type: 'error', code: kind, message, param: null, error: { message, type: kind, param: null, code: null } })}\n\n`
  return `\n\ndata: ${JSON.stringify({ error: { code: 403, message, status: 'PERMISSION_DENIED' } })}\n\n`
}
