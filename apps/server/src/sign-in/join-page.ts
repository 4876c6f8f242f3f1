/** Invitations. Opening one shows who invites; pressing the button uses it up. */
import { BerthError } from '@berth/wire'
import type { Store } from '@berth/core'
import { note, noteOf } from '../access/record.ts'
import { readLimited } from '../http/body.ts'
import type { Caller } from '../http/credentials.ts'
import { onPageHost } from '../http/hosts.ts'
import { escapeHtml, signedOutPage } from '../http/signed-out-page.ts'
import { failedAttempt, waitPage } from './attempts.ts'
import { GITHUB_START_PATH, JOIN_PATH } from './paths.ts'
import { isForeign, startSession } from './session.ts'
import type { SessionDeps } from './session.ts'

export interface JoinDeps extends SessionDeps { readonly store: SessionDeps['store'] & Pick<Store, 'people' | 'github'> }
interface Asked { readonly request: Request; readonly address: string; /** Null: nobody is signed in. */ readonly caller: Caller | null }

const FORM_LIMIT = 8192
const TOKEN = /^[A-Za-z0-9_-]{1,256}$/
const NAME_LIMIT = 80

export async function joinPage(deps: JoinDeps, asked: Asked): Promise<Response> {
  const { request } = asked
  if (!deps.hosts.mayHoldCookie(request)) return Response.redirect(onPageHost(request, deps.hosts), 302)
  if (request.method === 'GET' || request.method === 'HEAD') return show(deps, asked, new URL(request.url).searchParams.get('token') ?? '')
  if (request.method !== 'POST') throw new BerthError('bad_request', `${request.method} is not for joining`)
  if (isForeign(request)) throw new BerthError('forbidden', 'the request comes from another site', { hint: 'open the invitation itself' })
  return join(deps, asked)
}

const over = (status: number): Response => signedOutPage(status, '<h1>This invitation was used already, or is too old</h1><p>Ask who sent it for a new one.</p>')

async function refused(deps: JoinDeps, address: string): Promise<Response> {
  const waitS = await failedAttempt(deps, { address, way: 'invitation', reason: 'used already, too old or made up' })
  return waitS === null ? over(401) : waitPage(waitS)
}

async function show(deps: JoinDeps, { address, caller }: Asked, token: string): Promise<Response> {
  const invited = TOKEN.test(token) ? await deps.store.people.invited(token, deps.clock.now()) : null
  if (invited === null) return refused(deps, address)
  const { orgName, by, role } = invited
  const who = caller === null
    ? `<label class="field">Your name<input name="name" required maxlength="${NAME_LIMIT}" autocomplete="name" autofocus></label><button type="submit">Join</button>`
    : `<button type="submit" autofocus>Join as ${escapeHtml(caller.userName)}</button>`
  const github = caller === null && (await deps.store.github.list(deps.homeOrg)).length > 0 ? `<a class="act quiet" href="${escapeHtml(`${GITHUB_START_PATH}?${new URLSearchParams({ invitation: token }).toString()}`)}">Join with GitHub</a>` : ''
  return signedOutPage(200, `<h1>Join ${escapeHtml(orgName)}</h1><p><b>${escapeHtml(by)}</b> invites you as ${role === 'owner' ? 'an owner' : `a ${role}`}. ${ROLE_WORDS[role]}</p><form method="post" action="${JOIN_PATH}"><input type="hidden" name="token" value="${escapeHtml(token)}">${who}</form>${github}`, { title: `Join ${orgName}`, ownForm: true })
}
const ROLE_WORDS = { owner: 'Owners decide about people and credentials.', member: 'Members make workspaces of their own and look at the others.', viewer: 'Viewers look, and act where they are given more.', guest: '' } as const

async function join(deps: JoinDeps, { request, address, caller }: Asked): Promise<Response> {
  const form = new URLSearchParams(new TextDecoder().decode(await readLimited(request, FORM_LIMIT)))
  const token = form.get('token') ?? ''
  const name = (form.get('name') ?? '').trim().slice(0, NAME_LIMIT)
  if (caller === null && name === '') return show(deps, { request, address, caller }, token)
  const joined = TOKEN.test(token) ? await deps.store.people.join(token, caller === null ? { name } : { userId: caller.userId }, deps.clock.now()) : null
  if (joined === null) return refused(deps, address)
  const { userId, orgId, role } = joined
  if (caller === null) await noteOf(deps, { orgId, actor: `${name} (${userId}, browser)` }, { action: 'person.join', subject: role })
  else await note(deps, { ...caller, orgId }, { action: 'person.join', subject: role })
  return new Response(null, { status: 303, headers: { location: '/', 'set-cookie': await startSession(deps, request, { userId, orgId, way: 'invitation' }) } })
}
