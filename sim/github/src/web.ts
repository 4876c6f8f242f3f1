/** GitHub's pages, as far as programs depend on them: making an app from a manifest and installing it. Whoever is signed in says yes. */
import { randomBytes } from 'node:crypto'
import { Refusal } from './model.ts'
import type { Permissions } from './model.ts'
import { back, serveOAuth, signedIn } from './oauth.ts'
import { SCHEMAS } from './spec/description.ts'
import type { World } from './world.ts'

const MANIFEST_LIFE_MS = 3600_000
const MANIFEST_KEYS = new Set(['name', 'url', 'hook_attributes', 'redirect_url', 'callback_urls', 'setup_url', 'description', 'public', 'default_events', 'default_permissions', 'request_oauth_on_install', 'setup_on_update'])

interface Manifest { name?: string; url: string; redirect_url: string; setup_url?: string; callback_urls?: string[]; hook_attributes?: { url: string; active?: boolean }; default_events?: string[]; default_permissions?: Permissions }

export interface WebOptions { readonly deviceIntervalS: number }

/** Null: no page of these. */
export async function servePage(world: World, request: Request, { deviceIntervalS }: WebOptions): Promise<Response | null> {
  const url = new URL(request.url)
  const at = `${request.method} ${url.pathname}`
  if (/^POST (\/organizations\/[^/]+)?\/settings\/apps\/new$/.test(at)) return newApp(world, url, await request.formData())
  const install = /^GET \/(?:github-)?apps\/([^/]+)\/installations\/new$/.exec(at)
  if (install) return installed(world, url, install[1] ?? '')
  return serveOAuth(world, request, { deviceIntervalS })
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
