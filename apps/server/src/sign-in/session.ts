/** A browser's session. It is a new one at every sign-in, and the one the browser came with ends: nobody sits in it beforehand. */
import { deadlines } from '@berth/core'
import type { Store } from '@berth/core'
import type { OrgId, UserId } from '@berth/wire'
import { note } from '../access/record.ts'
import { cookieName, isHttps, ownOrigin, tokenOf } from '../http/credentials.ts'
import { sessionCookie } from '../http/hosts.ts'
import type { Hosts } from '../http/hosts.ts'
import type { AttemptDeps } from './attempts.ts'

export interface SessionDeps extends AttemptDeps {
  readonly store: AttemptDeps['store'] & Pick<Store, 'access'>
  readonly hosts: Hosts
}
export interface SignedIn { readonly userId: UserId; readonly orgId?: OrgId; /** How. */ readonly way: string }

/** The cookie of a fresh session. */
export async function startSession(deps: SessionDeps, request: Request, { userId, orgId, way }: SignedIn): Promise<string> {
  const now = deps.clock.now()
  const { access } = deps.store
  const before = tokenOf(request)
  const old = before === null ? null : await access.authenticate(before, now)
  const { token } = await access.issueToken({ userId, ...(orgId === undefined ? {} : { orgId }), kind: 'browser', name: browserName(request), expiresAt: now + deadlines.browserSession }, now)
  if (old?.kind === 'browser') await access.revokeToken(old.tokenId, old.userId)
  const identity = await access.authenticate(token, now)
  if (identity !== null) await note(deps, identity, { action: 'sign-in', subject: way })
  return sessionCookie(request, cookieName(isHttps(request)), token, deadlines.browserSession)
}

/** Whether another site's page made the browser send this. */
export function isForeign(request: Request): boolean {
  const origin = request.headers.get('origin')
  const site = request.headers.get('sec-fetch-site')
  return (origin !== null && origin !== 'null' && origin !== ownOrigin(request)) || (site !== null && site !== 'same-origin' && site !== 'none')
}

/** Told apart in the list of sessions. */
function browserName(request: Request): string {
  const agent = request.headers.get('user-agent') ?? ''
  const browser = ['Firefox', 'Edg', 'Chrome', 'Safari'].find((name) => agent.includes(name)) ?? 'browser'
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac', 'Linux'].find((name) => agent.includes(name))
  return system ? `${browser} on ${system}` : browser
}
