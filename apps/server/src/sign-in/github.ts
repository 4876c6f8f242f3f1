/**
 * Signing in with GitHub, by the web flow of the organisation's own app. The state is taken once and only from the browser
 * that began; PKCE holds the code to this server; the way back is one address. GitHub's token is used once and not kept.
 */
import { createHash, randomBytes } from 'node:crypto'
import { deadlines } from '@berth/core'
import type { OrgId, UserId } from '@berth/wire'
import { z } from 'zod'
import { note, noteOf } from '../access/record.ts'
import { isHttps } from '../http/credentials.ts'
import type { Caller } from '../http/credentials.ts'
import { onPageHost } from '../http/hosts.ts'
import { failedAttempt, waitPage } from './attempts.ts'
import { collaborates, lookAtRepositories, providerOf } from './github-people.ts'
import type { GitHubPeopleDeps } from './github-people.ts'
import type { JoinDeps } from './join-page.ts'
import { localPath } from './local-path.ts'
import { GITHUB_BACK_PATH } from './paths.ts'
import { startSession } from './session.ts'
import { signInPage } from './sign-in-page.ts'
import type { WaysDeps } from './sign-in-page.ts'

export interface GitHubSignInDeps extends Omit<JoinDeps, 'store'>, Omit<GitHubPeopleDeps, 'store'>, Omit<WaysDeps, 'store'> {
  readonly store: JoinDeps['store'] & GitHubPeopleDeps['store'] & WaysDeps['store']
}
interface Asked { readonly request: Request; readonly address: string; readonly caller: Caller | null }

const KIND = 'github'
const ANSWER_WITHIN_MS = 15_000
const Step = z.object({ origin: z.string(), verifier: z.string(), next: z.string(), invitation: z.string().nullable() })
const Exchanged = z.object({ access_token: z.string().min(1).max(1000) })
const GitHubUser = z.object({ id: z.number().int(), login: z.string(), name: z.string().nullable().optional() })
const stepCookie = (request: Request): string => (isHttps(request) ? '__Host-berth-step' : 'berth_step')
const backUrl = (deps: GitHubSignInDeps): string => `${deps.hosts.pageUrl}${GITHUB_BACK_PATH}`

export async function beginGitHub(deps: GitHubSignInDeps, { request }: Asked): Promise<Response> {
  if (!deps.hosts.mayHoldCookie(request)) return Response.redirect(onPageHost(request, deps.hosts), 302)
  const query = new URL(request.url).searchParams
  const app = await appOf(deps)
  if (app === null) return signInPage(deps, { status: 404, next: '/', title: 'GitHub is not connected', said: 'An owner connects it with `berth setup github-app`.' })
  const verifier = randomBytes(32).toString('base64url')
  const state = await deps.store.signInSteps.put({ kind: KIND, expiresAt: deps.clock.now() + deadlines.signInStep, data: { origin: app.origin, verifier, next: localPath(query.get('next')), invitation: query.get('invitation') } satisfies z.infer<typeof Step> })
  const to = `${app.origin}/login/oauth/authorize?${new URLSearchParams({ client_id: app.clientId, redirect_uri: backUrl(deps), state, code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', allow_signup: 'false' }).toString()}`
  return new Response(null, { status: 303, headers: { location: to, 'set-cookie': `${stepCookie(request)}=${state}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${Math.floor(deadlines.signInStep / 1000)}${isHttps(request) ? '; Secure' : ''}` } })
}

/** The first of the organisation's that can sign people in. */
async function appOf({ store, homeOrg }: GitHubSignInDeps): Promise<{ origin: string; clientId: string; clientSecret: string } | null> {
  for (const { origin } of await store.github.list(homeOrg)) {
    const { clientId, clientSecret } = (await store.github.key(homeOrg, origin))?.key ?? { clientId: null, clientSecret: null }
    if (clientId !== null && clientSecret !== null) return { origin, clientId, clientSecret }
  }
  return null
}

