/**
 * The part of GraphQL that GitHub's own command line asks: every document is held against the published schema, and what
 * the world has nothing to say about is its emptiest value.
 */
import { schema as published } from '@octokit/graphql-schema'
import { buildSchema, execute, isEnumType, isListType, isNonNullType, isScalarType, parse, validate } from 'graphql'
import type { GraphQLOutputType, GraphQLSchema } from 'graphql'
import { ahead, commitOf } from './bare-repository.ts'
import { reaches, Refusal } from './model.ts'
import type { Caller, Level, Pull, Repository } from './model.ts'
import { requireRepository } from './rights.ts'
import { nodeId } from './world.ts'
import type { World } from './world.ts'

type Node = Record<string, unknown>
interface At { readonly world: World; readonly caller: Caller; readonly web: string }

let built: GraphQLSchema | null = null
/** A second of work: made when it is first asked for. */
const schemaOf = (): GraphQLSchema => (built ??= buildSchema(published.idl, { assumeValid: true }))

export async function answerGraphQL(at: At, given: unknown): Promise<{ body: unknown; problem: string | null }> {
  const { query, variables } = (given ?? {}) as { query?: unknown; variables?: Record<string, unknown> }
  if (at.caller.kind === 'nobody') throw new Refusal(401, 'This endpoint requires you to be authenticated.')
  if (typeof query !== 'string') throw new Refusal(400, 'A query attribute must be specified and must be a string.')
  const document = parse(query)
  const errors = validate(schemaOf(), document)
  if (errors.length > 0) return { body: { errors }, problem: errors.map(({ message }) => message).join('; ') }
  const result = await execute({
    schema: schemaOf(), document, rootValue: roots(at), ...(variables === undefined ? {} : { variableValues: variables }),
    typeResolver: (value) => String((value as Node)['__typename']),
    fieldResolver(source, args, context, info) {
      const value = (source as Node | null)?.[info.fieldName]
      if (typeof value === 'function') return (value as (given: Node, context: unknown) => unknown)(args, context)
      return value === undefined ? emptyOf(info.returnType) : value
    },
  })
  // Of refusals GitHub tells the kind.
  const told = result.errors?.map((error) => ({ type: error.originalError instanceof Refusal && error.originalError.status === 404 ? 'NOT_FOUND' : 'FORBIDDEN', path: error.path, message: error.message }))
  return { body: { data: result.data, ...(told === undefined ? {} : { errors: told }) }, problem: null }
}

function emptyOf(type: GraphQLOutputType): unknown {
  if (!isNonNullType(type)) return null
  const { ofType } = type
  if (isListType(ofType)) return []
  if (isEnumType(ofType)) return ofType.getValues()[0]?.value
  if (!isScalarType(ofType)) return { __typename: String(ofType) }
  return { Int: 0, Float: 0, Boolean: false, DateTime: '2020-01-01T00:00:00Z', URI: 'https://github.invalid/nothing' }[ofType.name] ?? ''
}

const roots = (at: At): Node => ({
  viewer: () => {
    if (at.caller.kind === 'user') return { __typename: 'User', login: at.caller.user.login }
    return { __typename: 'User', login: at.caller.kind === 'installation' ? `${at.caller.installation.app.slug}[bot]` : '' }
  },
  repository: ({ owner, name }: { owner: string; name: string }) => shown(at, found(at, `${owner}/${name}`, 'metadata', 'read')),
  node: ({ id }: { id: string }) => {
    for (const of of at.world.repositories) {
      const pull = of.pulls.find((each) => `PR_${each.id}` === id)
      if (pull !== undefined) return pullShown(at, found(at, `${of.owner.login}/${of.name}`, 'pull_requests', 'read'), pull)
    }
    throw new Refusal(404, `Could not resolve to a node with the global id of '${id}'`)
  },
  createPullRequest: ({ input }: { input: Record<string, unknown> }) => created(at, input),
})

function found({ world, caller }: At, fullName: string, permission: string, level: Level): Repository {
  try {
    return requireRepository(world, caller, fullName, { permission, level })
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) throw new Refusal(404, `Could not resolve to a Repository with the name '${fullName}'.`)
    throw error
  }
}
const idOf = ({ id }: Repository): string => nodeId('R', id)
const may = (caller: Caller, permission: string, level: Level): boolean => caller.kind !== 'installation' || reaches(caller.permissions[permission], level)
const page = (nodes: readonly unknown[]): Node => ({ nodes, edges: nodes.map((node) => ({ node, cursor: '' })), totalCount: nodes.length, pageInfo: { hasNextPage: false, hasPreviousPage: false, endCursor: null, startCursor: null } })

