import { expect, it } from 'bun:test'
import { randomIds } from '@berth/wire'
import { createRepositorySearch, type RepositorySearchDeps } from './repository-search.ts'

it('tells those of one name apart, also where they stand in different lists', async () => {
  const store: RepositorySearchDeps['store'] = {
    listSources: async () => ['/home/me/work/ledger', '/home/me/old/ledger', '/home/me/other'].map((label) => ({ source: { kind: 'hosted' as const, label }, lastUsedAt: 1 })),
    // Nobody connected a host.
    gitHosts: { list: async () => [] } as unknown as RepositorySearchDeps['store']['gitHosts'],
    github: { list: async () => [] } as unknown as RepositorySearchDeps['store']['github'],
    hostedRepositories: { list: async () => [{ name: 'ledger' }] } as unknown as RepositorySearchDeps['store']['hostedRepositories'],
  }
  const hosted = { addresses: Promise.resolve({ urlOf: () => 'https://git.invalid/kept/ledger.git' }) } as unknown as NonNullable<RepositorySearchDeps['hosted']>
  const github = { hooks: { onHint: () => () => {} } } as unknown as RepositorySearchDeps['github']
  const { search } = createRepositorySearch({ store, hosted, github, clock: { now: () => 0, monotonic: () => 0 } as unknown as RepositorySearchDeps['clock'] })
  const { repositories } = await search(randomIds.org(), { query: '', limit: 10 })
  expect(repositories.map(({ label }) => label)).toEqual(['work/ledger', 'old/ledger', 'other', 'kept/ledger'])
})
