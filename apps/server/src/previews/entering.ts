/**
 * The way from the page's origin to a preview's. A visitor without a cookie is sent to the page's origin, which knows
 * who is signed in and sends back a ticket, good once for that one port; the preview's origin turns it into a cookie of
 * its own and shows the address as it was. The page's own cookie never goes there.
 */
import { BESIDE_RIGHTS, deadlines } from '@berth/core'
import type { Clock, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { Gate } from '../access/gate.ts'
import { localPath } from '../sign-in/local-path.ts'
import { escapeHtml, signedOutPage } from '../http/signed-out-page.ts'
import type { Caller } from '../http/credentials.ts'
import { cookiesNamed, PLACE_COOKIES, VISIT_COOKIES } from './headers.ts'
import { valueOf } from './http1.ts'
import type { RequestHead } from './http1.ts'
import type { PreviewHosts } from './hosts.ts'
import { couldNotEnter, linkIsOver, redirect } from './pages.ts'
import type { Answer } from './pages.ts'
import type { Site, Sites } from './sites.ts'

/** On the page's origin; both need a session. */
export const ENTER_PATH = '/previews/enter'
export const START_PATH = '/previews/start'
/** On a preview's origin: ours, and never passed on. */
export const OWN_PATHS = '/.berth/'
const TICKET_PATH = `${OWN_PATHS}enter`
const LINK_PATH = `${OWN_PATHS}share`

export const shareUrl = (origin: string, token: string): string => `${origin}${LINK_PATH}?${new URLSearchParams({ token }).toString()}`

/** Where a browser goes that is not let in. */
export const toControl = (pageUrl: string, path: string, address: string): string => `${pageUrl}${path}?${new URLSearchParams({ to: address }).toString()}`

export interface ControlSideDeps {
  readonly hosts: PreviewHosts
  readonly sites: Sites
  readonly store: Pick<Store, 'previews'>
  readonly clock: Clock
  readonly gate: Pick<Gate, 'require'>
  start(site: Site): Promise<void>
}

/** On the page's origin. `to` is the whole address; only previews of ours are led to. */
export async function controlSide(deps: ControlSideDeps, request: Request, caller: Caller): Promise<Response> {
  const url = new URL(request.url)
  const wanted = deps.hosts.ofUrl(url.searchParams.get('to') ?? '')
  if (wanted === null) throw new BerthError('bad_request', 'that is not the address of a preview', { hint: 'open a preview from its workspace' })
  const site = await deps.sites.find(wanted.name)
  if (site === null || (caller.by === 'cookie' && !site.onTheWeb)) return signedOutPage(404, '<h1>There is no such workspace</h1><p>It was deleted, or it is not shown on the web.</p>')
  await deps.gate.require(caller, BESIDE_RIGHTS.enterPreview, site.workspaceId)
  if (url.pathname === START_PATH) return starting(deps, { request, caller, site, to: `${wanted.origin}${wanted.path}` })
  const ticket = await deps.store.previews.issueTicket({ workspaceId: site.workspaceId, port: site.port, tokenId: caller.tokenId, expiresAt: deps.clock.now() + deadlines.previewTicket }, deps.clock.now())
  return seeOther(`${wanted.origin}${TICKET_PATH}?${new URLSearchParams({ ticket, to: wanted.path }).toString()}`)
}

/** A press, not a visit: what leads here may be a page of the workspace that wants to run on. */
async function starting(deps: ControlSideDeps, { request, caller, site, to }: { request: Request; caller: Caller; site: Site; to: string }): Promise<Response> {
  await deps.gate.require(caller, BESIDE_RIGHTS.startFromPreview, site.workspaceId)
  if (request.method === 'POST') {
    await deps.start(site)
    return seeOther(to)
  }
  const name = escapeHtml(site.workspace)
  return signedOutPage(200, `<h1><b>${name}</b> is stopped</h1><p>Port ${site.port} of it answers when it runs again. Its work is saved.</p><form method="post" action="${escapeHtml(`${START_PATH}?${new URLSearchParams({ to }).toString()}`)}"><button type="submit" autofocus>Start ${name}</button></form>`, { title: `${site.workspace} is stopped`, formGoesTo: site.origin })
}

const seeOther = (location: string): Response => new Response(null, { status: 303, headers: { location } })

/** On a preview's origin, for whoever comes. */
export async function previewSide(deps: { store: Pick<Store, 'previews'>; clock: Clock; pageUrl: string }, site: Site, head: RequestHead): Promise<Answer> {
  const url = new URL(head.target, site.origin)
  const now = deps.clock.now()
  const visit = { workspaceId: site.workspaceId, port: site.port, expiresAt: now + deadlines.previewVisit }
  if (url.pathname === TICKET_PATH) {
    const path = localPath(url.searchParams.get('to'))
    const token = await deps.store.previews.enter(url.searchParams.get('ticket') ?? '', visit, now)
    return token === null ? couldNotEnter(toControl(deps.pageUrl, ENTER_PATH, `${site.origin}${path}`)) : enter({ site, head }, token, path)
  }
  if (url.pathname === LINK_PATH) {
    const token = await deps.store.previews.enterByLink(url.searchParams.get('token') ?? '', visit, now)
    return token === null ? linkIsOver() : enter({ site, head }, token, localPath(url.searchParams.get('to')))
  }
  throw new BerthError('not_found', `there is nothing at ${url.pathname}`)
}

/**
 * Within a frame of another site a browser keeps no cookie but one that is told so and is for secure origins; it is then of
 * that other site's frames alone. Browsers take `localhost` for secure.
 */
function enter({ site, head }: { site: Site; head: RequestHead }, token: string, path: string): Answer {
  const https = site.origin.startsWith('https:')
  const name = VISIT_COOKIES[https ? 1 : 0]
  const framed = FRAMES.has(valueOf(head.headers, 'sec-fetch-dest') ?? '') && (https || new URL(site.origin).hostname.endsWith('.localhost'))
  const ways = framed ? '; SameSite=None; Secure; Partitioned' : `; SameSite=Lax${https ? '; Secure' : ''}`
  const set = (called: string, value: string, seconds: number) => ['set-cookie', `${called}=${value}; Path=/; HttpOnly; Max-Age=${seconds}${ways}`] as const
  return redirect(path, [set(name, token, Math.floor(deadlines.previewVisit / 1000)), set(PLACE_COOKIES[https ? 1 : 0], site.workspaceId, PLACE_S), ...leftBehind(site, head)])
}
/** As long as browsers keep any. */
const PLACE_S = 400 * 24 * 3600

/**
 * A workspace that was here before, and is deleted, may have left a service worker that answers in this one's place, and
 * what it stored. The browser asks for the worker's program again after each visit, so even then it comes to hear this.
 */
export function leftBehind({ workspaceId }: Site, { headers }: Pick<RequestHead, 'headers'>): Answer['headers'] {
  return cookiesNamed(headers, PLACE_COOKIES).some((before) => before !== workspaceId) ? [['clear-site-data', '"cache", "storage"']] : []
}
const FRAMES = new Set(['iframe', 'frame'])
