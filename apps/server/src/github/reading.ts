/** What the apps are installed on, asked of GitHub each time: people change it there. */
import type { Clock, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { OrgId } from '@berth/wire'
import type { GitHubConnection, GitHubInstallation, GitHubRepository } from '@berth/wire/github'
import { z } from 'zod'
import { appToken } from './github-api.ts'
import type { GitHubAnswer, GitHubApi } from './github-api.ts'

export interface ReadingDeps { readonly store: Pick<Store, 'github'>; readonly api: GitHubApi; readonly clock: Clock }

const PAGE = 100
/** Of one installation; a search is the way to the rest. */
const REPOSITORIES_LIMIT = 1000
const Installations = z.array(z.object({ id: z.number(), account: z.object({ login: z.string() }).nullable(), repository_selection: z.enum(['all', 'selected']), suspended_at: z.string().nullish(), html_url: z.string() }))
const Repositories = z.object({ total_count: z.number(), repositories: z.array(z.object({ full_name: z.string(), private: z.boolean(), default_branch: z.string(), clone_url: z.string() })) })
interface Installed { readonly credential: string; readonly installations: z.infer<typeof Installations> }

export async function listInstallations(deps: ReadingDeps, orgId: OrgId): Promise<GitHubInstallation[]> {
  const apps = await deps.store.github.list(orgId)
  return (await Promise.all(apps.map(async ({ origin }) => (await installed(deps, orgId, origin)).installations.map(shownAs(origin))))).flat()
}
const shownAs = (origin: string) => (each: z.infer<typeof Installations>[number]): GitHubInstallation => ({ origin, account: each.account?.login ?? 'unknown', repositories: each.repository_selection, suspended: typeof each.suspended_at === 'string', manageUrl: each.html_url })

/** One that is gone, or does not answer, says so and keeps no other from being seen. */
export async function connectionOf(deps: ReadingDeps, orgId: OrgId, origin: string): Promise<Omit<GitHubConnection, 'app'>> {
  try {
    const installations = (await installed(deps, orgId, origin)).installations.map(shownAs(origin))
    if (installations.length === 0) return { state: 'nowhere', message: 'no repository was chosen yet', installations }
    return installations.every(({ suspended }) => suspended) ? { state: 'suspended', message: 'it is suspended there', installations } : { state: 'connected', message: null, installations }
  } catch (error) {
    if (!(error instanceof BerthError)) throw error
    return { state: error.code === 'unauthorized' || error.code === 'forbidden' ? 'revoked' : 'unreachable', message: error.message, installations: [] }
  }
}

export async function listRepositories(deps: ReadingDeps, orgId: OrgId, search: string): Promise<{ repositories: GitHubRepository[]; more: boolean }> {
  const apps = await deps.store.github.list(orgId)
  const each = await Promise.all(apps.map(({ origin }) => repositoriesAt(deps, orgId, origin)))
  const words = search.toLowerCase().split(/\s+/)
  return { repositories: each.flatMap(({ repositories }) => repositories).filter(({ fullName }) => words.every((word) => fullName.toLowerCase().includes(word))), more: each.some(({ more }) => more) }
}

/** All that one app may reach. */
export async function repositoriesAt(deps: ReadingDeps, orgId: OrgId, origin: string): Promise<{ repositories: GitHubRepository[]; more: boolean }> {
  const found: GitHubRepository[] = []
  let more = false
  const { credential, installations } = await installed(deps, orgId, origin)
  for (const { id, suspended_at: suspended } of installations) {
    if (typeof suspended === 'string') continue
    // Of nothing but the names: the token reads no code.
    const minted = must(origin, await deps.api.ask({ origin, method: 'POST', path: `/app/installations/${id}/access_tokens`, credential, body: { permissions: { metadata: 'read' } }, answer: z.object({ token: z.string() }) }))
    try {
      more = (await readAll(deps, { origin, token: minted.token, found })) || more
    } finally {
      await deps.api.ask({ origin, method: 'DELETE', path: '/installation/token', credential: minted.token, answer: z.unknown() }).catch(() => {})
    }
  }
  return { repositories: found, more }
}

/** Answers whether there are more than it read. */
async function readAll({ api }: ReadingDeps, { origin, token, found }: { origin: string; token: string; found: GitHubRepository[] }): Promise<boolean> {
  for (let page = 1; page * PAGE <= REPOSITORIES_LIMIT; page++) {
    const { total_count: total, repositories } = must(origin, await api.ask({ origin, path: `/installation/repositories?per_page=${PAGE}&page=${page}`, credential: token, answer: Repositories }))
    found.push(...repositories.map((each) => ({ origin, fullName: each.full_name, url: each.clone_url, private: each.private, defaultBranch: each.default_branch })))
    if (repositories.length < PAGE || page * PAGE >= total) return false
  }
  return true
}

async function installed({ store, api, clock }: ReadingDeps, orgId: OrgId, origin: string): Promise<Installed> {
  const app = await store.github.key(orgId, origin)
  if (app === null) return { credential: '', installations: [] }
  const credential = appToken({ appId: app.appId, privateKey: app.key.privateKey }, clock.now())
  return { credential, installations: must(origin, await api.ask({ origin, path: `/app/installations?per_page=${PAGE}`, credential, answer: Installations })) }
}

export function must<T>(origin: string, answer: GitHubAnswer<T>): T {
  if (answer.ok) return answer.value
  throw new BerthError(answer.status === 401 ? 'unauthorized' : 'forbidden', `${origin} refused: ${answer.message}`, { hint: 'look at the app there; `berth setup github-app` makes a new one' })
}
