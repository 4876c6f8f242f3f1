/**
 * One-time links. Opening one only shows a button, so that the preview of a chat or mail program does not use it
 * up; pressing the button redeems the code and gives the browser its session.
 */
import { BerthError } from '@berth/wire'
import { readLimited } from '../http/body.ts'
import { onPageHost } from '../http/hosts.ts'
import { escapeHtml, signedOutPage } from '../http/signed-out-page.ts'
import { failedAttempt, waitPage } from './attempts.ts'
import { localPath } from './local-path.ts'
import { SIGN_IN_PATH } from './paths.ts'
import { isForeign, startSession } from './session.ts'
import type { SessionDeps } from './session.ts'
import { signInPage } from './sign-in-page.ts'
import type { WaysDeps } from './sign-in-page.ts'

export interface LinkDeps extends SessionDeps, WaysDeps { readonly store: SessionDeps['store'] & WaysDeps['store'] }

const FORM_LIMIT = 4096
const CODE = /^[A-Za-z0-9_-]{1,256}$/

export async function oneTimeLink(deps: LinkDeps, request: Request, address: string): Promise<Response> {
  if (request.method === 'GET' || request.method === 'HEAD') return showButton(deps, request)
  if (request.method === 'POST') return redeem(deps, request, address)
  throw new BerthError('bad_request', `${request.method} is not for signing in`)
}

async function showButton(deps: LinkDeps, request: Request): Promise<Response> {
  if (!deps.hosts.mayHoldCookie(request)) return Response.redirect(onPageHost(request, deps.hosts), 302)
  const query = new URL(request.url).searchParams
  const next = localPath(query.get('next'))
  const code = query.get('code')
  if (code === null) return signInPage(deps, { status: 200, next })
  if (!CODE.test(code)) return signedOutPage(400, '<h1>This link is not complete</h1><p>Copy all of it, or make a new one:</p><pre>berth web</pre>')
  return signedOutPage(200, `<h1>Sign in to Berth</h1><p>This browser will see and answer your agents.</p><form method="post" action="${SIGN_IN_PATH}"><input type="hidden" name="code" value="${escapeHtml(code)}"><input type="hidden" name="next" value="${escapeHtml(next)}"><button type="submit" autofocus>Sign in on this browser</button></form>`)
}

async function redeem(deps: LinkDeps, request: Request, address: string): Promise<Response> {
  if (!deps.hosts.mayHoldCookie(request)) throw new BerthError('forbidden', 'this name of the server holds no sessions', { hint: `open ${deps.hosts.pageUrl}` })
  // Signing a browser in as somebody else is an attack too.
  if (isForeign(request)) throw new BerthError('forbidden', 'the request comes from another site', { hint: 'open the sign-in link itself' })
  const form = new URLSearchParams(new TextDecoder().decode(await readLimited(request, FORM_LIMIT)))
  const code = form.get('code') ?? ''
  const userId = CODE.test(code) ? await deps.store.access.redeemSignInCode(code, deps.clock.now()) : null
  if (userId === null) {
    const waitS = await failedAttempt(deps, { address, way: 'one-time link', reason: 'used already, too old or made up' })
    return waitS === null ? signedOutPage(401, '<h1>This link was used already, or is too old</h1><p>A link signs one browser in, once. For a new one:</p><pre>berth web</pre>') : waitPage(waitS)
  }
  return new Response(null, { status: 303, headers: { location: localPath(form.get('next')), 'set-cookie': await startSession(deps, request, { userId, way: 'one-time link' }) } })
}
