/** Installation tokens: one for each operation of a workspace, good for one repository and no more rights than the operation needs, and given back to GitHub. */
import type { Clock, GitHubStore } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { OrgId, WorkspaceId } from '@berth/wire'
import { z } from 'zod'
import { createHeldTokens } from '../git-hosting/held-tokens.ts'
import type { Leased, Minted as MintedToken, Refused } from '../git-hosting/held-tokens.ts'
import type { Log } from '../http/respond.ts'
import { appToken } from './github-api.ts'
import type { GitHubApi } from './github-api.ts'

export type Rights = Readonly<Record<string, 'read' | 'write'>>
export interface Wanted { readonly orgId: OrgId; readonly workspaceId: WorkspaceId; readonly origin: string; /** `owner/name`. */ readonly path: string; readonly rights: Rights }
export interface TokensDeps { readonly store: Pick<GitHubStore, 'key' | 'used'>; readonly api: GitHubApi; readonly clock: Clock; readonly log: Log; readonly lingerMs?: number }
export interface Tokens {
  lease(wanted: Wanted): Promise<Leased>
  /** Those that are kept for that GitHub are worthless, or may be: the next operation asks anew. */
  forget(at: { orgId: OrgId; origin: string }): void
  /** Gives back what is out. */
  stop(): Promise<void>
}

const Minted = z.object({ token: z.string(), expires_at: z.string() })
const Installation = z.object({ id: z.number(), suspended_at: z.string().nullish() })

export function createTokens({ store, api, clock, log, lingerMs }: TokensDeps): Tokens {
  const held = createHeldTokens({ now: () => clock.now(), ...(lingerMs === undefined ? {} : { lingerMs }) })
  async function mint({ orgId, origin, path, rights }: Wanted): Promise<MintedToken | Refused | null> {
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
    const { token, expires_at: expiresAt } = minted.value
    return {
      token, expiresAt: Date.parse(expiresAt),
      async giveBack() {
        await api.ask({ origin, method: 'DELETE', path: '/installation/token', credential: token, answer: z.unknown() }).catch((error: unknown) => log(`github: a token was not given back, and ends by itself: ${String(error)}`))
      },
    }
  }
  return {
    lease: (wanted) => held.lease([wanted.orgId, wanted.origin, wanted.workspaceId, wanted.path.toLowerCase(), JSON.stringify(wanted.rights)].join(' '), () => mint(wanted)),
    forget: ({ orgId, origin }) => held.forget((key) => key.startsWith(`${orgId} ${origin} `)),
    stop: () => held.stop(),
  }
}

function refusal(status: number, { name, htmlUrl, path, message }: { name: string; htmlUrl: string; path: string; message: string }): Refused {
  if (status === 401) throw new BerthError('unauthorized', `GitHub does not know the app ${name}, or its key`, { hint: 'was it deleted, or its key replaced? `berth setup github-app` makes a new one' })
  if (status === 404) return { message: `the GitHub app ${name} is not installed on ${path}`, hint: `choose the repository at ${htmlUrl}/installations/new, then try again` }
  return { message: `GitHub gives the app ${name} no access to ${path}: ${message}`, hint: `look at what it may do at ${htmlUrl}/installations/new` }
}
