/** One request to the API of a git host, with the kept token. Answers are parsed; redirects are not followed, so the token goes to its own origin. */
import { BerthError } from '@berth/wire'
import type { z } from 'zod'

export interface HostRequest<T> {
  readonly origin: string
  /** Whole, below the API's own place. */
  readonly url: string
  /** A secret. */
  readonly authorization: readonly [header: string, value: string]
  readonly method?: 'GET' | 'POST'
  readonly body?: unknown
  readonly answer: z.ZodType<T>
}
/** `message`: the host's, for people. */
export type HostAnswer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly status: number; readonly message: string }
export type AskHost = <T>(request: HostRequest<T>) => Promise<HostAnswer<T>>

const WITHIN_MS = 20_000
const LIMIT_BYTES = 8 * 1024 * 1024

export function createAskHost(send: typeof fetch = fetch): AskHost {
  return async ({ origin, url, authorization: [header, value], method = 'GET', body, answer }) => {
    const headers = new Headers({ accept: 'application/json', 'user-agent': 'berth', [header]: value })
    if (body !== undefined) headers.set('content-type', 'application/json')
    const response = await send(url, { method, headers, redirect: 'manual', signal: AbortSignal.timeout(WITHIN_MS), ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      .catch((cause: unknown) => { throw new BerthError('network_unreachable', `${origin} cannot be reached from the server`, { hint: 'try again; `berth server status` says where it runs', cause }) })
    const said = await readJson(response, origin)
    if (response.status >= 500) throw new BerthError('network_unreachable', `${origin} answered ${response.status}`, { hint: 'try again later' })
    if (response.status === 429) throw new BerthError('too_many', `${origin} wants fewer requests for a while`, { hint: 'try again in some minutes' })
    if (!response.ok) return { ok: false, status: response.status, message: messageOf(said) }
    const parsed = answer.safeParse(said)
    if (!parsed.success) throw new BerthError('internal', `${origin} answered in a form that is not known`, { cause: parsed.error })
    return { ok: true, value: parsed.data }
  }
}

async function readJson(response: Response, origin: string): Promise<unknown> {
  const text = await response.text().catch((cause: unknown) => { throw new BerthError('network_unreachable', `${origin} broke off its answer`, { hint: 'try again', cause }) })
  if (text.length > LIMIT_BYTES) throw new BerthError('too_large', `${origin} answered more than can be taken`)
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    return null
  }
}

/** GitLab says `message` (a text, a list, or lists by field) or `error`; Bitbucket says `error.message`. */
function messageOf(said: unknown): string {
  const { message, error } = (said ?? {}) as { message?: unknown; error?: unknown }
  return (wordsOf(message) || wordsOf(error) || 'no reason given').slice(0, 300)
}
function wordsOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(wordsOf).filter(Boolean).join(', ')
  if (typeof value !== 'object' || value === null) return ''
  const { message } = value as { message?: unknown }
  return typeof message === 'string' ? message : Object.entries(value).map(([field, words]) => `${field} ${wordsOf(words)}`).join(', ')
}
