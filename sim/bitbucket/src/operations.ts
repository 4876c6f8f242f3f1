/** Each operation that is served: what it answers, and what it does to the world. */
import type { Asked } from '@berth/sim-spec'
import type { JsonAnswer as Answer } from '@berth/sim-vendor'
import { Malformed, Refusal } from './model.ts'
import type { Pull, State, Status } from './model.ts'
import type { OperationId } from './spec/operations.ts'
import type { World } from './world.ts'

export interface Call extends Pick<Asked, 'path' | 'query' | 'body'> { readonly world: World; /** Of the pages. */ readonly web: string }

const iso = (at: number): string => new Date(at).toISOString()
const ok = (body: unknown): Answer => ({ status: 200, body })
const account = { type: 'user', display_name: 'Ada', uuid: '{00000000-0000-4000-8000-000000000001}' }

/** Somebody else's is not there. */
function repositoryOf({ world, path }: Call): string {
  const name = `${path['workspace']}/${path['repo_slug']}`
  if (!world.isRepository(name)) throw new Refusal(404, `Repository ${name} not found`)
  return name
}

const repositoryShape = (web: string, name: string) => ({ type: 'repository', full_name: name, name: name.split('/')[1], uuid: '{00000000-0000-4000-8000-000000000002}', links: { html: { href: `${web}/${name}` } } })
const pullShape = ({ world, web }: Call, { id, repository, title, description, source, destination, draft, state, createdAt }: Pull) => {
  const side = (branch: string) => ({ branch: { name: branch }, repository: repositoryShape(web, repository), commit: { hash: (world.commitOf(repository, `refs/heads/${branch}`) ?? '0'.repeat(12)).slice(0, 12) } })
  return {
    type: 'pullrequest', id, title, summary: { raw: description, markup: 'markdown', html: '' }, state, draft, author: account, source: side(source), destination: side(destination), comment_count: 0, task_count: 0, close_source_branch: false, reason: '',
    created_on: iso(createdAt), updated_on: iso(createdAt), links: { html: { href: `${web}/${repository}/pull-requests/${id}` } },
  }
}
const branchShape = (name: string, hash: string) => ({ type: 'branch', name, target: { type: 'commit', hash }, merge_strategies: ['merge_commit', 'squash'], default_merge_strategy: 'merge_commit' })
const statusShape = ({ web }: Call, { repository, key, name, state, description, refname, createdAt }: Status) => ({ type: 'build', key, name, state, description, url: `${web}/${repository}/builds/${key}`, created_on: iso(createdAt), updated_on: iso(createdAt), ...(refname === null ? {} : { refname }) })

/** As "Pagination" has it. `most`: what this list gives at once. */
function page<T>({ query }: Call, all: readonly T[], { shape, most = 100 }: { shape: (one: T) => unknown; most?: number }): Answer {
  const [number, length] = [Number(query['page'] ?? 1), Number(query['pagelen'] ?? 10)]
  if (length < 1 || length > most) throw new Malformed(400, 'Invalid pagelen')
  return ok({ size: all.length, page: number, pagelen: length, values: all.slice((number - 1) * length, number * length).map(shape) })
}

/** As "Filtering and sorting" has it, as far as one comparison of one text. Null: nothing was asked. */
function equalTo({ query }: Call, field: string): string | null {
  if (query['q'] === undefined) return null
  const [, left, right] = /^\s*([a-z_.]+)\s*=\s*"([^"\\]*)"\s*$/.exec(String(query['q'])) ?? []
  if (left !== field || right === undefined) throw new Malformed(400, `Invalid query expression: ${String(query['q'])}`)
  return right
}

/** Checked by the description: a side of a pull request. */
const branchIn = (side: unknown): string | undefined => (side as { branch?: { name?: string } } | undefined)?.branch?.name

function createPullRequest(call: Call): Answer {
  const { world, body } = call
  const repository = repositoryOf(call)
  const [title, source, destination] = [body['title'] as string | undefined, branchIn(body['source']), branchIn(body['destination']) ?? 'main']
  if (title === undefined || title === '') throw new Refusal(400, 'title: This field is required.')
  if (source === undefined) throw new Refusal(400, 'source: This field is required.')
  for (const branch of [source, destination]) if (world.commitOf(repository, `refs/heads/${branch}`) === null) throw new Refusal(400, `${branch === source ? 'source' : 'destination'}: branch not found: ${branch}`)
  if (world.isAncestor(repository, source, destination)) throw new Refusal(400, 'There are no changes to be pulled')
  const made: Pull = { id: world.pulls.filter((each) => each.repository === repository).length + 1, repository, title, description: (body['description'] as string | undefined) ?? '', source, destination, draft: body['draft'] === true, createdAt: Date.now(), state: 'OPEN' }
  world.pulls.unshift(made)
  return { status: 201, body: pullShape(call, made) }
}

export const OPERATIONS: Readonly<Record<OperationId, (call: Call) => Answer>> = {
  getRepository(call) {
    const name = repositoryOf(call)
    const head = call.world.commitOf(name, 'HEAD')
    return ok({ ...repositoryShape(call.web, name), is_private: true, scm: 'git', ...(head === null ? {} : { mainbranch: branchShape('main', head) }) })
  },
  listPullRequests(call) {
    const repository = repositoryOf(call)
    const { state = ['OPEN'], sort = '-created_on' } = call.query as { state?: State[]; sort?: string }
    if (sort !== '-created_on') throw new Malformed(400, `not played: sorted by ${sort}`)
    const source = equalTo(call, 'source.branch.name')
    return page(call, call.world.pulls.filter((pull) => pull.repository === repository && state.includes(pull.state) && (source === null || pull.source === source)), { shape: (pull) => pullShape(call, pull), most: 50 })
  },
  createPullRequest,
  listBranches(call) {
    const repository = repositoryOf(call)
    const name = equalTo(call, 'name')
    return page(call, call.world.branches(repository).filter((branch) => name === null || branch === name), { shape: (branch) => branchShape(branch, call.world.commitOf(repository, `refs/heads/${branch}`) ?? '') })
  },
  listStatuses(call) {
    const repository = repositoryOf(call)
    const commit = String(call.path['commit'])
    if (call.world.commitOf(repository, commit) === null) throw new Refusal(404, 'Commit not found')
    return page(call, call.world.statuses.filter((each) => each.repository === repository && each.commit === commit), { shape: (status) => statusShape(call, status) })
  },
}