export async function backFromGitHub(deps: GitHubSignInDeps, asked: Asked): Promise<Response> {
  const { request, address } = asked
  const query = new URL(request.url).searchParams
  const state = query.get('state') ?? ''
  // From the browser that began: another one's way back signs nobody in here.
  const began = (request.headers.get('cookie') ?? '').split(';').some((part) => part.trim() === `${stepCookie(request)}=${state}`)
  const step = began && state !== '' ? Step.safeParse(await deps.store.signInSteps.take(state, KIND, deps.clock.now())) : null
  const refuse = async (reason: string, words: string): Promise<Response> => {
    const waitS = await failedAttempt(deps, { address, way: 'github', reason })
    return waitS === null ? signInPage(deps, { status: 403, next: '/', title: 'Access denied', said: words }) : waitPage(waitS)
  }
  if (step?.success !== true) return refuse('the way back was not begun here', 'This way back from GitHub was used already, or was not begun in this browser.')
  if (query.get('error') !== null) return refuse('GitHub was told no', 'GitHub was not allowed to say who you are.')
  const person = await personOf(deps, step.data, query.get('code') ?? '')
  if (person === null) return refuse('GitHub did not take the code', 'GitHub did not say who you are. Try again.')
  const found = await userOf(deps, asked, { person, invitation: step.data.invitation })
  if (found === null) return refuse(`${person.login} writes to no repository of a workspace`, `${person.login} may write to no repository of a workspace here, and has no invitation. Ask whoever runs this server.`)
  await lookAtRepositories(deps, person, { orgId: deps.homeOrg, userId: found.userId })
  return new Response(null, { status: 303, headers: [['location', step.data.next], ['set-cookie', await startSession(deps, request, { ...found, way: `github ${person.login}` })], ['set-cookie', `${stepCookie(request)}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0${isHttps(request) ? '; Secure' : ''}`]] })
}

interface Named { readonly origin: string; readonly subject: string; readonly login: string; readonly name: string }

async function personOf(deps: GitHubSignInDeps, step: z.infer<typeof Step>, code: string): Promise<Named | null> {
  const app = await appOf(deps)
  if (app === null || app.origin !== step.origin || code === '') return null
  const answer = await fetch(`${app.origin}/login/oauth/access_token`, {
    method: 'POST', redirect: 'error', signal: AbortSignal.timeout(ANSWER_WITHIN_MS), headers: { accept: 'application/json', 'user-agent': 'berth' },
    body: new URLSearchParams({ client_id: app.clientId, client_secret: app.clientSecret, code, redirect_uri: backUrl(deps), code_verifier: step.verifier }),
  }).then((response) => response.json(), () => null)
  const exchanged = Exchanged.safeParse(answer)
  if (!exchanged.success) return null
  const user = await deps.github.api.ask({ origin: app.origin, path: '/user', credential: exchanged.data.access_token, answer: GitHubUser })
  return user.ok ? { origin: app.origin, subject: String(user.value.id), login: user.value.login, name: user.value.name ?? user.value.login } : null
}

/** Whom this is here: somebody known, the one who is signed in and adds GitHub, one who was invited, or one who collaborates. Null: nobody. */
async function userOf(deps: GitHubSignInDeps, { caller }: Asked, { person, invitation }: { person: Named; invitation: string | null }): Promise<{ userId: UserId; orgId?: OrgId } | null> {
  const { identities, people } = deps.store
  const provider = providerOf(person.origin)
  const now = deps.clock.now()
  const link = (userId: UserId) => identities.link({ provider, subject: person.subject, userId, login: person.login }, now)
  const known = await identities.userOf(provider, person.subject)
  if (invitation !== null) {
    const joined = await people.join(invitation, known === null ? { name: person.name } : { userId: known }, now)
    if (joined !== null) {
      await link(joined.userId)
      await noteOf(deps, { orgId: joined.orgId, actor: `${person.name} (${joined.userId}, browser)` }, { action: 'person.join', subject: `${joined.role} github ${person.login}` })
      return { userId: joined.userId, orgId: joined.orgId }
    }
  }
  if (known !== null && (await people.memberships(known)).length > 0) {
    await link(known)
    return { userId: known }
  }
  if (caller !== null) {
    await link(caller.userId)
    await note(deps, caller, { action: 'repository.access', subject: `is ${person.login} at ${person.origin}` })
    return { userId: caller.userId, orgId: caller.orgId }
  }
  return comesByRepository(deps, { person, known })
}

async function comesByRepository(deps: GitHubSignInDeps, { person, known }: { person: Named; known: UserId | null }): Promise<{ userId: UserId; orgId: OrgId } | null> {
  const orgId = deps.homeOrg
  // Somebody who was taken out stays out until they are invited again.
  if (known !== null || !(await collaborates(deps, person, orgId))) return null
  const now = deps.clock.now()
  const userId = await deps.store.identities.createUser({ name: person.name, orgId, role: 'guest' }, now)
  await deps.store.identities.link({ provider: providerOf(person.origin), subject: person.subject, userId, login: person.login }, now)
  await noteOf(deps, { orgId, actor: `${person.name} (${userId}, browser)` }, { action: 'person.join', subject: `guest github ${person.login}` })
  return { userId, orgId }
}
