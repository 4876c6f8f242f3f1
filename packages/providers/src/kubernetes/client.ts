/**
 * The Kubernetes API, one HTTP call at a time: https://kubernetes.io/docs/reference/using-api/api-concepts/. Each refusal
 * becomes a ProviderFault that says whether the change may have happened all the same.
 */
import { ProviderFault, type Inventory } from '@berth/core'
import { askVendor, committedBy, jsonRequest, type Doing, type JsonCall, type Meaning, type Vendor } from '../vendor-call.ts'
import type { Access } from './kubeconfig.ts'

/** `what` is for messages: `making the pod`. */
export type ApiCall = JsonCall<'GET' | 'POST' | 'PATCH' | 'DELETE'>
export interface Api {
  call<T>(path: string, call: ApiCall, signal: AbortSignal): Promise<T>
  /** Null: there is none. */
  find<T>(path: string, what: string, signal: AbortSignal): Promise<T | null>
  text(path: string, call: Pick<ApiCall, 'query' | 'what'>, signal: AbortSignal): Promise<string>
  /** All pages of a list. Not complete: the pages did not go on to their end. */
  list<T extends Listed>(path: string, list: { labelSelector?: string; fieldSelector?: string; what: string }, signal: AbortSignal): Promise<Inventory<T>>
}
export interface Listed { readonly metadata: { readonly uid: string } }
export type Fetch = (request: Request, tls: Access['tls']) => Promise<Response>

const PAGE = '100'
const PAGES_AT_MOST = 200
const TEXT_SHOWN = 400
const SECOND = 1000

const overNetwork: Fetch = (request, tls) => fetch(request, { tls })

/** `access`: read anew for each call. Throws a ProviderFault where there is none. */
export function createApi({ access, fetch: send = overNetwork }: { access: () => Access; fetch?: Fetch | undefined }): Api {
  const ask = <T>(path: string, asked: ApiCall, read: (text: string) => T, signal: AbortSignal): Promise<T> => askVendor(VENDOR, {
    what: asked.what, committed: committedBy(asked.method), read,
    send(options) {
      const { server, token, tls } = access()
      const type = asked.method === 'PATCH' ? 'application/json-patch+json' : 'application/json'
      return send(jsonRequest(`${server}${path}`, asked, { ...options, type, headers: { accept: 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) } }), tls)
    },
  }, signal)
  // The caller knows what it asked for.
  const call: Api['call'] = <T>(path: string, asked: ApiCall, signal: AbortSignal): Promise<T> => ask(path, asked, (text) => JSON.parse(text) as T, signal)
  return {
    call,
    text: (path, asked, signal) => ask(path, asked, (text) => text, signal),
    async find<T>(path: string, what: string, signal: AbortSignal) {
      try {
        return await call<T>(path, { what }, signal)
      } catch (error) {
        if (error instanceof ProviderFault && error.category === 'not_found') return null
        throw error
      }
    },
    async list<T extends Listed>(path: string, { what, ...selectors }: { labelSelector?: string; fieldSelector?: string; what: string }, signal: AbortSignal) {
      const seen = new Map<string, T>()
      const partly = (why: string): Inventory<T> => ({ items: [...seen.values()], complete: false, missing: [`${what}: ${why}`] })
      let next: string | undefined
      for (let page = 0; page < PAGES_AT_MOST; page += 1) {
        const answer = await pageOf<T>(call, path, { query: { ...selectors, limit: PAGE, ...(next === undefined ? {} : { continue: next }) }, what }, signal)
        if (answer === 'expired') return partly('it took too long')
        if (!Array.isArray(answer.items) || answer.metadata === undefined) return partly(`page ${page + 1} is not as described`)
        const before = seen.size
        for (const item of answer.items) seen.set(item.metadata.uid, item)
        next = answer.metadata.continue === '' ? undefined : answer.metadata.continue
        if (next === undefined) return { items: [...seen.values()], complete: true, missing: [] }
        // A page of nothing new is the same page again.
        if (seen.size === before) break
      }
      return partly('its pages have no end')
    },
  }
}

