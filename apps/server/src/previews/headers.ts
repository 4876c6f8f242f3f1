/**
 * What changes of the headers on their way through (RFC 9110 §7.6): what speaks of one connection stays on it, what is
 * ours does not reach the workspace, and what is the workspace's stays on its own origin. Pure.
 */
import { valueOf, valuesOf, wordsOf } from './http1.ts'
import type { Headers, RequestHead, ResponseHead } from './http1.ts'

export interface Place {
  readonly port: number
  /** Of this preview, as the browser knows it. */
  readonly origin: string
  readonly hostHeader: 'preview' | 'localhost'
}

const OF_ONE_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect', 'http2-settings'])
/** Set by us, so that nobody else's word is taken for ours. */
const FORWARDED = new Set(['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port', 'x-real-ip'])
export const VISIT_COOKIES = ['berth_preview', '__Host-berth_preview'] as const
/** Whose preview this place was when it was last entered. */
export const PLACE_COOKIES = ['berth_preview_of', '__Host-berth_preview_of'] as const
const OUR_COOKIES = new Set<string>([...VISIT_COOKIES, ...PLACE_COOKIES, 'berth_session', '__Host-berth'])

export function isWebSocket({ method, headers }: RequestHead): boolean {
  return method === 'GET' && wordsOf(headers, 'upgrade').includes('websocket') && wordsOf(headers, 'connection').includes('upgrade')
}

/** As the dev server gets it, without the framing of the body. */
export function toServer(head: RequestHead, place: Place, client: { address: string; upgrade: boolean }): [string, string][] {
  const dropped = wordsOf(head.headers, 'connection')
  const kept: [string, string][] = [['host', hostFor(head, place)]]
  for (const [name, value] of head.headers) {
    if (name === 'host' || name === 'content-length' || OF_ONE_CONNECTION.has(name) || FORWARDED.has(name) || dropped.includes(name)) continue
    const seen = name === 'cookie' ? withoutOurs(value) : fromPlace(name, value, place)
    if (seen !== '' || value === '') kept.push([name, seen])
  }
  kept.push(['x-forwarded-for', client.address], ['x-forwarded-proto', place.origin.startsWith('https:') ? 'https' : 'http'])
  // Told its own name, a server must not meet the other one beside it: some compare the two with the origin.
  if (place.hostHeader === 'preview') kept.push(['x-forwarded-host', hostOf(place.origin)])
  if (client.upgrade) kept.push(['connection', 'Upgrade'], ['upgrade', 'websocket'])
  return kept
}

function hostFor(head: RequestHead, place: Place): string {
  return place.hostHeader === 'localhost' ? `localhost:${place.port}` : valueOf(head.headers, 'host') ?? hostOf(place.origin)
}
const hostOf = (origin: string): string => origin.slice(origin.indexOf('//') + 2)

/** A server that is told it is `localhost` hears of nothing else. */
function fromPlace(name: string, value: string, place: Place): string {
  if (place.hostHeader !== 'localhost' || (name !== 'origin' && name !== 'referer')) return value
  return value === place.origin || value.startsWith(`${place.origin}/`) ? `http://localhost:${place.port}${value.slice(place.origin.length)}` : value
}

function withoutOurs(cookies: string): string {
  return cookies.split(';').map((part) => part.trim()).filter((part) => part !== '' && !OUR_COOKIES.has(part.slice(0, Math.max(0, part.indexOf('='))))).join('; ')
}

export function cookiesNamed(headers: Headers, names: readonly string[]): string[] {
  const found: string[] = []
  for (const cookies of valuesOf(headers, 'cookie')) {
    for (const part of cookies.split(';')) {
      const [name, ...rest] = part.trim().split('=')
      if (names.includes(name ?? '')) found.push(rest.join('='))
    }
  }
  return found
}

/** As the browser gets it, without the framing of the body. */
export function toBrowser(head: ResponseHead, place: Place): [string, string][] {
  const dropped = wordsOf(head.headers, 'connection')
  const kept: [string, string][] = []
  for (const [name, value] of head.headers) {
    if (name === 'content-length' || OF_ONE_CONNECTION.has(name) || dropped.includes(name)) continue
    if (name === 'set-cookie') {
      const cookie = hostOnly(value)
      if (cookie !== null) kept.push([name, cookie])
    } else if (name === 'clear-site-data') {
      const cleared = clearedHere(value, place)
      if (cleared !== '') kept.push([name, cleared])
    } else kept.push([name, name === 'location' ? toPlace(value, place) : value])
  }
  return kept
}

/** A cookie stays on the host that set it, and is not called as ours. */
function hostOnly(cookie: string): string | null {
  const parts = cookie.split(';')
  const [pair = ''] = parts
  if (OUR_COOKIES.has(pair.slice(0, Math.max(0, pair.indexOf('='))).trim())) return null
  return parts.filter((part, index) => index === 0 || !/^\s*domain\s*(=|$)/i.test(part)).join(';')
}

/**
 * `"cookies"` clears those of the whole registrable domain (Clear Site Data §3.1): under a domain of its owner's, other
 * previews' and the sign-in to us. Below `localhost` each host is a registrable domain of its own.
 */
function clearedHere(value: string, place: Place): string {
  if (new URL(place.origin).hostname.endsWith('.localhost')) return value
  const types = value.split(',').map((type) => type.trim())
  const kept = types.includes('"*"') ? ['"cache"', '"storage"', '"executionContexts"'] : types.filter((type) => type !== '"cookies"')
  return kept.join(', ')
}

/** A server that sends people to its own address means this one. */
function toPlace(location: string, { port, origin }: Place): string {
  const match = /^https?:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]):(\d+)(?=[/?#]|$)/i.exec(location)
  return match !== null && Number(match[1]) === port ? `${origin}${location.slice(match[0].length)}` : location
}
