/** Requests to one GitHub: as the app itself, by its own word, or with a token it was given. Answers are parsed; redirects are not followed. */
import { createPrivateKey, sign } from 'node:crypto'
import { BerthError } from '@berth/wire'
import { GITHUB_ORIGIN } from '@berth/wire/github'
import type { z } from 'zod'

export interface GitHubRequest<T> {
  readonly origin: string
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  /** A secret; null: as anybody. */
  readonly credential: string | null
  readonly body?: unknown
  readonly answer: z.ZodType<T>
}
/** `refused`: what GitHub said no to, with its words for people. */
/** `next`: what to give as `cursor` for the rest of a list; null: that was all of it. */
export type GitHubAnswer<T> = { readonly ok: true; readonly value: T; readonly next: string | null } | { readonly ok: false; readonly status: number; readonly message: string }
export interface GitHubApi {
  /** Throws only when GitHub cannot be reached, or makes no sense. */
  ask<T>(request: GitHubRequest<T>): Promise<GitHubAnswer<T>>
}

const ANSWER_WITHIN_MS = 20_000
/** Pages of a hundred repositories are the largest. */
const ANSWER_LIMIT_BYTES = 8 * 1024 * 1024
const VERSION = '2022-11-28'

export function createGitHubApi({ fetch: send = fetch }: { fetch?: typeof fetch } = {}): GitHubApi {
  return {
    async ask({ origin, method = 'GET', path, credential, body, answer }) {
      const headers = new Headers({ accept: 'application/vnd.github+json', 'user-agent': 'berth', 'x-github-api-version': VERSION })
      if (credential !== null) headers.set('authorization', `Bearer ${credential}`)
      if (body !== undefined) headers.set('content-type', 'application/json')
      const response = await send(`${apiOf(origin)}${path}`, { method, headers, redirect: 'manual', signal: AbortSignal.timeout(ANSWER_WITHIN_MS), ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
        .catch((cause: unknown) => { throw new BerthError('network_unreachable', `${origin} cannot be reached from the server`, { hint: 'try again; `berth server status` says where it runs', cause }) })
      const said = await readJson(response, origin)
      if (response.status >= 500) throw new BerthError('network_unreachable', `${origin} answered ${response.status}`, { hint: 'try again later' })
      if (response.status === 429 || response.headers.get('x-ratelimit-remaining') === '0') throw new BerthError('too_many', `${origin} wants fewer requests for a while`, { hint: 'try again in some minutes' })
      if (!response.ok) return { ok: false, status: response.status, message: messageOf(said) }
      const parsed = answer.safeParse(said)
      if (!parsed.success) throw new BerthError('internal', `${origin} answered ${path.split('?')[0]} in a form that is not known`, { cause: parsed.error })
      return { ok: true, value: parsed.data, next: cursorOf(response.headers.get('link')) }
    },
  }
}

/** A GitHub of one's own has its API below its pages. */
export const apiOf = (origin: string): string => (origin === GITHUB_ORIGIN ? 'https://api.github.com' : `${origin}/api/v3`)

/** Of the address of the next page the one parameter: nothing that an answer names is asked as it stands. */
function cursorOf(link: string | null): string | null {
  const address = /<([^>]+)>;\s*rel="next"/.exec(link ?? '')?.[1] ?? ''
  return URL.canParse(address) ? new URL(address).searchParams.get('cursor') : null
}

async function readJson(response: Response, origin: string): Promise<unknown> {
  const text = await response.text().catch((cause: unknown) => { throw new BerthError('network_unreachable', `${origin} broke off its answer`, { hint: 'try again', cause }) })
  if (text.length > ANSWER_LIMIT_BYTES) throw new BerthError('too_large', `${origin} answered more than can be taken`)
  try {
    return text === '' ? null : JSON.parse(text, exact)
  } catch {
    return null
  }
}

/** A number that would be rounded, such as the id of a delivery, stays a text. */
const exact = (_key: string, value: unknown, context?: { source?: string }): unknown => (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) ? (context?.source ?? value) : value)

/** GitHub's words, with the first of the reasons it gives for a form. */
function messageOf(said: unknown): string {
  const { message, errors } = (said ?? {}) as { message?: unknown; errors?: unknown }
  const [first] = Array.isArray(errors) ? (errors as { message?: unknown; field?: unknown }[]) : []
  const detail = typeof first?.message === 'string' ? first.message : typeof first?.field === 'string' ? `${first.field} is not valid` : null
  return [typeof message === 'string' ? message : 'no reason given', detail].filter((part) => part !== null).join(': ').slice(0, 300)
}

/** Clocks differ: as if said a minute ago. Good for nine minutes of the ten that are allowed. */
const EARLIER_S = 60
const LIFE_S = 540

/** What the app says of itself, signed. Throws `config_invalid` when the key is none. */
export function appToken({ appId, privateKey }: { appId: number; privateKey: string }, now: number): string {
  const at = Math.floor(now / 1000)
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const said = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iat: at - EARLIER_S, exp: at + LIFE_S, iss: String(appId) })}`
  try {
    return `${said}.${sign('RSA-SHA256', Buffer.from(said), createPrivateKey(privateKey)).toString('base64url')}`
  } catch (cause) {
    throw new BerthError('config_invalid', 'the private key of the app cannot be read', { hint: 'give the whole .pem file that GitHub made', cause })
  }
}
