/** A program without a browser is let in by a person who has one: it shows a short code, they type it where they are signed in. */
import { deadlines } from '@berth/core'
import type { Clock, Identity, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import { DEVICE_PATH } from '../sign-in/paths.ts'

export interface DeviceLoginDeps { readonly store: Pick<Store, 'deviceLogins' | 'access' | 'people'>; readonly clock: Clock; readonly pageUrl: string }

/** Twenty consonants and nine digits less those that look alike: 28^8 is 38 bits, for ten minutes, behind a session. */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ23456789'
const CODE_LENGTH = 8
const INTERVAL_MS = 2000

export async function beginDeviceLogin({ store, clock, pageUrl }: DeviceLoginDeps, { name, address }: { name: string; address: string }) {
  const userCode = newUserCode()
  const expiresAt = clock.now() + deadlines.deviceLogin
  const { deviceCode } = await store.deviceLogins.begin({ name, address, userCode, expiresAt }, clock.now())
  const shown = `${userCode.slice(0, 4)}-${userCode.slice(4)}`
  return { deviceCode, userCode: shown, verifyUrl: `${pageUrl}${DEVICE_PATH}?${new URLSearchParams({ code: shown }).toString()}`, expiresAt, intervalMs: INTERVAL_MS }
}

/** Without a bias: a byte above the last whole multiple is drawn again. */
function newUserCode(): string {
  const usable = 256 - (256 % ALPHABET.length)
  let code = ''
  while (code.length < CODE_LENGTH) for (const byte of crypto.getRandomValues(new Uint8Array(CODE_LENGTH))) if (byte < usable && code.length < CODE_LENGTH) code += ALPHABET[byte % ALPHABET.length]
  return code
}

export async function pollDeviceLogin({ store, clock }: DeviceLoginDeps, deviceCode: string): Promise<{ state: 'waiting' | 'denied' | 'done'; token: string | null; name: string | null }> {
  const found = await store.deviceLogins.take(deviceCode, clock.now())
  if (found === null) throw new BerthError('not_found', 'that code is too old, or was used', { hint: 'run `berth login` again' })
  if (found.state !== 'approved') return { state: found.state, token: null, name: null }
  const { token } = await store.access.issueToken({ userId: found.userId, orgId: found.orgId, kind: 'cli', name: found.name, expiresAt: clock.now() + deadlines.deviceSession }, clock.now())
  return { state: 'done', token, name: (await store.people.user(found.userId))?.name ?? null }
}

const unknownCode = (): BerthError => new BerthError('not_found', 'no program waits with that code', { hint: 'compare it with what the program shows; a code is good for ten minutes' })

export async function getDeviceLogin({ store, clock }: DeviceLoginDeps, userCode: string) {
  const found = await store.deviceLogins.byUserCode(userCode, clock.now())
  if (found === null) throw unknownCode()
  return found
}

export async function answerDeviceLogin({ store, clock }: DeviceLoginDeps, by: Identity, { userCode, decision }: { userCode: string; decision: 'approve' | 'deny' }): Promise<{ answered: boolean }> {
  if (!(await store.deviceLogins.answer(userCode, { decision, userId: by.userId, orgId: by.orgId }, clock.now()))) throw unknownCode()
  return { answered: true }
}
