/** Repositories, who may what in them, and what was found out about their commits. */
import { commitOf } from '../bare-repository.ts'
import { reaches, Refusal } from '../model.ts'
import { requireRepository, roleOf, sees } from '../rights.ts'
import { ok, page, requireUser } from './operation.ts'
import type { Call, Operations } from './operation.ts'

export const repositoryOperations: Operations = {
  'users/get-authenticated': (call) => ok(call.shapes.me(requireUser(call).user)),
  'users/list-emails-for-authenticated-user': (call) => {
    const { user, app } = requireUser(call)
    // What the app was not given, it does not see, whoever signs in.
    if (!reaches(app.permissions['email_addresses'], 'read')) throw new Refusal(403, 'Resource not accessible by integration')
    return ok(page(user.emails, call).map(({ email, verified }, index) => ({ email, verified, primary: index === 0, visibility: index === 0 ? 'private' : null })))
  },
  'repos/get': (call) => ok(call.shapes.repository('full-repository', repositoryOf(call, 'metadata'))),
  'search/repos': (call) => {
    const words = String(call.query['q']).split(/\s+/).filter((word) => word !== '')
    const owners = words.flatMap((word) => /^(?:user|org):(.+)$/.exec(word)?.[1]?.toLowerCase() ?? [])
    const texts = words.filter((word) => !word.includes(':')).map((word) => word.toLowerCase())
    const found = call.world.repositories.filter((each) => sees(call.world, call.caller, each) && (owners.length === 0 || owners.includes(each.owner.login.toLowerCase())) && texts.every((text) => each.name.toLowerCase().includes(text)))
    return ok({ total_count: found.length, incomplete_results: false, items: page(found, call).map((each) => call.shapes.searched(each)) })
  },
  'repos/get-collaborator-permission-level': (call) => {
    const repository = repositoryOf(call, 'metadata')
    const account = call.world.accounts.get(String(call.path['username']).toLowerCase())
    if (account === undefined) throw new Refusal(404, 'Not Found')
    return ok(call.shapes.permission(account, roleOf(repository, account) ?? (repository.private ? null : 'read')))
  },
  'checks/list-for-ref': async (call) => {
    const repository = repositoryOf(call, 'checks')
    const sha = await commit(call, repository.dir)
    const named = (repository.checks.get(sha) ?? []).filter(({ name, status }) => (call.query['check_name'] ?? name) === name && (call.query['status'] ?? status) === status)
    return ok({ total_count: named.length, check_runs: page(named, call).map((each) => call.shapes.checkRun(repository, sha, each)) })
  },
  'repos/get-combined-status-for-ref': async (call) => {
    const repository = repositoryOf(call, 'statuses')
    const sha = await commit(call, repository.dir)
    const all = repository.statuses.get(sha) ?? []
    const state = all.some((each) => each.state === 'failure' || each.state === 'error') ? 'failure' : all.length === 0 || all.some((each) => each.state === 'pending') ? 'pending' : 'success'
    const shown = call.shapes.repository('minimal-repository', repository)
    const address = String(shown['url'])
    return ok({ state, sha, total_count: all.length, statuses: page(all, call).map((each) => call.shapes.status(each)), repository: shown, commit_url: `${address}/commits/${sha}`, url: `${address}/commits/${sha}/status` })
  },
}

export const repositoryOf = (call: Call, permission: string, level: 'read' | 'write' = 'read') => requireRepository(call.world, call.caller, `${call.path['owner']}/${call.path['repo']}`, { permission, level })

async function commit({ path }: Call, dir: string): Promise<string> {
  const sha = await commitOf(dir, String(path['ref']))
  if (sha === null) throw new Refusal(404, 'Not Found')
  return sha
}
