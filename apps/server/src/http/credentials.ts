/**
 * Who is asking. A token in `Authorization`, or a browser's session cookie. Everything a browser sends by itself
 * (cookies, on requests other sites caused) is believed only when the request shows that our own page caused it.
 */
import type { Clock, Identity, AccessStore } from '@berth/core'
import { BerthError } from '@berth/wire'

export interface Caller extends Identity { readonly by: 'token' | 'cookie' }

export interface CredentialDeps { readonly access: Pick<AccessStore, 'authenticate'>; readonly clock: Clock }

/** `__Host-` is only honoured with Secure, so plain http needs a second name. */
export function cookieName(https: boolean): string {
  return https ? '__Host-berth' : 'berth_session'
}

/** What a request came with, for connections that outlive it: the token may be revoked meanwhile. A secret. */
export function tokenOf(request: Request): string | null {
  return tokenInHeader(request, false) ?? tokenInCookie(request)
}

export async function callerOf(deps: CredentialDeps, request: Request, accept: { basic: boolean }): Promise<Caller> {
  const header = tokenInHeader(request, accept.basic)
  const cookie = header === null ? tokenInCookie(request) : null
  const token = header ?? cookie
  if (token === null) throw signInNeeded()
  const identity = await deps.access.authenticate(token, deps.clock.now())
  if (!identity) throw signInNeeded()
  if (header !== null) return { ...identity, by: 'token' }
  requireOwnPage(request)
  return { ...identity, by: 'cookie' }
}

function signInNeeded(): BerthError {
  return new BerthError('unauthorized', 'no valid credential', { hint: 'run `berth web` for a sign-in link, or send `Authorization: Bearer <token>`' })
}

/** Longer is no token of ours, and not worth hashing. */
const TOKEN_LIMIT = 512

function tokenInHeader(request: Request, basic: boolean): string | null {
  const header = request.headers.get('authorization')
  if (header === null || header.length > TOKEN_LIMIT * 2) return null
  const [scheme = '', value = ''] = header.split(' ', 2)
  if (scheme.toLowerCase() === 'bearer' && value) return value.slice(0, TOKEN_LIMIT)
  if (!basic || scheme.toLowerCase() !== 'basic') return null
  const decoded = Buffer.from(value, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  return colon < 0 || colon === decoded.length - 1 ? null : decoded.slice(colon + 1)
}

function tokenInCookie(request: Request): string | null {
  const wanted = cookieName(isHttps(request))
  for (const part of (request.headers.get('cookie') ?? '').split(';')) {
    const [name, ...value] = part.trim().split('=')
    if (name === wanted && value.length > 0) return value.join('=').slice(0, TOKEN_LIMIT)
  }
  return null
}

/** A preview on a sibling host is same-site, so SameSite does not protect; the exact origin does. */
function requireOwnPage(request: Request): void {
  const site = request.headers.get('sec-fetch-site')
  const origin = request.headers.get('origin')
  const reads = request.method === 'GET' || request.method === 'HEAD'
  const upgrades = request.headers.get('upgrade') !== null
  if (origin !== null && origin !== ownOrigin(request)) throw foreign()
  if (reads && !upgrades) {
    const navigates = request.headers.get('sec-fetch-mode') === 'navigate'
    if (site === null || site === 'same-origin' || site === 'none' || navigates) return
    throw foreign()
  }
  if (origin === null && site !== 'same-origin') throw foreign()
}

function foreign(): BerthError {
  return new BerthError('forbidden', 'the request comes from another site', { hint: 'use the page that the server itself serves, or a token' })
}

/** Behind a TLS proxy the proxy says so; a page cannot set this header on a request of its own. */
export function isHttps(request: Request): boolean {
  return new URL(request.url).protocol === 'https:' || request.headers.get('x-forwarded-proto') === 'https'
}

export function hostOf(request: Request): string {
  return request.headers.get('host') ?? new URL(request.url).host
}

export function ownOrigin(request: Request): string {
  return `${isHttps(request) ? 'https' : 'http'}://${hostOf(request)}`
}
