/**
 * The keys of a call, in the order in which they are tried. One that was refused is passed over for a while, so that
 * not every call asks it first; when all are, they are asked again. A login that ends is renewed before it is used.
 */
import type { Clock, KeptModelKey, ModelKeyStore } from '@berth/core'
import type { OrgId, UserId } from '@berth/wire'
import { MODEL_VENDORS, type ModelVendor, type OAuthLogin } from '@berth/wire/model-access'
import { z } from 'zod'
import type { Log } from '../http/respond.ts'
import { remembered } from '../remembered.ts'

export interface CallKeys { readonly limitMicros: number | null; readonly keys: readonly KeptModelKey[] }
export interface Keys {
  of(asking: { orgId: OrgId; creatorId: UserId }, vendor: ModelVendor): Promise<CallKeys>
  /** It was refused before a byte of an answer came. False: it was passed over already. */
  refused(orgId: OrgId, vendor: ModelVendor, key: KeptModelKey, answer: { status: number; retryAfterS: number | null }): boolean
  /** As it is to be used now. Null: it cannot be renewed. */
  ready(orgId: OrgId, vendor: ModelVendor, key: KeptModelKey): Promise<KeptModelKey | null>
}

/** A key that was taken away is in use for so long. */
const REMEMBERED_MS = 2000
const PASSED_OVER_MS = { busy: 30_000, refused: 5 * 60_000 } as const
const PASSED_OVER_MOST_MS = 15 * 60_000
/** Renewed before it ends, so that a long answer does not outlive it. */
const RENEW_BEFORE_MS = 60_000
const RENEW_WITHIN_MS = 15_000
const LIFE_WHEN_UNSAID_S = 3600
const Renewed = z.object({ access_token: z.string().min(1).max(8192), refresh_token: z.string().min(1).max(8192).optional(), expires_in: z.number().positive().catch(LIFE_WHEN_UNSAID_S) })

export function createKeys({ store, clock, log }: { store: Pick<ModelKeyStore, 'inOrder' | 'renewLogin'>; clock: Clock; log: Log }): Keys {
  const known = remembered<CallKeys>({ clock, ms: REMEMBERED_MS, limit: 1000 })
  const passedOver = new Map<string, number>()
  const nameOf = (orgId: OrgId, vendor: ModelVendor, { name }: KeptModelKey): string => `${orgId} ${vendor} ${name ?? ''}`
  return {
    async of({ orgId, creatorId }, vendor) {
      const { limitMicros, keys } = await known.get(`${orgId} ${creatorId} ${vendor}`, () => store.inOrder(orgId, vendor, creatorId))
      const fit = keys.filter((key) => (passedOver.get(nameOf(orgId, vendor, key)) ?? 0) <= clock.now())
      return { limitMicros, keys: fit.length > 0 ? fit : keys }
    },
    refused(orgId, vendor, key, { status, retryAfterS }) {
      const ms = retryAfterS === null ? (status === 401 ? PASSED_OVER_MS.refused : PASSED_OVER_MS.busy) : retryAfterS * 1000
      if (passedOver.size > 10_000) passedOver.clear()
      const name = nameOf(orgId, vendor, key)
      const isNews = (passedOver.get(name) ?? 0) <= clock.now()
      passedOver.set(name, clock.now() + Math.min(ms, PASSED_OVER_MOST_MS))
      return isNews
    },
    async ready(orgId, vendor, key) {
      const ends = (login: OAuthLogin): boolean => login.expiresAt - RENEW_BEFORE_MS <= clock.now()
      if (key.login === undefined || key.name === null || !ends(key.login)) return key
      const { name } = key
      const login = await store.renewLogin({ orgId, vendor, name }, async (kept) => ends(kept) ? renew(kept, clock.now()) : null).catch((cause: unknown) => {
        log(`${MODEL_VENDORS[vendor].title}: the login ${name} was not renewed: ${cause instanceof Error ? cause.message : 'it failed'}`)
        return null
      })
      known.forget()
      return login === null || ends(login) ? null : { ...key, login, key: login.accessToken }
    },
  }
}

/** By the refresh grant of OAuth 2. What is said of a failure has no token in it. */
async function renew(login: OAuthLogin, now: number): Promise<OAuthLogin> {
  const answer = await fetch(login.tokenUrl, {
    method: 'POST', redirect: 'error', signal: AbortSignal.timeout(RENEW_WITHIN_MS), headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: login.refreshToken, client_id: login.clientId }),
  })
  if (!answer.ok) throw new Error(`${new URL(login.tokenUrl).host} answered ${answer.status}`)
  const said = Renewed.safeParse(await answer.json())
  if (!said.success) throw new Error(`${new URL(login.tokenUrl).host} gave no token`)
  return { ...login, accessToken: said.data.access_token, refreshToken: said.data.refresh_token ?? login.refreshToken, expiresAt: now + said.data.expires_in * 1000 }
}
