/** What a workspace's daemon may ask the server for over its link: its own repository and its uploaded archive. */
import type { WorkspaceStore } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { LINK_HTTP } from '@berth/wire/daemon'
import { asBerthError, refusal } from '../http/respond.ts'
import type { Log } from '../http/respond.ts'
import type { Repositories } from './repositories.ts'
import { serveGit } from './smart-http.ts'
import type { Uploads } from './uploads.ts'

export interface LinkHttpDeps {
  readonly store: Pick<WorkspaceStore, 'getWorkspace'>
  readonly repositories: Repositories
  readonly uploads: Uploads
  readonly log: Log
}

/** The workspace is the link's, never one that the request names. */
export function createLinkHttp(deps: LinkHttpDeps): (workspaceId: WorkspaceId, request: Request) => Promise<Response> {
  const handle = async (workspaceId: WorkspaceId, request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url)
    const record = await deps.store.getWorkspace(workspaceId)
    if (!record || record.workspace.wish.target === 'deleted') throw new BerthError('not_found', 'this workspace is gone')
    if (pathname.startsWith(`${LINK_HTTP.git}/`)) {
      const dir = await deps.repositories.ensure(workspaceId)
      return serveGit({ dir, caller: { kind: 'workspace', name: record.workspace.name }, path: pathname.slice(LINK_HTTP.git.length), request, log: deps.log })
    }
    if (pathname === LINK_HTTP.archive && request.method === 'GET') return deps.uploads.read(workspaceId)
    throw new BerthError('not_found', 'no such path')
  }
  return async (workspaceId, request) => {
    try {
      return await handle(workspaceId, request)
    } catch (thrown) {
      return refusal(asBerthError(thrown, deps.log))
    }
  }
}
