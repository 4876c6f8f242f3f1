/** The part of the contract about repositories to choose from. */
import { repositoriesApi } from '@berth/wire/repositories'
import { implement } from '@orpc/server'
import type { GitHub } from '../github/index.ts'
import type { ServiceDeps } from '../services/deps.ts'
import { repositoryReach } from '../services/repository-reach.ts'
import { createRepositorySearch } from '../services/repository-search.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

interface RepositoriesApiDeps extends ServiceDeps { readonly github: GitHub }

export function repositoriesRouter(deps: RepositoriesApiDeps) {
  const os = implement(repositoriesApi).$context<ApiContext>().use(signedIn)
  const { search } = createRepositorySearch(deps)
  return {
    searchRepositories: os.searchRepositories.handler(({ input, context }) => search(context.caller.orgId, input)),
    checkRepository: os.checkRepository.handler(({ input, context }) => repositoryReach(deps, context.caller, input.url)),
  }
}
