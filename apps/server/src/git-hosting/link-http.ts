/** What a workspace's daemon may ask the server for over its link: its own repository, its uploaded archive, git hosts and models. */
import type { Clock, WorkspaceRecord, WorkspaceStore } from '@berth/core'
import { BerthError, HTTP_STATUS } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { LINK_HTTP } from '@berth/wire/daemon'
import type { GitGateway } from '../git-gateway/gateway.ts'
import type { ToolboxFiles } from '../link/toolbox-files.ts'
import type { Inject } from '../egress/inject.ts'
import type { GhGateway } from '../github/gh/gateway.ts'
import type { ModelGateway } from '../model-gateway/gateway.ts'
import { asBerthError, refusal } from '../http/respond.ts'
import type { Log } from '../http/respond.ts'
import type { Repositories } from './repositories.ts'
import { remembered } from '../remembered.ts'
import { fullOf, serveGit } from './smart-http.ts'
import type { Uploads } from './uploads.ts'

export interface LinkHttpDeps {
  readonly store: Pick<WorkspaceStore, 'getWorkspace'>
  readonly repositories: Repositories
  readonly uploads: Uploads
  readonly gitGateway: GitGateway
  readonly modelGateway: ModelGateway
  /** Absent: no command line of GitHub. */
  readonly ghGateway?: GhGateway
  readonly toolboxFiles: Pick<ToolboxFiles, 'program'>
  readonly inject: Inject
  readonly clock: Clock
  readonly log: Log
}

/** A deleted workspace is served for so long. */
const REMEMBERED_MS = 1000
/** The workspace is the link's, never one that the request names. */
export function createLinkHttp(deps: LinkHttpDeps): (workspaceId: WorkspaceId, request: Request) => Promise<Response> {
  const records = remembered<WorkspaceRecord | null>({ clock: deps.clock, ms: REMEMBERED_MS, limit: 1000 })
  const handle = async (workspaceId: WorkspaceId, request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url)
    const record = await records.get(workspaceId, () => deps.store.getWorkspace(workspaceId))
    if (!record || record.workspace.wish.target === 'deleted') throw new BerthError('not_found', 'this workspace is gone')
    if (pathname.startsWith(`${LINK_HTTP.git}/`)) {
      const dir = await deps.repositories.ensure(workspaceId)
      return serveGit({ dir, caller: { kind: 'workspace', name: record.workspace.name }, path: pathname.slice(LINK_HTTP.git.length), request, log: deps.log, full: () => fullOf(deps.repositories, workspaceId) })
    }
    if (pathname.startsWith(`${LINK_HTTP.upstream}/`)) return deps.gitGateway(record.workspace, request)
    if (pathname.startsWith(`${LINK_HTTP.github}/`) && deps.ghGateway !== undefined) return deps.ghGateway(record.workspace, request)
    if (pathname.startsWith(`${LINK_HTTP.model}/`)) return deps.modelGateway(record.workspace, request)
    if (pathname.startsWith(`${LINK_HTTP.program}/`) && request.method === 'GET') return deps.toolboxFiles.program(pathname.slice(LINK_HTTP.program.length + 1))
    if (pathname.startsWith(`${LINK_HTTP.inject}/`)) return deps.inject(record.workspace, request)
    if (pathname === LINK_HTTP.archive && request.method === 'GET') return deps.uploads.read(workspaceId)
    throw new BerthError('not_found', 'no such path')
  }
  return async (workspaceId, request) => {
    try {
      return await handle(workspaceId, request)
    } catch (thrown) {
      const error = asBerthError(thrown, deps.log)
      return new URL(request.url).pathname === LINK_HTTP.archive ? refusal(error) : inGitsWords(error)
    }
  }
}

/** git shows what a host says behind `remote:` if it is plain text. */
function inGitsWords(error: BerthError): Response {
  const text = [`berth: ${error.message}`, ...(error.hint === undefined ? [] : [error.hint])].join('\n')
  return new Response(`${text}\n`, { status: HTTP_STATUS[error.code], headers: { 'content-type': 'text/plain; charset=utf-8' } })
}
