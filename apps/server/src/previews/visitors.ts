/**
 * Who may visit a preview. A visitor has no cookie of ours there until a ticket from the control origin, or a share
 * link, was turned into one that is good for this port alone. That cookie is believed only on requests that the person
 * or the workspace's own pages caused.
 */
import type { Clock, PreviewStore } from '@berth/core'
import type { UserId, WorkspaceId } from '@berth/wire'
import { remembered } from '../remembered.ts'
import { cookiesNamed, VISIT_COOKIES } from './headers.ts'
import { valueOf } from './http1.ts'
import type { RequestHead } from './http1.ts'
import type { PreviewHosts } from './hosts.ts'
import { REMEMBERED_MS } from './sites.ts'
import type { Site } from './sites.ts'

export type Admission =
  | { readonly as: 'session' | 'link' | 'public' }
  /** `foreign`: let in, but another site's page asks with this person's cookie. */
  | { readonly as: null; readonly because: 'unknown' | 'foreign' }
type Let = 'session' | 'link' | null
export interface Visitors {
  admit(head: RequestHead, site: Site): Promise<Admission>
  /** Sessions and links may have ended. */
  forget(): void
}

const REMEMBERED_LIMIT = 5000
/** Longer is no token of ours. */
const TOKEN_LIMIT = 200

export function createVisitors(deps: { previews: Pick<PreviewStore, 'visit'>; clock: Clock; hosts: PreviewHosts; mayVisit(userId: UserId, workspaceId: WorkspaceId): Promise<boolean> }): Visitors {
  const known = remembered<Let>({ clock: deps.clock, ms: REMEMBERED_MS, limit: REMEMBERED_LIMIT })
  const visitOf = (token: string, site: Site): Let | Promise<Let> => known.get(`${site.workspaceId}:${site.port}:${token}`, () => look(token, site))
  async function look(token: string, { workspaceId, port }: Site): Promise<Let> {
    const visit = await deps.previews.visit(token, { workspaceId, port }, deps.clock.now())
    if (visit === null || visit.by === 'link') return visit?.by ?? null
    // The session goes on; the right may have been taken away.
    return visit.userId !== null && (await deps.mayVisit(visit.userId, workspaceId)) ? 'session' : null
  }

  return {
    async admit(head, site) {
      if (site.settings?.access === 'public') return { as: 'public' }
      for (const token of cookiesNamed(head.headers, VISIT_COOKIES)) {
        const found = token.length > TOKEN_LIMIT ? null : visitOf(token, site)
        const as = found instanceof Promise ? await found : found
        if (as === null || (as === 'session' && !site.onTheWeb)) continue
        return causedHere(head, site, deps.hosts) ? { as } : { as: null, because: 'foreign' }
      }
      return { as: null, because: 'unknown' }
    },
    forget: () => known.forget(),
  }
}

/** By the person, or by a page of the same workspace, whatever its port. */
export function causedHere({ method, headers }: Pick<RequestHead, 'method' | 'headers'>, site: Site, hosts: PreviewHosts): boolean {
  const origin = valueOf(headers, 'origin')
  const host = valueOf(headers, 'host')
  // `null`: the page sends no referrer, or has no origin; the browser's other word decides.
  if (origin !== null && origin !== 'null') return origin === `http://${host}` || origin === `https://${host}` || isSibling(origin, site, hosts)
  const from = valueOf(headers, 'sec-fetch-site')
  if (from === 'none' || from === 'same-origin') return true
  // A program. A browser that does not say who asks, as all do without TLS, is one that can be asked through a page.
  if (from === null && !BROWSER.test(valueOf(headers, 'user-agent') ?? '')) return true
  // A link or an address that leads here. What a form of another site posts has an origin.
  if (isNavigation({ method, headers })) return true
  const referer = valueOf(headers, 'referer')
  return referer !== null && isSibling(referer, site, hosts)
}

/** How every browser begins, and no page can change it for what it loads from elsewhere. */
const BROWSER = /^Mozilla\//

function isSibling(address: string, site: Site, hosts: PreviewHosts): boolean {
  const other = hosts.ofUrl(address)
  return other !== null && site.labels.includes(other.name.label)
}

/** A person looks at a page, rather than a page at something of its own. */
export function isNavigation({ method, headers }: Pick<RequestHead, 'method' | 'headers'>): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false
  const mode = valueOf(headers, 'sec-fetch-mode')
  return mode === null ? (valueOf(headers, 'accept') ?? '').includes('text/html') : mode === 'navigate'
}

/** Rather than our own waiting page that looks again by itself. */
export function isByPerson(head: RequestHead): boolean {
  return isNavigation(head) && (valueOf(head.headers, 'sec-fetch-user') !== null || valueOf(head.headers, 'sec-fetch-site') !== 'same-origin')
}
