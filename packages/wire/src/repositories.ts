/** Repositories to make a workspace of: to choose from, and whether one can be read at all. */
import { oc } from '@orpc/contract'
import { z } from 'zod'

export const FoundRepository = z.object({
  url: z.string(),
  label: z.string(),
  /** `github.com`. Empty: a directory of the server's machine. */
  host: z.string(),
  /** Null: nobody was asked. */
  private: z.boolean().nullable(),
  defaultBranch: z.string().nullable(),
  /** Of the last workspace made of it; null: there was none. */
  lastUsedAt: z.number().nullable(),
})
export type FoundRepository = z.infer<typeof FoundRepository>
/** A host that did not answer, in words for people; `url` leads to where it is put right. */
export const RepositoryTrouble = z.object({ origin: z.string(), message: z.string(), hint: z.string().nullable(), url: z.string().nullable() })
export type RepositoryTrouble = z.infer<typeof RepositoryTrouble>

export const RepositoryReach = z.object({
  /**
   * `open`: anybody may read it. `connected`: this server may. `not-installed`: the app that this server has there does not
   * reach it. `not-connected`: nothing here opens it, or it is not there. `unknown`: it could not be asked.
   */
  state: z.enum(['open', 'connected', 'not-installed', 'not-connected', 'unknown']),
  /** What to do, for people; null: nothing. */
  message: z.string().nullable(),
  hint: z.string().nullable(),
  /** Where a person chooses the repository; null: an app would have to be made first, or it is no GitHub. */
  installUrl: z.string().nullable(),
  /** An app can be made for this origin with one press. */
  connectOrigin: z.string().nullable(),
})
export type RepositoryReach = z.infer<typeof RepositoryReach>

const tag = { tags: ['git'] }
/** Spread into `api`. */
export const repositoriesApi = {
  /** Those used before come first, then those that the kept apps and credentials reach, by name. */
  searchRepositories: oc.route({ method: 'GET', path: '/repositories/search', summary: 'Repositories of the connected hosts', ...tag })
    .input(z.object({ query: z.string().max(200).default(''), cursor: z.string().regex(/^\d{1,6}$/).optional(), limit: z.coerce.number().int().min(1).max(100).default(30) }))
    .output(z.object({ repositories: z.array(FoundRepository), next: z.string().nullable(), trouble: z.array(RepositoryTrouble) })),
  checkRepository: oc.route({ method: 'POST', path: '/repositories/check', summary: 'Whether this server can read a repository', ...tag }).input(z.object({ url: z.string().min(1).max(2048) })).output(RepositoryReach),
}
