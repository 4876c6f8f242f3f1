/** What each operation of /git/v1 and /identity/v1 that is spoken here takes, does and gives. */
import type { z } from 'zod'
import { Refusal } from '../model.ts'
import { Grant, Granted, Grants, Identities, Identity, ListIdentities, NewRepo, Nothing, Page, Repo, RepoMade, Repos, TokenMade, Tokens } from './described.ts'
import type { GitWorld, Holder, Repository } from './world.ts'

/** `ids`: those in the path, in order. */
interface Call<Taken> { readonly world: GitWorld; readonly ids: readonly string[]; readonly taken: Taken }
export interface Operation { readonly method: string; readonly pattern: RegExp; readonly takes: z.ZodType; readonly gives: z.ZodType; /** The caller has parsed what is taken by `takes`. */ run(call: Call<unknown>): unknown }

const ACCOUNT = 'acc-one'
const PAGE = 10
const visibilityOf = ({ public: isPublic }: Repository) => (isPublic ? 'public' as const : 'private' as const)
const repoShape = (one: Repository): Repo => ({ id: one.id, name: one.name, accountId: ACCOUNT, visibility: visibilityOf(one), defaultBranch: one.defaultBranch, createdAt: new Date(one.createdAt).toISOString() })
const identityShape = ({ id, managed }: Holder): Identity => ({ id, managed })

function listedRepos({ world, taken: { limit = PAGE, offset = 0 } }: Call<Page>): Repos {
  const all = [...world.repositories.values()]
  const repositories = all.slice(offset, offset + limit).map((one) => {
    const named = (below: string): [string, string][] => Object.entries(world.refsOf(one)).flatMap(([ref, target]) => (ref.startsWith(below) ? [[ref.slice(below.length), target] as [string, string]] : []))
    return {
      id: one.id, defaultBranch: one.defaultBranch,
      branches: Object.fromEntries(named('refs/heads/').map(([name, target]) => [name, { name, target, default: name === one.defaultBranch }])),
      tags: Object.fromEntries(named('refs/tags/').map(([name, target]) => [name, { name, target }])),
    }
  })
  return { repositories, total: all.length, offset }
}

function listedIdentities({ world, taken: { limit = PAGE, offset = 0, includeManaged = false } }: Call<ListIdentities>): Identities {
  const all = [...world.identities.values()].filter(({ managed }) => includeManaged || !managed)
  return { identities: all.slice(offset, offset + limit).map(identityShape), offset, total: all.length }
}

/** Ties what an operation takes to what runs. */
function operation<S extends z.ZodType>(method: string, path: string, { takes, gives, run }: { takes: S; gives: z.ZodType; run(call: Call<z.infer<S>>): unknown }): Operation {
  // Parsed by `takes` before it runs.
  return { method, pattern: new RegExp(`^/${path.replaceAll(':id', '([^/]+)')}$`), takes, gives, run: (call) => run(call as Call<z.infer<S>>) }
}
const IDENTITY = 'identity/v1/identities/:id'
const grantOf = ({ world, ids: [identity = '', repo = ''] }: Call<unknown>): { holder: Holder; repository: Repository } => ({ holder: world.identity(identity), repository: world.repository(repo) })
const requireGrant = ({ holder, repository }: ReturnType<typeof grantOf>): void => {
  if (!holder.grants.has(repository.id)) throw new Refusal(404, 'PERMISSION_NOT_FOUND', 'Permission not found')
}

export const OPERATIONS: readonly Operation[] = [
  operation('POST', 'git/v1/repo', { takes: NewRepo, gives: RepoMade, run: ({ world, taken }) => ({ repoId: world.create(taken).id }) }),
  operation('GET', 'git/v1/repo', { takes: Page, gives: Repos, run: listedRepos }),
  operation('GET', 'git/v1/repo/:id', { takes: Nothing, gives: Repo, run: ({ world, ids: [id = ''] }) => repoShape(world.repository(id)) }),
  operation('DELETE', 'git/v1/repo/:id', { takes: Nothing, gives: Nothing, run: ({ world, ids: [id = ''] }) => (world.removeRepository(world.repository(id)), {}) }),
  operation('POST', 'identity/v1/identities', { takes: Nothing, gives: Identity, run: ({ world }) => identityShape(world.introduce()) }),
  operation('GET', 'identity/v1/identities', { takes: ListIdentities, gives: Identities, run: listedIdentities }),
  operation('DELETE', IDENTITY, {
    takes: Nothing, gives: Nothing,
    run({ world, ids: [id = ''] }) {
      const holder = world.identity(id)
      if (holder.managed) throw new Refusal(403, 'CANNOT_DELETE_MANAGED_IDENTITY', 'Cannot delete managed identity')
      world.identities.delete(holder.id)
      return {}
    },
  }),
  operation('GET', `${IDENTITY}/permissions/git`, {
    takes: Page, gives: Grants,
    run: ({ world, ids: [id = ''], taken: { limit = PAGE, offset = 0 } }) => ({ repositories: [...world.identity(id).grants].slice(offset, offset + limit).map(([repo, permissions]) => {
      const one = world.repository(repo)
      return { id: one.id, name: one.name, accountId: ACCOUNT, permissions, visibility: visibilityOf(one) }
    }) }),
  }),
  operation('GET', `${IDENTITY}/permissions/git/:id`, {
    takes: Nothing, gives: Granted,
    run(call) {
      const { holder, repository } = grantOf(call)
      return { identity: holder.id, repo: repository.id, accessLevel: holder.grants.get(repository.id) ?? null }
    },
  }),
  operation('POST', `${IDENTITY}/permissions/git/:id`, {
    takes: Grant, gives: Nothing,
    run(call) {
      const { holder, repository } = grantOf(call)
      if (holder.grants.has(repository.id)) throw new Refusal(409, 'PERMISSION_ALREADY_EXISTS', 'Permission already exists')
      holder.grants.set(repository.id, call.taken.permission)
      call.world.granted.push({ repo: repository.id, level: call.taken.permission })
      return {}
    },
  }),
  operation('PUT', `${IDENTITY}/permissions/git/:id`, {
    takes: Grant, gives: Nothing,
    run(call) {
      const found = grantOf(call)
      requireGrant(found)
      found.holder.grants.set(found.repository.id, call.taken.permission)
      return {}
    },
  }),
  operation('DELETE', `${IDENTITY}/permissions/git/:id`, {
    takes: Nothing, gives: Nothing,
    run(call) {
      const found = grantOf(call)
      requireGrant(found)
      found.holder.grants.delete(found.repository.id)
      return {}
    },
  }),
  operation('POST', `${IDENTITY}/tokens`, {
    takes: Nothing, gives: TokenMade,
    run({ world, ids: [id = ''] }) {
      const made = { id: crypto.randomUUID(), token: `${crypto.randomUUID().slice(0, 16)}.${crypto.randomUUID().slice(0, 16)}` }
      world.identity(id).tokens.set(made.id, made.token)
      world.tokensMade.push(made.token)
      return made
    },
  }),
  operation('GET', `${IDENTITY}/tokens`, { takes: Nothing, gives: Tokens, run: ({ world, ids: [id = ''] }) => ({ tokens: [...world.identity(id).tokens.keys()].map((token) => ({ id: token })) }) }),
  operation('DELETE', `${IDENTITY}/tokens/:id`, {
    takes: Nothing, gives: Nothing,
    run({ world, ids: [id = '', token = ''] }) {
      if (!world.identity(id).tokens.delete(token)) throw new Refusal(404, 'NOT_FOUND', 'Token not found')
      return {}
    },
  }),
]
