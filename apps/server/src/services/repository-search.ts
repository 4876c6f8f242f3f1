/**
 * All repositories that somebody may begin with, as one list: those used before, then those of connected hosts. What a
 * host said is kept for a minute, since a person types letter by letter.
 */
import { repositoryAddress } from '@berth/core'
import type { Clock, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { OrgId } from '@berth/wire'
import type { FoundRepository, RepositoryTrouble } from '@berth/wire/repositories'
import type { HostedReach } from '../git-hosting/hosted.ts'
import { LISTING, listAtHost } from '../git-hosting/host-kinds.ts'
import type { GitHub } from '../github/index.ts'
import { repositoriesAt } from '../github/reading.ts'
import { repositoryOf, SOURCES, toldApart } from './repositories.ts'

export interface RepositorySearchDeps {
  readonly store: Pick<Store, 'listSources' | 'gitHosts' | 'github' | 'hostedRepositories'>
  /** Absent: this server keeps no repositories of tasks. */
  readonly hosted?: Pick<HostedReach, 'addresses'>
  readonly github: Pick<GitHub, 'api' | 'hooks'>
  readonly clock: Clock
  readonly fetch?: typeof fetch
}
export interface RepositorySearch {
  search(orgId: OrgId, wanted: { query: string; cursor?: string | undefined; limit: number }): Promise<{ repositories: FoundRepository[]; next: string | null; trouble: RepositoryTrouble[] }>
}
interface Said { readonly repositories: readonly FoundRepository[]; readonly trouble: RepositoryTrouble | null }

const KEPT_MS = 60_000
/** What failed is asked again sooner: a person may be putting it right. */
const TROUBLE_MS = 5000
const KEPT_LIMIT = 200

export function createRepositorySearch({ store, hosted, github, clock, fetch: send = fetch }: RepositorySearchDeps): RepositorySearch {
  const kept = new Map<string, { until: number; said: Promise<Said> }>()
  github.hooks.onHint(({ orgId, origin }, { about }) => {
    if (about === 'access' || about === 'people') kept.delete(`${orgId} github ${origin}`)
  })
  const remembered = (key: string, ask: () => Promise<Said>): Promise<Said> => {
    const known = kept.get(key)
    if (known !== undefined && known.until > clock.now()) return known.said
    if (kept.size >= KEPT_LIMIT) kept.clear()
    const entry = { until: clock.now() + KEPT_MS, said: ask() }
    void entry.said.then(({ trouble, repositories }) => { if (trouble !== null || repositories.length === 0) entry.until = clock.now() + TROUBLE_MS })
    kept.set(key, entry)
    return entry.said
  }
  const atGitHub = async (orgId: OrgId, origin: string, htmlUrl: string): Promise<Said> => {
    const installUrl = `${htmlUrl}/installations/new`
    const { repositories, more } = await repositoriesAt({ store, api: github.api, clock }, orgId, origin)
    const trouble = repositories.length === 0 ? { message: 'the app reaches no repository there yet', hint: 'choose some', url: installUrl } : more ? { message: 'there are more repositories than can be listed', hint: 'paste the address of the others', url: null } : null
    return { repositories: repositories.map((each) => found(each.url, each.fullName, each)), trouble: trouble === null ? null : { origin, ...trouble } }
  }
  const atHost = async (orgId: OrgId, origin: string): Promise<Said> => {
    const [host] = (await store.gitHosts.list(orgId)).filter((each) => each.origin === origin)
    const credential = await store.gitHosts.credential(orgId, origin)
    if (host === undefined || credential === null) return { repositories: [], trouble: null }
    const { repositories, more } = await listAtHost(send, { origin, kind: host.kind, token: credential.token })
    return { repositories: repositories.map((each) => found(each.url, each.fullName, each)), trouble: more ? { origin, message: 'there are more repositories than can be listed', hint: 'paste the address of the others', url: null } : null }
  }
  const here = async (orgId: OrgId): Promise<FoundRepository[]> => {
    const addresses = await hosted?.addresses
    if (addresses === undefined) return []
    return (await store.hostedRepositories.list(orgId)).map((row) => found(addresses.urlOf(row), row.name, { private: true, defaultBranch: null }))
  }
  const asked = async (orgId: OrgId): Promise<Said[]> => {
    const [apps, hosts] = await Promise.all([store.github.list(orgId), store.gitHosts.list(orgId)])
    const answers = [
      ...apps.map(({ origin, htmlUrl }) => remembered(`${orgId} github ${origin}`, () => atGitHub(orgId, origin, htmlUrl).catch(troubleAt(origin, `${htmlUrl}/installations/new`)))),
      ...hosts.filter(({ kind }) => LISTING.has(kind)).map(({ origin }) => remembered(`${orgId} host ${origin}`, () => atHost(orgId, origin).catch(troubleAt(origin, null)))),
    ]
    return Promise.all(answers)
  }
  return {
    async search(orgId, { query, cursor, limit }) {
      const [said, sources, own] = await Promise.all([asked(orgId), store.listSources(orgId, SOURCES), here(orgId)])
      const all = toldApart(merged(usedOf(sources), [...own, ...said.flatMap(({ repositories }) => repositories)]))
      const words = query.trim().toLowerCase().split(/\s+/)
      const hits = all.filter(({ url, label }) => words.every((word) => label.toLowerCase().includes(word) || url.toLowerCase().includes(word)))
      const from = Number(cursor ?? 0)
      return { repositories: hits.slice(from, from + limit), next: from + limit < hits.length ? String(from + limit) : null, trouble: said.flatMap(({ trouble }) => trouble ?? []) }
    },
  }
}

const troubleAt = (origin: string, url: string | null) => (error: unknown): Said => {
  if (!(error instanceof BerthError)) throw error
  return { repositories: [], trouble: { origin, message: error.message, hint: error.hint ?? null, url } }
}

function found(url: string, label: string, { private: isPrivate, defaultBranch }: { private: boolean; defaultBranch: string | null }): FoundRepository {
  return { url, label, host: URL.parse(url)?.host ?? '', private: isPrivate, defaultBranch, lastUsedAt: null }
}

function usedOf(sources: Awaited<ReturnType<Store['listSources']>>): FoundRepository[] {
  return sources.flatMap(({ source, lastUsedAt }) => {
    const repository = repositoryOf(source)
    return repository === null ? [] : [{ ...repository, host: URL.parse(repository.url)?.host ?? '', private: null, defaultBranch: null, lastUsedAt }]
  })
}

/** One repository has many addresses: the first is shown, with what is known of any. */
function merged(used: readonly FoundRepository[], listed: readonly FoundRepository[]): FoundRepository[] {
  const all = new Map<string, FoundRepository>()
  const byName = listed.toSorted((a, b) => a.label.toLowerCase().localeCompare(b.label.toLowerCase()))
  for (const each of [...used, ...byName]) {
    const address = repositoryAddress(each.url)
    const key = (address === null ? each.url : `${address.origin}/${address.path}`).toLowerCase()
    const before = all.get(key)
    all.set(key, before === undefined ? each : { ...before, private: before.private ?? each.private, defaultBranch: before.defaultBranch ?? each.defaultBranch })
  }
  return [...all.values()]
}
