/**
 * Installation tokens: one for each operation of a workspace, good for one repository and no more rights than the
 * operation needs. Git asks several times for one operation, so a token is kept until nobody has asked for a moment; then
 * it is given back to GitHub.
 */
import type { Clock, GitHubStore } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { OrgId, WorkspaceId } from '@berth/wire'
import { z } from 'zod'
import type { Log } from '../http/respond.ts'
import { appToken } from './github-api.ts'
import type { GitHubApi } from './github-api.ts'

export type Rights = Readonly<Record<string, 'read' | 'write'>>
export interface Wanted { readonly orgId: OrgId; readonly workspaceId: WorkspaceId; readonly origin: string; /** `owner/name`. */ readonly path: string; readonly rights: Rights }
export interface Lease { readonly token: string; readonly expiresAt: number; release(): void; /** GitHub does not take it any more: the next lease is another one. */ discard(): void }
/** `missing`: GitHub gives none, in words for people. Null: no app of that GitHub is kept. */
export type Leased = { readonly lease: Lease } | { readonly missing: { readonly message: string; readonly hint: string } } | null

export interface TokensDeps { readonly store: Pick<GitHubStore, 'key' | 'used'>; readonly api: GitHubApi; readonly clock: Clock; readonly log: Log; readonly lingerMs?: number }
export interface Tokens {
  lease(wanted: Wanted): Promise<Leased>
  /** Those that are kept for that GitHub are worthless, or may be: the next operation asks anew. */
  forget(at: { orgId: OrgId; origin: string }): void
  /** Gives back what is out. */
  stop(): Promise<void>
}

const LINGER_MS = 15_000
/** One that ends sooner is not begun with. */
const LEFT_MS = 10 * 60_000

interface Held { readonly origin: string; readonly token: string; readonly expiresAt: number; uses: number; timer: NodeJS.Timeout | null }
const Minted = z.object({ token: z.string(), expires_at: z.string() })
const Installation = z.object({ id: z.number(), suspended_at: z.string().nullish() })

export function createTokens({ store, api, clock, log, lingerMs = LINGER_MS }: TokensDeps): Tokens {
  const held = new Map<string, Held>()
  const minting = new Map<string, Promise<Held | { message: string; hint: string } | null>>()

  async function revoke(key: string, one: Held): Promise<void> {
    if (held.get(key) === one) held.delete(key)
    await api.ask({ origin: one.origin, method: 'DELETE', path: '/installation/token', credential: one.token, answer: z.unknown() }).catch((error: unknown) => log(`github: a token was not given back, and ends by itself: ${String(error)}`))
  }
  function use(key: string, one: Held): Lease {
    if (one.timer !== null) clearTimeout(one.timer)
    one.timer = null
    one.uses += 1
    let out = true
    return {
      token: one.token, expiresAt: one.expiresAt,
      release() {
        if (!out) return
        out = false
        one.uses -= 1
        if (one.uses === 0) one.timer = setTimeout(() => void revoke(key, one), lingerMs)
      },
      discard() {
        if (held.get(key) === one) held.delete(key)
      },
    }
  }
  async function mint({ orgId, origin, path, rights }: Wanted): Promise<Held | { message: string; hint: string } | null> {
    const app = await store.key(orgId, origin)
    if (app === null) return null
    const credential = appToken({ appId: app.appId, privateKey: app.key.privateKey }, clock.now())
    const found = await api.ask({ origin, path: `/repos/${path}/installation`, credential, answer: Installation })
    if (!found.ok) return refusal(found.status, { name: app.name, htmlUrl: app.htmlUrl, path, message: found.message })
    if (typeof found.value.suspended_at === 'string') return { message: `the GitHub app ${app.name} is suspended for ${path}`, hint: `let it in again at ${app.htmlUrl}/installations/new, then try again` }
    const minted = await api.ask({ origin, method: 'POST', path: `/app/installations/${found.value.id}/access_tokens`, credential, body: { repositories: [path.split('/')[1]], permissions: rights }, answer: Minted })
    if (!minted.ok && minted.status === 422 && rights['workflows'] !== undefined) return { message: `the GitHub app ${app.name} may not change workflows: GitHub gives it no token for that`, hint: `its owner gives it "Workflows: read and write" in its settings at ${origin}, and accepts it where it is installed; \`berth setup github-app --workflows\` makes one that has it` }
    if (!minted.ok) return refusal(minted.status, { name: app.name, htmlUrl: app.htmlUrl, path, message: minted.message })
    await store.used(orgId, origin, clock.now())
    return { origin, token: minted.value.token, expiresAt: Date.parse(minted.value.expires_at), uses: 0, timer: null }
  }
  return {
    async lease(wanted) {
      const key = [wanted.orgId, wanted.workspaceId, wanted.origin, wanted.path.toLowerCase(), JSON.stringify(wanted.rights)].join(' ')
      const present = held.get(key)
      if (present !== undefined && present.expiresAt - clock.now() > LEFT_MS) return { lease: use(key, present) }
      const under = minting.get(key) ?? mint(wanted).finally(() => minting.delete(key))
      minting.set(key, under)
      const made = await under
      if (made === null) return null
      if ('message' in made) return { missing: made }
      // The one before is used to its end by whoever has it.
      held.set(key, made)
      return { lease: use(key, made) }
    },
    forget({ orgId, origin }) {
      for (const [key, one] of held) {
        if (!key.startsWith(`${orgId} `) || one.origin !== origin) continue
        held.delete(key)
        if (one.timer !== null) clearTimeout(one.timer)
        if (one.uses === 0) void revoke(key, one)
      }
    },
    async stop() {
      for (const one of held.values()) if (one.timer !== null) clearTimeout(one.timer)
      await Promise.all([...held].map(([key, one]) => revoke(key, one)))
    },
  }
}

function refusal(status: number, { name, htmlUrl, path, message }: { name: string; htmlUrl: string; path: string; message: string }): { message: string; hint: string } {
  if (status === 401) throw new BerthError('unauthorized', `GitHub does not know the app ${name}, or its key`, { hint: 'was it deleted, or its key replaced? `berth setup github-app` makes a new one' })
  if (status === 404) return { message: `the GitHub app ${name} is not installed on ${path}`, hint: `choose the repository at ${htmlUrl}/installations/new, then try again` }
  return { message: `GitHub gives the app ${name} no access to ${path}: ${message}`, hint: `look at what it may do at ${htmlUrl}/installations/new` }
}
