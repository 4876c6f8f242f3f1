/**
 * Signing people in with an app: the page that asks them, the device flow, and the tokens. As documented for GitHub Apps:
 * a code is good once and for ten minutes, a redirect goes to a callback address of the app and nowhere else, PKCE is held
 * to where it was begun, tokens live eight hours and are refreshed once.
 */
import { createHash, randomBytes } from 'node:crypto'
import { Refusal } from './model.ts'
import type { Account, App } from './model.ts'
import type { World } from './world.ts'

const CODE_LIFE_MS = 10 * 60_000
const USER_TOKEN_LIFE_S = 8 * 3600
const REFRESH_LIFE_S = 180 * 24 * 3600
const DEVICE_LIFE_S = 900
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

/** Null: no page of these. */
export async function serveOAuth(world: World, request: Request, { deviceIntervalS }: { deviceIntervalS: number }): Promise<Response | null> {
  const url = new URL(request.url)
  const at = `${request.method} ${url.pathname}`
  if (at === 'GET /login/oauth/authorize') return authorized(world, url)
  if (at === 'POST /login/device/code') return said(request, deviceCode(world, await fields(request), { url, intervalS: deviceIntervalS }))
  if (at === 'POST /login/device') return confirmed(world, await fields(request))
  if (at === 'POST /login/oauth/access_token') return said(request, accessToken(world, await fields(request)))
  return null
}

function authorized(world: World, url: URL): Response {
  const user = signedIn(world)
  const asked = (name: string): string | null => url.searchParams.get(name)
  const app = appOf(world, asked('client_id'))
  const redirect = asked('redirect_uri') ?? app.callbackUrls[0] ?? ''
  if (!app.callbackUrls.includes(redirect)) throw new Refusal(400, 'The redirect_uri is not associated with this application.')
  const state = asked('state')
  const challenge = asked('code_challenge')
  if (challenge !== null && (asked('code_challenge_method') !== 'S256' || !/^[\w-]{43}$/.test(challenge))) return back(redirect, { error: 'invalid_request', error_description: 'code_challenge_method must be S256', state })
  if (!world.consents) return back(redirect, { error: 'access_denied', error_description: 'The user has denied your application access.', error_uri: 'https://docs.github.com/apps/managing-oauth-apps/troubleshooting-authorization-request-errors/#access-denied', state })
  const code = randomBytes(10).toString('hex')
  world.codes.set(code, { user, app, redirect, challenge, expiresAt: world.now() + CODE_LIFE_MS })
  return back(redirect, { code, state })
}

function deviceCode(world: World, given: Record<string, string>, { url, intervalS }: { url: URL; intervalS: number }): Record<string, unknown> {
  const { clientId } = appOf(world, given['client_id'] ?? null)
  const deviceCodeText = randomBytes(20).toString('hex')
  const letters = randomBytes(4).toString('hex').toUpperCase()
  const userCode = `${letters.slice(0, 4)}-${letters.slice(4)}`
  world.devices.set(deviceCodeText, { clientId, userCode, intervalS, expiresAt: world.now() + DEVICE_LIFE_S * 1000, user: null, lastAskedAt: 0 })
  return { device_code: deviceCodeText, user_code: userCode, verification_uri: `${url.origin}/login/device`, expires_in: DEVICE_LIFE_S, interval: intervalS }
}

/** The page where a person types what the device shows. */
function confirmed(world: World, given: Record<string, string>): Response {
  const user = signedIn(world)
  const userCode = (given['user_code'] ?? '').toUpperCase()
  if (![...world.devices.values()].some((each) => each.userCode === userCode && each.expiresAt > world.now())) return new Response('that code is not known', { status: 404 })
  world.authorizeDevice(userCode, world.consents ? user.login : null)
  return new Response(world.consents ? 'your device is connected' : 'you said no')
}

/** OAuth's refusals are answers 200 with a word. */
function accessToken(world: World, given: Record<string, string>): Record<string, unknown> {
  const app = appOf(world, given['client_id'] ?? null)
  if (given['grant_type'] === DEVICE_GRANT) return deviceToken(world, app, given['device_code'] ?? '')
  if (given['client_secret'] !== app.clientSecret) return { error: 'incorrect_client_credentials', error_description: 'The client_id and/or client_secret passed are incorrect.' }
  return given['grant_type'] === 'refresh_token' ? refreshed(world, app, given['refresh_token'] ?? '') : exchanged(world, app, given)
}

