/** The pages and requests before a session. Null: another part's. */
import { BerthError } from '@berth/wire'
import { callerOf } from '../http/credentials.ts'
import type { Caller } from '../http/credentials.ts'
import { backFromGitHub, beginGitHub } from './github.ts'
import type { GitHubSignInDeps } from './github.ts'
import { joinPage } from './join-page.ts'
import { oneTimeLink } from './one-time-link.ts'
import type { Pace } from './pace.ts'
import { passkeyOptions, PASSKEY_SCRIPT, signInWithPasskey } from './passkey.ts'
import type { PasskeySignInDeps } from './passkey.ts'
import { GITHUB_BACK_PATH, GITHUB_START_PATH, JOIN_PATH, PASSKEY_OPTIONS_PATH, PASSKEY_PATH, PASSKEY_SCRIPT_PATH, SIGN_IN_PATH } from './paths.ts'

export interface SignInDeps extends Omit<GitHubSignInDeps, 'store'>, Omit<PasskeySignInDeps, 'store'> {
  readonly store: GitHubSignInDeps['store'] & PasskeySignInDeps['store']
  readonly pace: Pace
}

export function signInRoute(deps: SignInDeps, request: Request, address: string): Promise<Response> | null {
  const { pathname } = new URL(request.url)
  const as = async (): Promise<Caller | null> => callerOf({ access: deps.store.access, clock: deps.clock }, request, { basic: false }).catch(() => null)
  switch (pathname) {
    case SIGN_IN_PATH: return oneTimeLink(deps, request, address)
    case JOIN_PATH: return as().then((caller) => joinPage(deps, { request, address, caller }))
    case GITHUB_START_PATH: return atPace(deps, address, async () => beginGitHub(deps, { request, address, caller: null }))
    case GITHUB_BACK_PATH: return as().then((caller) => backFromGitHub(deps, { request, address, caller }))
    case PASSKEY_OPTIONS_PATH: return posted(request, () => atPace(deps, address, async () => passkeyOptions(deps)))
    case PASSKEY_PATH: return posted(request, () => signInWithPasskey(deps, request, address))
    case PASSKEY_SCRIPT_PATH: return Promise.resolve(new Response(PASSKEY_SCRIPT, { headers: { 'content-type': 'text/javascript; charset=utf-8' } }))
    default: return null
  }
}

/** Each leaves a row behind. */
async function atPace({ pace }: SignInDeps, address: string, work: () => Promise<Response>): Promise<Response> {
  if (!pace.allows(`begin ${address}`)) throw new BerthError('too_many', 'too many attempts', { hint: 'wait a minute' })
  return work()
}

async function posted(request: Request, work: () => Promise<Response>): Promise<Response> {
  if (request.method !== 'POST') throw new BerthError('bad_request', 'this is posted')
  return work()
}