interface Page<T> { readonly items?: readonly T[] | undefined; readonly metadata?: { readonly continue?: string } }

async function pageOf<T>(call: Api['call'], path: string, asked: ApiCall, signal: AbortSignal): Promise<Page<T> | 'expired'> {
  try {
    return await call<Page<T>>(path, asked, signal)
  } catch (error) {
    if (error instanceof ProviderFault && error.message.includes('(Expired)')) return 'expired'
    throw error
  }
}

const RIGHTS = 'see `berth provider check kubernetes`, and the role in the docs'
/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
const BY_STATUS: Readonly<Record<number, Meaning>> = {
  400: { category: 'invalid', hint: 'this is a fault of Berth, or a version of Kubernetes it does not know' },
  401: { category: 'auth', hint: 'the credential is not (or no longer) good: run `berth provider setup kubernetes`' },
  403: { category: 'auth', hint: RIGHTS },
  404: { category: 'not_found', hint: 'it was removed meanwhile, or the namespace is not there' },
  409: { category: 'conflict', hint: 'something else changed it, or has its name' },
  410: { category: 'transient', hint: 'it is tried again' },
  422: { category: 'invalid', hint: 'the cluster does not take these settings: see `berth provider check kubernetes`' },
  429: { category: 'rate', hint: 'the cluster is busy; it goes on by itself' },
}

const VENDOR: Vendor = { name: 'the cluster', trouble: 'see whether `kubectl get --raw /readyz` answers', refusal, otherwise }

function refusal(answer: Response, text: string, { what, committed }: Doing): ProviderFault {
  const { reason, message, retryAfterSeconds } = refusalIn(text)
  const { category, hint } = meaningOf(answer.status, message)
  const wait = Number(answer.headers.get('retry-after') ?? retryAfterSeconds ?? Number.NaN)
  return new ProviderFault(category, `${what}: ${message || `status ${answer.status}`}${reason === '' ? '' : ` (${reason})`}`, { committed: answer.status >= 500 ? committed : 'no', hint, ...(category === 'rate' && Number.isFinite(wait) ? { retryAfterMs: Math.max(SECOND, wait * SECOND) } : {}) })
}

/** Several refusals share a status: these are told apart by the words that the API server always uses. */
export function meaningOf(status: number, message: string): Meaning {
  if (status === 403 && message.includes('exceeded quota')) return { category: 'quota', hint: 'the quota of the namespace is used up: delete or stop something, or ask who runs the cluster for more' }
  if (status === 403 && message.includes('violates PodSecurity')) return { category: 'unsupported', hint: 'the namespace refuses such pods: set podSecurity to restricted, or change its label' }
  if (status === 403 && message.includes('LimitRange')) return { category: 'quota', hint: 'the namespace limits the size of pods: ask for less' }
  return BY_STATUS[status] ?? { category: status >= 500 ? 'transient' : 'unknown', hint: 'it is tried again' }
}

function refusalIn(text: string): { reason: string; message: string; retryAfterSeconds: number | undefined } {
  try {
    const { reason, message, details } = JSON.parse(text) as { reason?: unknown; message?: unknown; details?: { retryAfterSeconds?: number } }
    return { reason: typeof reason === 'string' ? reason : '', message: typeof message === 'string' ? message.slice(0, TEXT_SHOWN) : '', retryAfterSeconds: details?.retryAfterSeconds }
  } catch {
    return { reason: '', message: '', retryAfterSeconds: undefined }
  }
}

/** Of a certificate nobody vouches for it is no use to ask again. */
function otherwise(cause: unknown): ProviderFault | null {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return /CERT|SSL|TLS/.test(code) ? new ProviderFault('auth', `the cluster's certificate was not accepted (${code})`, { hint: 'the kubeconfig must have the certificate authority of the cluster', cause }) : null
}
