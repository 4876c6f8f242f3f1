/** Git of people, and of this server for a workspace, to the repositories that the server keeps. */
import { mayDo } from '@berth/core'
import type { Store } from '@berth/core'
import { BerthError, RepositoryId, WorkspaceId } from '@berth/wire'
import { noteOf, actorOf } from '../access/record.ts'
import type { RecordDeps } from '../access/record.ts'
import type { OrgId } from '@berth/wire'
import type { Hosted } from './hosted.ts'
import type { Repositories } from './repositories.ts'
import { repositoryTokenIn } from './repository-tokens.ts'
import type { RepositoryTokenDeps } from './repository-tokens.ts'
import { serveGit } from './smart-http.ts'

export interface HostedHttpDeps extends Omit<RepositoryTokenDeps, 'passing' | 'store'>, RecordDeps {
  readonly store: Pick<Store, 'repositoryTokens' | 'hostedRepositories' | 'access' | 'audit'>
  readonly repositories: Repositories
  readonly hosted: Pick<Hosted, 'quota' | 'passing'>
  readonly homeOrg: OrgId
}
type Asker = Parameters<typeof mayDo>[0] & Parameters<typeof actorOf>[0]

/** Whatever is not surely a fetch is a push. */
export const fetches = ({ pathname, searchParams }: URL): boolean => pathname.endsWith('/git-upload-pack') || (pathname.endsWith('/info/refs') && searchParams.get('service') === 'git-upload-pack')

export function repositoryIdIn(text: string): WorkspaceId | RepositoryId {
  const [workspace, task] = [WorkspaceId.safeParse(text), RepositoryId.safeParse(text)]
  if (workspace.success) return workspace.data
  if (task.success) return task.data
  throw new BerthError('not_found', 'there is no repository of that address', { hint: 'see `berth repos`' })
}

/** A task's. `signedIn`: by a token of the API, where the request holds no password of one repository. */
export async function taskGit(deps: HostedHttpDeps, request: Request, { id, path, signedIn }: { id: RepositoryId; path: string; signedIn(): Promise<Asker> }): Promise<Response> {
  const url = new URL(request.url)
  const pushes = !fetches(url)
  const held = await repositoryTokenIn({ ...deps, passing: deps.hosted.passing }, request, { id, pushes })
  const actor = held === null ? await allowed(deps, await signedIn(), { id, pushes }) : held.by === 'person' ? `${held.name} (password of this repository)` : null
  const row = await deps.store.hostedRepositories.get(id)
  if (row === null) throw new BerthError('not_found', 'there is no such repository', { hint: 'see `berth repos`' })
  if (path.startsWith('/info/lfs')) throw new BerthError('unsupported', 'large files are not kept here by git-lfs', { hint: 'push them as files, within the quota of the repository' })
  const asksFirst = request.method === 'GET'
  if (actor !== null && !asksFirst) {
    await deps.store.hostedRepositories.used(id, deps.clock.now())
    if (pushes) await noteOf(deps, { orgId: row.orgId, actor }, { action: 'code.push', subject: `${row.name} (${id})` })
  }
  return serveGit({
    dir: await deps.repositories.ensure(id), caller: { kind: 'task' }, path, request, log: deps.log, room: () => deps.hosted.quota.roomIn(id),
    async pushed(commands) {
      await deps.repositories.settleHead(id)
      if (actor !== null) await deps.repositories.had(id, commands.map(({ newId }) => newId).filter((commit) => !/^0+$/.test(commit)))
    },
    // A workspace is not somebody else: it may be gone tomorrow.
    ...(actor === null ? {} : { fetched: (commits: readonly string[]) => deps.repositories.had(id, commits) }),
  })
}

async function allowed({ store, homeOrg }: HostedHttpDeps, asker: Asker, { id, pushes }: { id: RepositoryId; pushes: boolean }): Promise<string> {
  const standing = await store.hostedRepositories.standing(asker.userId, id)
  const verdict = mayDo(asker, pushes ? 'act' : 'look', { standing, homeOrg })
  if (verdict.may) return actorOf(asker)
  if (verdict.because === 'unseen') throw new BerthError('not_found', 'there is no such repository', { hint: 'see `berth repos`' })
  throw new BerthError('forbidden', verdict.because === 'scope' ? 'access denied: this token\'s scope does not reach so far' : 'access denied: only its owner and owners of the organisation push to this repository')
}
