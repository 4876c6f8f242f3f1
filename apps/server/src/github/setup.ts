/** An app of one's own: made at GitHub from our description with one press, or by hand. Its key is sealed at once. */
import { createHash, randomBytes } from 'node:crypto'
import type { Clock, GitHubSetup, Identity, KeptGitHubApp, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { OrgId } from '@berth/wire'
import { GITHUB_SETUP_PATH } from '@berth/wire/github'
import type { GitHubApp } from '@berth/wire/github'
import { z } from 'zod'
import { escapeHtml, signedOutPage } from '../http/signed-out-page.ts'
import { appToken } from './github-api.ts'
import type { GitHubApi } from './github-api.ts'

export interface SetupDeps {
  readonly store: Pick<Store, 'github' | 'audit'>
  readonly api: GitHubApi
  readonly clock: Clock
  /** Where a person's browser goes. */
  readonly pageUrl: string
  /** Where GitHub reaches this server; null: nowhere. */
  readonly hookUrl: string | null
  /** The machines that run learn of it. */
  connected(): Promise<void>
}

/** GitHub's own limit for the code that it sends back with. */
const SETUP_LASTS_MS = 3600_000
/** All that workspaces need of a repository (no administration, no secrets, no workflows), and what signing in asks of people. */
const PERMISSIONS = { contents: 'write', metadata: 'read', pull_requests: 'write', checks: 'read', statuses: 'read', members: 'read', email_addresses: 'read' } as const
const EVENTS = ['push', 'check_run', 'check_suite', 'status', 'pull_request', 'repository', 'member', 'membership', 'organization'] as const
const STATE = /^[A-Za-z0-9_-]{43}$/
const Conversion = z.object({ id: z.number(), slug: z.string(), name: z.string(), html_url: z.string(), client_id: z.string(), client_secret: z.string(), webhook_secret: z.string().nullable(), pem: z.string() })
const OwnApp = z.object({ id: z.number(), slug: z.string(), name: z.string(), html_url: z.string(), client_id: z.string().optional() })

export const shown = ({ htmlUrl, ...app }: KeptGitHubApp): GitHubApp => ({ ...app, installUrl: `${htmlUrl}/installations/new` })
const hashOf = (state: string): string => createHash('sha256').update(state).digest('hex')

export async function beginSetup({ store, clock, pageUrl }: SetupDeps, by: Identity, wanted: { origin: string; organization?: string | undefined; name?: string | undefined; workflows?: boolean | undefined }): Promise<{ url: string; expiresAt: number }> {
  const state = randomBytes(32).toString('base64url')
  const expiresAt = clock.now() + SETUP_LASTS_MS
  const name = wanted.name ?? `berth-${by.userName.replaceAll(/[^A-Za-z0-9-]/g, '').slice(0, 18)}-${randomBytes(2).toString('hex')}`
  await store.github.beginSetup({ orgId: by.orgId, stateHash: hashOf(state), origin: originOf(wanted.origin), organization: wanted.organization ?? null, name, by: by.userName, expiresAt })
  return { url: `${pageUrl}${GITHUB_SETUP_PATH}?state=${state}${wanted.workflows === true ? '&workflows=1' : ''}`, expiresAt }
}

/** Our two pages on the way: the one with the form that GitHub takes, and the one that it comes back to. */
export async function setupPage(deps: SetupDeps, request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url)
  const state = searchParams.get('state') ?? ''
  if (request.method !== 'GET' || !STATE.test(state)) return notHere()
  return pathname === GITHUB_SETUP_PATH ? leads(deps, { state, workflows: searchParams.get('workflows') === '1' }) : comesBack(deps, { state, code: searchParams.get('code') ?? '' })
}

