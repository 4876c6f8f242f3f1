/** GitHub's pages, as far as programs depend on them: making an app from a manifest, installing it, and signing in with it. Whoever is signed in says yes. */
import { randomBytes } from 'node:crypto'
import { Refusal } from './model.ts'
import type { App, Permissions } from './model.ts'
import { SCHEMAS } from './spec/guard.ts'
import type { World } from './world.ts'

const MANIFEST_LIFE_MS = 3600_000
const CODE_LIFE_MS = 10 * 60_000
const USER_TOKEN_LIFE_S = 8 * 3600
const DEVICE_LIFE_S = 900
const MANIFEST_KEYS = new Set(['name', 'url', 'hook_attributes', 'redirect_url', 'callback_urls', 'setup_url', 'description', 'public', 'default_events', 'default_permissions', 'request_oauth_on_install', 'setup_on_update'])
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

interface Manifest { name?: string; url: string; redirect_url: string; setup_url?: string; callback_urls?: string[]; hook_attributes?: { url: string; active?: boolean }; default_events?: string[]; default_permissions?: Permissions }

export interface WebOptions { readonly deviceIntervalS: number }

/** Null: no page of these. */
export async function servePage(world: World, request: Request, { deviceIntervalS }: WebOptions): Promise<Response | null> {
  const url = new URL(request.url)
  const at = `${request.method} ${url.pathname}`
  if (/^POST (\/organizations\/[^/]+)?\/settings\/apps\/new$/.test(at)) return newApp(world, url, await request.formData())
  const install = /^GET \/(?:github-)?apps\/([^/]+)\/installations\/new$/.exec(at)
  if (install) return installed(world, url, install[1] ?? '')
  if (at === 'GET /login/oauth/authorize') return authorized(world, url)
  if (at === 'POST /login/device/code') return deviceCode(world, await fields(request), deviceIntervalS)
  if (at === 'POST /login/oauth/access_token') return Response.json(accessToken(world, await fields(request)))
  return null
}

function newApp(world: World, url: URL, form: FormData): Response {
  const person = signedIn(world)
  const manifest = JSON.parse(String(form.get('manifest'))) as Manifest
  const problems = problemsOf(manifest)
  if (problems.length > 0) throw new Refusal(422, `the manifest is not valid: ${problems.join(', ')}`)
  const owner = /^\/organizations\/([^/]+)/.exec(url.pathname)?.[1]
  const made = world.addApp({
    name: manifest.name ?? `app-${world.nextId()}`, owner: owner === undefined ? person : world.account(owner), permissions: manifest.default_permissions ?? {}, events: manifest.default_events ?? [],
    hookUrl: manifest.hook_attributes?.active === false ? null : (manifest.hook_attributes?.url ?? null), setupUrl: manifest.setup_url ?? null, callbackUrls: manifest.callback_urls ?? [],
  })
  const code = randomBytes(20).toString('hex')
  world.manifests.set(code, { ...made, expiresAt: world.now() + MANIFEST_LIFE_MS })
  return back(manifest.redirect_url, { code, state: url.searchParams.get('state') })
}

function problemsOf(manifest: Manifest): string[] {
  const allowed = (SCHEMAS['app-permissions']?.['properties'] ?? {}) as Record<string, { enum?: string[] }>
  const unknown = Object.keys(manifest).filter((key) => !MANIFEST_KEYS.has(key))
  const wrong = Object.entries(manifest.default_permissions ?? {}).filter(([name, level]) => !(allowed[name]?.enum ?? []).includes(level)).map(([name]) => name)
  const addresses = { url: manifest.url, redirect_url: manifest.redirect_url, ...(manifest.hook_attributes === undefined ? {} : { 'hook_attributes.url': manifest.hook_attributes.url }) }
  return [...unknown, ...wrong, ...Object.entries(addresses).filter(([, text]) => typeof text !== 'string' || !URL.canParse(text)).map(([name]) => name)]
}

function installed(world: World, url: URL, slug: string): Response {
  signedIn(world)
  const app = world.apps.find((each) => each.slug === slug)
  if (app === undefined) throw new Refusal(404, 'Not Found')
  if (world.choice === null) return new Response(`Install ${app.name}: choose an account and repositories`, { headers: { 'content-type': 'text/plain' } })
  const installation = world.install(app, world.choice.account, world.choice.repositories)
  return app.setupUrl === null ? Response.redirect(`${url.origin}/settings/installations/${installation.id}`, 302) : back(app.setupUrl, { installation_id: String(installation.id), setup_action: 'install', state: url.searchParams.get('state') })
}

function authorized(world: World, url: URL): Response {
  const user = signedIn(world)
  const app = appOf(world, url.searchParams.get('client_id'))
  const redirect = url.searchParams.get('redirect_uri') ?? app.callbackUrls[0] ?? ''
  if (!app.callbackUrls.includes(redirect)) throw new Refusal(400, 'The redirect_uri is not associated with this application.')
  const code = randomBytes(10).toString('hex')
  world.codes.set(code, { user, app, redirect, expiresAt: world.now() + CODE_LIFE_MS })
  return back(redirect, { code, state: url.searchParams.get('state') })
}

function deviceCode(world: World, given: Record<string, string>, intervalS: number): Response {
  const { clientId } = appOf(world, given['client_id'] ?? null)
  const deviceCodeText = randomBytes(20).toString('hex')
  const letters = randomBytes(4).toString('hex').toUpperCase()
  const userCode = `${letters.slice(0, 4)}-${letters.slice(4)}`
  world.devices.set(deviceCodeText, { clientId, userCode, intervalS, expiresAt: world.now() + DEVICE_LIFE_S * 1000, user: null, lastAskedAt: 0 })
  return Response.json({ device_code: deviceCodeText, user_code: userCode, verification_uri: 'https://github.com/login/device', expires_in: DEVICE_LIFE_S, interval: intervalS })
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

function tokens(world: World, { user, app }: { user: ReturnType<typeof signedIn>; app: App }): Record<string, unknown> {
  const refresh = `ghr_${randomBytes(38).toString('hex')}`
  world.refreshTokens.set(refresh, { user, app, expiresAt: world.now() + 180 * 24 * 3600_000 })
  return { access_token: world.issue({ kind: 'user', user, app, expiresAt: world.now() + USER_TOKEN_LIFE_S * 1000 }), expires_in: USER_TOKEN_LIFE_S, refresh_token: refresh, refresh_token_expires_in: 180 * 24 * 3600, token_type: 'bearer', scope: '' }
}

function signedIn({ signedIn: person }: World) {
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
function back(to: string, query: Record<string, string | null>): Response {
  const url = new URL(to)
  for (const [name, value] of Object.entries(query)) if (value !== null) url.searchParams.set(name, value)
  return Response.redirect(url.href, 302)
}
