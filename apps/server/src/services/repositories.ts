/** Repositories to choose from: those of workspaces that came up, with the branches that can be had without waiting long. */
import type { Identity, Store } from '@berth/core'
import type { CodeSource } from '@berth/wire'
import { lsRemote } from './ls-remote.ts'

export interface ListedRepository { readonly url: string; readonly label: string; readonly branches: string[]; readonly lastUsedAt: number }

const LISTED = 30
/** So many of the last sources are looked through. */
export const SOURCES = 500
/** Of so many the branches are looked up; the others are chosen by name first. */
const LOOKED_UP = 5
const BRANCHES = 200
const REMEMBER_MS = 60_000
const REMEMBERED = 200

/** Without what a person may have written into the address: a password is never kept. */
export function repositoryOf(source: CodeSource): { url: string; label: string } | null {
  if (source.kind === 'empty' || source.kind === 'archive') return null
  const text = source.kind === 'git' ? source.url : source.label
  const url = URL.parse(text)
  if (url === null || url.host === '') return { url: text, label: lastPart(text) }
  url.password = ''
  if (url.protocol.startsWith('http')) url.username = ''
  return { url: url.href, label: url.pathname.replace(/^\/+|\.git$|\/+$/g, '') || url.host }
}

const lastPart = (path: string): string => path.replace(/\/+$/, '').split(/[/:]/).at(-1)?.replace(/\.git$/, '') ?? path

export interface Branches { of(url: string): Promise<string[]> }

export async function listRepositories(deps: { store: Pick<Store, 'listSources'>; branches: Branches }, orgId: Identity['orgId'], query: string): Promise<ListedRepository[]> {
  const found = matching(await deps.store.listSources(orgId, SOURCES), query.trim().toLowerCase())
  return Promise.all(found.map(async (one, index) => ({ ...one, branches: index < LOOKED_UP ? await deps.branches.of(one.url) : [] })))
}

/** One address can be that of several sources: other branches, another name of the person. */
function matching(sources: Awaited<ReturnType<Store['listSources']>>, query: string): Omit<ListedRepository, 'branches'>[] {
  const found = new Map<string, Omit<ListedRepository, 'branches'>>()
  for (const { source, lastUsedAt } of sources) {
    const repository = repositoryOf(source)
    if (repository === null || found.has(repository.url)) continue
    if (repository.url.toLowerCase().includes(query) || repository.label.toLowerCase().includes(query)) found.set(repository.url, { ...repository, lastUsedAt })
  }
  return toldApart([...found.values()].slice(0, LISTED))
}

/** Of one name are told apart by what stands before it: the directory above, the owner, the host. */
export function toldApart<R extends { readonly url: string; readonly label: string }>(repositories: readonly R[]): R[] {
  const byLabel = Map.groupBy(repositories, ({ label }) => label)
  return repositories.map((one) => {
    const others = byLabel.get(one.label)?.filter((other) => other !== one) ?? []
    return others.length === 0 ? one : { ...one, label: apart(partsOf(one.url), others.map(({ url }) => partsOf(url))) }
  })
}

const partsOf = (url: string): string[] => url.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '').replace(/\/+$|\.git\/*$/, '').split(/[/:]/).filter((part) => part !== '')

/** As many of the last parts as no other ends with; all of them where one does. */
function apart(parts: readonly string[], others: readonly (readonly string[])[]): string {
  for (let count = 1; count < parts.length; count++) {
    const end = parts.slice(-count).join('/')
    if (!others.some((other) => other.slice(-count).join('/') === end)) return end
  }
  return parts.join('/')
}

/** What git says of an address, asked at most once a minute. None where it does not say so in time. */
export function createBranches(): Branches {
  const remembered = new Map<string, { at: number; branches: Promise<string[]> }>()
  return {
    of(url) {
      const known = remembered.get(url)
      // Only a cache: the monotonic clock suffices.
      if (known && performance.now() - known.at < REMEMBER_MS) return known.branches
      if (remembered.size >= REMEMBERED) remembered.clear()
      const branches = lookUp(url).catch(() => [])
      remembered.set(url, { at: performance.now(), branches })
      return branches
    },
  }
}

async function lookUp(url: string): Promise<string[]> {
  return branchesIn((await lsRemote(url, { flags: ['--heads'], protocols: 'https:http:ssh:file' })).text)
}

export function branchesIn(text: string): string[] {
  return text.split('\n').slice(0, -1).flatMap((line) => /^[0-9a-f]{40,64}\trefs\/heads\/(\S.*)$/.exec(line)?.[1] ?? []).slice(0, BRANCHES)
}