async function leads({ store, clock, pageUrl, hookUrl }: SetupDeps, { state, workflows }: { state: string; workflows: boolean }): Promise<Response> {
  const setup = await store.github.setup(hashOf(state), clock.now())
  if (setup === null) return notHere()
  const manifest = {
    name: setup.name, url: pageUrl, redirect_url: `${pageUrl}${GITHUB_SETUP_PATH}/back`, callback_urls: [`${pageUrl}/sign-in/github`], setup_url: `${pageUrl}/settings`, setup_on_update: true, public: false, default_permissions: { ...PERMISSIONS, ...(workflows ? { workflows: 'write' } : {}) },
    ...(hookUrl === null ? {} : { hook_attributes: { url: hookUrl, active: true }, default_events: EVENTS }),
    description: 'Lets workspaces of Berth reach the repositories that you choose.',
  }
  const to = `${setup.origin}${setup.organization === null ? '' : `/organizations/${setup.organization}`}/settings/apps/new?state=${state}`
  return signedOutPage(200, `<h1>Connect GitHub</h1><p>GitHub will show an app named <b>${escapeHtml(setup.name)}</b> that reads and writes code${workflows ? ', workflows' : ''} and pull requests, of the repositories you choose next. Its key comes to this server and stays there.</p><form method="post" action="${escapeHtml(to)}"><input type="hidden" name="manifest" value="${escapeHtml(JSON.stringify(manifest))}"><button type="submit" autofocus>Go on at ${escapeHtml(new URL(setup.origin).host)}</button></form>`, { formGoesTo: setup.origin })
}

async function comesBack(deps: SetupDeps, { state, code }: { state: string; code: string }): Promise<Response> {
  // Taken first: a state that comes twice makes one app.
  const setup = /^[A-Za-z0-9]{1,100}$/.test(code) ? await deps.store.github.takeSetup(hashOf(state), deps.clock.now()) : null
  if (setup === null) return notHere()
  const made = await deps.api.ask({ origin: setup.origin, method: 'POST', path: `/app-manifests/${code}/conversions`, credential: null, answer: Conversion })
  if (!made.ok) return signedOutPage(400, `<h1>GitHub did not hand the app over</h1><p>${escapeHtml(made.message)}. Begin again:</p><pre>berth setup github-app</pre>`)
  const { id, slug, name, html_url: htmlUrl, client_id: clientId, client_secret: clientSecret, webhook_secret: webhookSecret, pem } = made.value
  const kept = await keep(deps, setup, { appId: id, slug, name, htmlUrl, key: { privateKey: pem, clientId, clientSecret, webhookSecret } })
  return Response.redirect(kept.installUrl, 303)
}

/** By hand: the key must be that app's. */
export async function addApp(deps: SetupDeps, by: Identity, { origin: address, appId, privateKey, webhookSecret }: { origin: string; appId: number; privateKey: string; webhookSecret?: string | undefined }): Promise<GitHubApp> {
  const origin = originOf(address)
  const own = await deps.api.ask({ origin, path: '/app', credential: appToken({ appId, privateKey }, deps.clock.now()), answer: OwnApp })
  if (!own.ok) throw new BerthError('unauthorized', `${origin} does not take this key for the app ${appId}: ${own.message}`, { hint: 'check the id and the key on the page of the app; nothing was kept' })
  const { slug, name, html_url: htmlUrl, client_id: clientId } = own.value
  return keep(deps, { orgId: by.orgId, origin, by: by.userName }, { appId, slug, name, htmlUrl, key: { privateKey, clientId: clientId ?? null, clientSecret: null, webhookSecret: webhookSecret ?? null } })
}

export async function removeApp({ store, clock, connected }: SetupDeps, by: Identity, address: string): Promise<{ removed: boolean }> {
  const origin = originOf(address)
  const removed = await store.github.remove(by.orgId, origin)
  if (removed) {
    await store.audit.write(by.orgId, { action: 'github.disconnect', workspaceId: null, actor: by.userName, subject: origin, allowed: true, reason: null, refs: [], tokenExpiresAt: null }, clock.now())
    await connected()
  }
  return { removed }
}

async function keep({ store, clock, connected }: SetupDeps, { orgId, origin, by }: Pick<GitHubSetup, 'origin' | 'by'> & { orgId: OrgId }, app: Omit<Parameters<Store['github']['put']>[0], 'orgId' | 'origin'>): Promise<GitHubApp> {
  const kept = await store.github.put({ orgId, origin, ...app }, clock.now())
  await store.audit.write(orgId, { action: 'github.connect', workspaceId: null, actor: by, subject: `${origin} ${app.slug}`, allowed: true, reason: null, refs: [], tokenExpiresAt: null }, clock.now())
  await connected()
  return shown(kept)
}

function originOf(address: string): string {
  const { origin, pathname, search, hash, username } = new URL(address)
  if (pathname !== '/' || search !== '' || hash !== '' || username !== '') throw new BerthError('bad_request', 'a GitHub is scheme and host, such as https://github.com')
  return origin.toLowerCase()
}

const notHere = (): Response => signedOutPage(404, '<h1>This link was used already, or is too old</h1><p>For a new one:</p><pre>berth setup github-app</pre>')
