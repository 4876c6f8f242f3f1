/** The part of the contract about the agents' programs. */
import { catalogueApi } from '@berth/wire/catalogue'
import { implement } from '@orpc/server'
import type { Catalogue } from '../compose/catalogue.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export interface CatalogueApiDeps { readonly catalogue: Pick<Catalogue, 'list' | 'install'> }

export function catalogueRouter({ catalogue }: CatalogueApiDeps) {
  const known = implement(catalogueApi).$context<ApiContext>().use(signedIn)
  return {
    listAgents: known.listAgents.handler(({ input }) => catalogue.list({ latest: input.latest === 'true' })),
    installAgent: known.installAgent.handler(({ input }) => catalogue.install(input.name, { version: input.version, use: input.use })),
  }
}
