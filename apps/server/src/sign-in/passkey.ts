/**
 * Passkeys: a key on the person's device signs our challenge, for this server's name and no other. The library that reads
 * what devices say is loaded when the first one is used. No name is asked for, so there is none to guess.
 */
import { deadlines } from '@berth/core'
import type { Clock, Identity, Passkey, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import { UserId } from '@berth/wire'
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import { z } from 'zod'
import { readLimited } from '../http/body.ts'
import { refusal } from '../http/respond.ts'
import { failedAttempt } from './attempts.ts'
import { localPath } from './local-path.ts'
import { isForeign, startSession } from './session.ts'
import type { SessionDeps } from './session.ts'

export interface PasskeyDeps { readonly store: Pick<Store, 'passkeys' | 'signInSteps'>; readonly clock: Clock; readonly pageUrl: string }

const SIGN_IN = 'passkey'
const ADD = 'passkey.add'
const BODY_LIMIT = 16 * 1024
const PER_PERSON = 20
const Challenge = z.object({ challenge: z.string(), userId: UserId.nullable() })
/** Read closely by the library. */
const Response_ = z.looseObject({ id: z.string().min(1).max(1400), response: z.looseObject({}) })
const Answered = z.object({ step: z.string().max(200), response: Response_, next: z.string().max(2048).nullable().default(null) })

const load = () => import('@simplewebauthn/server')
const rpOf = (pageUrl: string) => ({ expectedOrigin: new URL(pageUrl).origin, expectedRPID: new URL(pageUrl).hostname })

export async function beginPasskey({ store, clock, pageUrl }: PasskeyDeps, by: Identity): Promise<{ step: string; options: unknown }> {
  const { generateRegistrationOptions } = await load()
  const there = await store.passkeys.list(by.userId)
  if (there.length >= PER_PERSON) throw new BerthError('too_many', `${PER_PERSON} passkeys are kept already`, { hint: 'remove one first' })
  const options = await generateRegistrationOptions({
    rpName: 'Berth', rpID: rpOf(pageUrl).expectedRPID, userName: by.userName, userID: new TextEncoder().encode(by.userId), attestationType: 'none',
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' }, excludeCredentials: there.map(({ id }) => ({ id })),
  })
  return { step: await store.signInSteps.put({ kind: ADD, data: { challenge: options.challenge, userId: by.userId }, expiresAt: clock.now() + deadlines.signInStep }), options }
}

export async function addPasskey(deps: PasskeyDeps, by: Identity, { step, name, response }: { step: string; name: string; response: unknown }): Promise<{ id: string }> {
  const begun = Challenge.safeParse(await deps.store.signInSteps.take(step, ADD, deps.clock.now()))
  const said = Response_.safeParse(response)
  if (!begun.success || begun.data.userId !== by.userId || !said.success) throw new BerthError('bad_request', 'that passkey was not begun here, or too long ago', { hint: 'begin again' })
  const { verifyRegistrationResponse } = await load()
  // The library checks its form and refuses what it does not know.
  const verified = await verifyRegistrationResponse({ response: said.data as unknown as RegistrationResponseJSON, expectedChallenge: begun.data.challenge, ...rpOf(deps.pageUrl), requireUserVerification: true })
    .catch((cause: unknown) => { throw new BerthError('bad_request', 'the device\'s answer does not hold', { hint: 'begin again', cause }) })
  if (!verified.verified) throw new BerthError('bad_request', 'the device\'s answer does not hold', { hint: 'begin again' })
  const { id, publicKey, counter, transports = [] } = verified.registrationInfo.credential
  if ((await deps.store.passkeys.get(id)) !== null) throw new BerthError('conflict', 'that passkey is kept already')
  await deps.store.passkeys.add({ id, userId: by.userId, publicKey: Buffer.from(publicKey).toString('base64url'), counter, transports, name }, deps.clock.now())
  return { id }
}

export interface PasskeySignInDeps extends SessionDeps { readonly store: SessionDeps['store'] & Pick<Store, 'passkeys'>; readonly pageUrl: string }

/** For anybody: a challenge says nothing about who is here. */
export async function passkeyOptions({ store, clock, pageUrl }: Pick<PasskeySignInDeps, 'store' | 'clock' | 'pageUrl'>): Promise<Response> {
  const { generateAuthenticationOptions } = await load()
  const options = await generateAuthenticationOptions({ rpID: rpOf(pageUrl).expectedRPID, userVerification: 'required' })
  return Response.json({ step: await store.signInSteps.put({ kind: SIGN_IN, data: { challenge: options.challenge, userId: null }, expiresAt: clock.now() + deadlines.signInStep }), options })
}

export async function signInWithPasskey(deps: PasskeySignInDeps, request: Request, address: string): Promise<Response> {
  if (isForeign(request)) throw new BerthError('forbidden', 'the request comes from another site', { hint: 'open the page itself' })
  const answered = Answered.safeParse(parsed(new TextDecoder().decode(await readLimited(request, BODY_LIMIT))))
  const passkey = answered.success ? await verified(deps, answered.data) : null
  if (passkey === null || !answered.success) {
    const waitS = await failedAttempt(deps, { address, way: 'passkey', reason: 'not one that is kept here' })
    return refusal(waitS === null ? new BerthError('unauthorized', 'that passkey is not one of this server', { hint: 'use another one, or a one-time link' }) : new BerthError('too_many', 'too many attempts', { hint: `wait ${waitS} s` }))
  }
  const cookie = await startSession(deps, request, { userId: passkey.userId, way: `passkey ${passkey.name}` })
  return Response.json({ next: localPath(answered.data.next) }, { headers: { 'set-cookie': cookie } })
}

async function verified(deps: PasskeySignInDeps, { step, response }: z.infer<typeof Answered>): Promise<Passkey | null> {
  const begun = Challenge.safeParse(await deps.store.signInSteps.take(step, SIGN_IN, deps.clock.now()))
  const passkey = await deps.store.passkeys.get(response.id)
  if (!begun.success || passkey === null) return null
  const { verifyAuthenticationResponse } = await load()
  const said = await verifyAuthenticationResponse({
    response: response as unknown as AuthenticationResponseJSON, expectedChallenge: begun.data.challenge, ...rpOf(deps.pageUrl), requireUserVerification: true,
    credential: { id: passkey.id, publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')), counter: passkey.counter },
  }).catch(() => null)
  if (said === null || !said.verified) return null
  await deps.store.passkeys.used(passkey.id, said.authenticationInfo.newCounter, deps.clock.now())
  return passkey
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The one script of the pages before a session. */
export const PASSKEY_SCRIPT = `const button = document.getElementById('passkey')
const said = document.getElementById('said')
const post = async (path, body) => {
  const response = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.message)
  return answer
}
button.addEventListener('click', async () => {
  button.disabled = true
  said.textContent = ''
  try {
    const { step, options } = await post('/sign-in/passkey/options', {})
    const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) })
    const { next } = await post('/sign-in/passkey', { step, response: credential.toJSON(), next: button.dataset.next })
    location.assign(next)
  } catch (error) {
    said.textContent = error instanceof DOMException ? 'No passkey was used.' : error.message
    button.disabled = false
  }
})
`
