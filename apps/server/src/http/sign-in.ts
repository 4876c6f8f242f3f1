/**
 * One-time links. Opening one only shows a button, so that the preview of a chat or mail program does not use it
 * up; pressing the button redeems the code and gives the browser its session.
 */
import { deadlines } from '@berth/core'
import type { AccessStore, Clock } from '@berth/core'
import { BerthError } from '@berth/wire'
import { readLimited } from './body.ts'
import { cookieName, isHttps, ownOrigin } from './credentials.ts'
import { onPageHost, sessionCookie } from './hosts.ts'
import type { Hosts } from './hosts.ts'
import { escapeHtml, signedOutPage } from './signed-out-page.ts'

export interface SignInDeps { readonly access: Pick<AccessStore, 'redeemSignInCode' | 'issueToken'>; readonly clock: Clock; readonly hosts: Hosts }

export const SIGN_IN_PATH = '/sign-in'
const FORM_LIMIT = 4096
const CODE = /^[A-Za-z0-9_-]{1,256}$/

export async function signIn(deps: SignInDeps, request: Request): Promise<Response> {
  if (request.method === 'GET' || request.method === 'HEAD') return showButton(deps, request)
  if (request.method === 'POST') return redeem(deps, request)
  throw new BerthError('bad_request', `${request.method} is not for signing in`)
}

function showButton(deps: SignInDeps, request: Request): Response {
  if (!deps.hosts.mayHoldCookie(request)) return Response.redirect(onPageHost(request, deps.hosts), 302)
  const query = new URL(request.url).searchParams
  const code = query.get('code') ?? ''
  if (!CODE.test(code)) return signedOutPage(400, '<h1>This link is not complete</h1><p>Copy all of it, or make a new one:</p><pre>berth web</pre>')
  return signedOutPage(200, `<h1>Sign in to Berth</h1><p>This browser will see and answer your agents.</p><form method="post" action="${SIGN_IN_PATH}"><input type="hidden" name="code" value="${escapeHtml(code)}"><input type="hidden" name="next" value="${escapeHtml(localPath(query.get('next')))}"><button type="submit" autofocus>Sign in on this browser</button></form>`)
}

async function redeem(deps: SignInDeps, request: Request): Promise<Response> {
  if (!deps.hosts.mayHoldCookie(request)) throw new BerthError('forbidden', 'this name of the server holds no sessions', { hint: `open ${deps.hosts.pageUrl}` })
  const origin = request.headers.get('origin')
  const site = request.headers.get('sec-fetch-site')
  // Signing a browser in as somebody else is an attack too.
  const foreign = (origin !== null && origin !== 'null' && origin !== ownOrigin(request)) || (site !== null && site !== 'same-origin' && site !== 'none')
  if (foreign) throw new BerthError('forbidden', 'the request comes from another site', { hint: 'open the sign-in link itself' })
  const form = new URLSearchParams(new TextDecoder().decode(await readLimited(request, FORM_LIMIT)))
  const now = deps.clock.now()
  const code = form.get('code') ?? ''
  const userId = CODE.test(code) ? await deps.access.redeemSignInCode(code, now) : null
  if (userId === null) return signedOutPage(401, '<h1>This link was used already, or is too old</h1><p>A link signs one browser in, once. For a new one:</p><pre>berth web</pre>')
  const { token } = await deps.access.issueToken({ userId, kind: 'browser', name: browserName(request), expiresAt: now + deadlines.browserSession }, now)
  return new Response(null, {
    status: 303,
    headers: { location: localPath(form.get('next')), 'set-cookie': sessionCookie(request, cookieName(isHttps(request)), token, deadlines.browserSession) },
  })
}

/** Only a path of this server: `//host` and `/\host` leave it. As a header says it, since what is no byte would become another one there. */
export function localPath(next: string | null): string {
  return next !== null && /^\/(?![/\\])[^\s\\]*$/.test(next) ? next.toWellFormed().replaceAll(/[^\x21-\x7e]/gu, encodeURIComponent) : '/'
}

/** Told apart in the list of tokens. */
function browserName(request: Request): string {
  const agent = request.headers.get('user-agent') ?? ''
  const browser = ['Firefox', 'Edg', 'Chrome', 'Safari'].find((name) => agent.includes(name)) ?? 'browser'
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac', 'Linux'].find((name) => agent.includes(name))
  return system ? `${browser} on ${system}` : browser
}
