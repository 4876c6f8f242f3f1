/** Sign-ins that failed: counted by the address they came from, answered slower and slower, and written down while they are answered. */
import { blockMsAfter } from '@berth/core'
import type { Store } from '@berth/core'
import type { OrgId } from '@berth/wire'
import { noteOf } from '../access/record.ts'
import type { RecordDeps } from '../access/record.ts'
import { signedOutPage } from '../http/signed-out-page.ts'

export interface AttemptDeps extends RecordDeps {
  readonly store: Pick<Store, 'audit' | 'signInSteps'>
  /** Whose record tells of strangers. */
  readonly homeOrg: OrgId
}
export interface Attempt { readonly address: string; /** `one-time link`, `passkey`, `github`: never what was tried. */ readonly way: string; readonly reason: string }

/** Null: answer as usual; otherwise the seconds to wait. What was right never comes here, so nobody is locked out. */
export async function failedAttempt(deps: AttemptDeps, { address, way, reason }: Attempt): Promise<number | null> {
  const now = deps.clock.now()
  const key = `address ${address}`
  const left = (await deps.store.signInSteps.blockedUntil(key)) - now
  if (left > 0) return Math.ceil(left / 1000)
  const blockMs = blockMsAfter(await deps.store.signInSteps.failed(key, now))
  if (blockMs > 0) await deps.store.signInSteps.block(key, now + blockMs)
  // Only those that are answered: who knocks without end does not fill the record.
  await noteOf(deps, { orgId: deps.homeOrg, actor: `somebody at ${address}` }, { action: 'sign-in.refused', subject: way, refused: reason })
  return null
}

export function waitPage(seconds: number): Response {
  const page = signedOutPage(429, '<h1>Too many attempts</h1><p>Wait a moment, then open a fresh link.</p>')
  page.headers.set('retry-after', String(seconds))
  return page
}