function shown(at: At, of: Repository): Node {
  const fullName = `${of.owner.login}/${of.name}`
  const pulls = (wanted: { states?: readonly string[]; headRefName?: string; baseRefName?: string; first?: number }): Node => {
    if (!may(at.caller, 'pull_requests', 'read')) throw new Refusal(403, 'Resource not accessible by integration')
    return page(of.pulls.filter((each) => (wanted.states ?? [stateOf(each)]).includes(stateOf(each)) && (wanted.headRefName ?? each.head) === each.head && (wanted.baseRefName ?? each.base) === each.base).reverse().slice(0, wanted.first ?? 30).map((each) => pullShown(at, of, each)))
  }
  return {
    __typename: 'Repository', id: idOf(of), name: of.name, nameWithOwner: fullName, owner: { __typename: of.owner.type, id: `U_${of.owner.id}`, login: of.owner.login }, url: `${at.web}/${fullName}`,
    isPrivate: of.private, visibility: of.private ? 'PRIVATE' : 'PUBLIC', hasIssuesEnabled: true, viewerPermission: 'WRITE', viewerCanAdminister: false, defaultBranchRef: { name: of.defaultBranch, target: { __typename: 'Commit' } },
    mergeCommitAllowed: true, squashMergeAllowed: true, rebaseMergeAllowed: true, parent: null, description: '',
    pullRequests: pulls,
    pullRequest: ({ number }: { number: number }) => {
      const one = of.pulls.find((each) => each.number === number)
      if (one === undefined) throw new Refusal(404, `Could not resolve to a PullRequest with the number of ${number}.`)
      return pullShown(at, of, one)
    },
  }
}

const stateOf = ({ state, mergedAt }: Pull): string => (mergedAt !== null ? 'MERGED' : state.toUpperCase())
function pullShown(at: At, of: Repository, pull: Pull): Node {
  const fullName = `${of.owner.login}/${of.name}`
  const owner = { __typename: of.owner.type, id: `U_${of.owner.id}`, login: of.owner.login }
  const time = new Date(pull.createdAt).toISOString()
  return {
    __typename: 'PullRequest', id: `PR_${pull.id}`, number: pull.number, title: pull.title, body: pull.body ?? '', state: stateOf(pull), isDraft: pull.draft, url: `${at.web}/${fullName}/pull/${pull.number}`,
    repository: () => shown(at, of), headRefName: pull.head, baseRefName: pull.base, author: { __typename: 'Bot', login: pull.author.replace('[bot]', ''), id: 'B_1' }, createdAt: time, updatedAt: time, isCrossRepository: false, headRepositoryOwner: owner,
    headRepository: { __typename: 'Repository', id: idOf(of), name: of.name }, maintainerCanModify: false, mergeable: 'MERGEABLE', mergeStateStatus: 'CLEAN', additions: 1, deletions: 0,
    headRefOid: () => commitOf(of.dir, pull.head).then((sha) => sha ?? ''), commits: async () => {
      if (!may(at.caller, 'checks', 'read') || !may(at.caller, 'statuses', 'read')) throw new Refusal(403, 'Resource not accessible by integration')
      const sha = (await commitOf(of.dir, pull.head)) ?? ''
      return page([{ commit: { oid: sha, statusCheckRollup: rollup(of, sha, at.web) } }])
    },
  }
}

function rollup(of: Repository, sha: string, web: string): Node | null {
  const runs = (of.checks.get(sha) ?? []).map(({ id, name, status, conclusion }) => ({ __typename: 'CheckRun', name, status: status.toUpperCase(), conclusion: conclusion?.toUpperCase() ?? null, startedAt: '2020-01-01T00:00:00Z', completedAt: conclusion === null ? null : '2020-01-01T00:01:00Z', detailsUrl: `${web}/runs/${id}`, checkSuite: { workflowRun: null } }))
  const statuses = (of.statuses.get(sha) ?? []).map(({ context, state, description }) => ({ __typename: 'StatusContext', context, state: state.toUpperCase(), description, targetUrl: null, createdAt: '2020-01-01T00:00:00Z' }))
  const all = [...runs, ...statuses]
  return all.length === 0 ? null : { state: 'PENDING', contexts: page(all) }
}

async function created(at: At, input: Record<string, unknown>): Promise<Node> {
  const of = at.world.repositories.find((each) => idOf(each) === input['repositoryId'])
  if (of === undefined) throw new Refusal(404, 'Could not resolve to a node with the global id')
  found(at, `${of.owner.login}/${of.name}`, 'pull_requests', 'write')
  const { title, body, draft } = input
  const [head, base] = [String(input['headRefName']), String(input['baseRefName'])]
  const shas = { head: await commitOf(of.dir, head), base: await commitOf(of.dir, base) }
  if (shas.head === null || shas.base === null) throw new Refusal(422, `${shas.head === null ? 'Head' : 'Base'} ref must be a branch`)
  if (of.pulls.some((each) => each.state === 'open' && each.head === head && each.base === base)) throw new Refusal(422, `A pull request already exists for ${of.owner.login}:${head}.`)
  if ((await ahead(of.dir, shas.base, shas.head)) === 0) throw new Refusal(422, `No commits between ${base} and ${head}`)
  const author = at.caller.kind === 'installation' ? `${at.caller.installation.app.slug}[bot]` : at.caller.kind === 'user' ? at.caller.user.login : ''
  const pull: Pull = { number: of.pulls.length + 1, id: at.world.nextId(), title: String(title), body: typeof body === 'string' ? body : null, head, base, author, draft: draft === true, state: 'open', mergedAt: null, createdAt: at.world.now() }
  of.pulls.push(pull)
  return { pullRequest: pullShown(at, of, pull) }
}