/** A refresh token is good once, and so is a code. */
function refreshed(world: World, app: App, text: string): Record<string, unknown> {
  const held = world.refreshTokens.get(text)
  world.refreshTokens.delete(text)
  if (held?.app !== app || held.expiresAt <= world.now()) return { error: 'bad_refresh_token', error_description: 'The refresh token passed is incorrect or expired.' }
  return tokens(world, held)
}

function exchanged(world: World, app: App, given: Record<string, string>): Record<string, unknown> {
  const text = given['code'] ?? ''
  const code = world.codes.get(text)
  world.codes.delete(text)
  if (code?.app !== app || code.expiresAt <= world.now()) return { error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.' }
  if (code.challenge !== null && createHash('sha256').update(given['code_verifier'] ?? '').digest('base64url') !== code.challenge) return { error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.' }
  if (given['redirect_uri'] !== undefined && given['redirect_uri'] !== code.redirect) return { error: 'redirect_uri_mismatch', error_description: 'The redirect_uri MUST match the registered callback URL for this application.' }
  return tokens(world, code)
}

function deviceToken(world: World, app: App, deviceCodeText: string): Record<string, unknown> {
  const grant = world.devices.get(deviceCodeText)
  if (grant === undefined || grant.clientId !== app.clientId) return { error: 'incorrect_device_code', error_description: 'The device_code provided is not valid.' }
  if (grant.expiresAt <= world.now()) return { error: 'expired_token', error_description: 'This device_code has expired.' }
  if (grant.user === 'denied') return { error: 'access_denied', error_description: 'The authorization request was denied.' }
  const tooSoon = world.now() - grant.lastAskedAt < grant.intervalS * 1000
  grant.lastAskedAt = world.now()
  if (tooSoon) return { error: 'slow_down', error_description: 'Too many requests have been made in the same timeframe.', interval: grant.intervalS + 5 }
  if (grant.user === null) return { error: 'authorization_pending', error_description: 'The authorization request is still pending.' }
  world.devices.delete(deviceCodeText)
  return tokens(world, { user: grant.user, app })
}

function tokens(world: World, { user, app }: { user: Account; app: App }): Record<string, unknown> {
  const refresh = `ghr_${randomBytes(38).toString('hex')}`
  world.refreshTokens.set(refresh, { user, app, expiresAt: world.now() + REFRESH_LIFE_S * 1000 })
  return { access_token: world.issue({ kind: 'user', user, app, expiresAt: world.now() + USER_TOKEN_LIFE_S * 1000 }), expires_in: USER_TOKEN_LIFE_S, refresh_token: refresh, refresh_token_expires_in: REFRESH_LIFE_S, token_type: 'bearer', scope: '' }
}

export function signedIn({ signedIn: person }: World): Account {
  if (person === null) throw new Refusal(401, 'nobody is signed in to this browser')
  return person
}
function appOf(world: World, clientId: string | null): App {
  const found = world.apps.find((each) => each.clientId === clientId)
  if (found === undefined) throw new Refusal(404, 'Not Found')
  return found
}
async function fields(request: Request): Promise<Record<string, string>> {
  if ((request.headers.get('content-type') ?? '').includes('json')) return (await request.json()) as Record<string, string>
  return Object.fromEntries(new URLSearchParams(await request.text()))
}
/** As a form, unless JSON is asked for. */
function said(request: Request, answer: Record<string, unknown>): Response {
  if ((request.headers.get('accept') ?? '').includes('json')) return Response.json(answer)
  return new Response(new URLSearchParams(Object.entries(answer).map(([name, value]) => [name, String(value)])).toString(), { headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' } })
}
export function back(to: string, query: Record<string, string | null>): Response {
  const url = new URL(to)
  for (const [name, value] of Object.entries(query)) if (value !== null) url.searchParams.set(name, value)
  return Response.redirect(url.href, 302)
}
