/** Pull requests between branches of one repository. */
import { ahead, commitOf } from '../bare-repository.ts'
import { Refusal } from '../model.ts'
import type { Pull, Repository } from '../model.ts'
import { ok, page } from './operation.ts'
import type { Call, Operations } from './operation.ts'
import { repositoryOf } from './repositories.ts'

export const pullOperations: Operations = {
  'pulls/create': async (call) => {
    const of = repositoryOf(call, 'pull_requests', 'write')
    const { title, body, base, draft } = call.body
    const head = String(call.body['head']).replace(`${of.owner.login}:`, '')
    if (typeof title !== 'string') throw invalid('title', 'missing_field')
    const shas = { head: await commitOf(of.dir, head), base: await commitOf(of.dir, String(base)) }
    if (shas.head === null) throw invalid('head', 'invalid')
    if (shas.base === null) throw invalid('base', 'invalid')
    if (of.pulls.some((each) => each.state === 'open' && each.head === head && each.base === base)) throw invalid(undefined, 'custom', `A pull request already exists for ${of.owner.login}:${head}.`)
    if ((await ahead(of.dir, shas.base, shas.head)) === 0) throw invalid(undefined, 'custom', `No commits between ${String(base)} and ${head}`)
    const made: Pull = { number: of.pulls.length + 1, id: call.world.nextId(), title, body: typeof body === 'string' ? body : null, head, base: String(base), author: authorOf(call), draft: draft === true, state: 'open', mergedAt: null, createdAt: call.world.now() }
    of.pulls.push(made)
    return { status: 201, body: await shown(call, 'pull-request', of, made) }
  },
  'pulls/list': async (call) => {
    const of = repositoryOf(call, 'pull_requests')
    const state = call.query['state'] ?? 'open'
    const head = call.query['head']
    const found = of.pulls.filter((each) => (state === 'all' || each.state === state) && (head === undefined || head === `${of.owner.login}:${each.head}`) && (call.query['base'] ?? each.base) === each.base).reverse()
    return ok(await Promise.all(page(found, call).map((each) => shown(call, 'pull-request-simple', of, each))))
  },
  'pulls/get': async (call) => {
    const of = repositoryOf(call, 'pull_requests')
    const found = of.pulls.find(({ number }) => number === Number(call.path['pull_number']))
    if (found === undefined) throw new Refusal(404, 'Not Found')
    return ok(await shown(call, 'pull-request', of, found))
  },
}

const GONE = '0'.repeat(40)
async function shown({ shapes }: Call, name: 'pull-request' | 'pull-request-simple', of: Repository, pull: Pull) {
  return shapes.pull(name, { of, pull, shas: { head: (await commitOf(of.dir, pull.head)) ?? GONE, base: (await commitOf(of.dir, pull.base)) ?? GONE } })
}

function authorOf({ caller }: Call): string {
  if (caller.kind === 'installation') return `${caller.installation.app.slug}[bot]`
  if (caller.kind === 'user') return caller.user.login
  throw new Refusal(401, 'Requires authentication')
}

function invalid(field: string | undefined, code: string, message?: string): Refusal {
  return new Refusal(422, 'Validation Failed', { errors: [{ resource: 'PullRequest', code, ...(field === undefined ? {} : { field }), ...(message === undefined ? {} : { message }) }] })
}
