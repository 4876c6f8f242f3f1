/** What a workspace's daemon may ask the server for over its link: its own repository, its uploaded archive, git hosts and models. */
import type { Clock, WorkspaceRecord, WorkspaceRow, WorkspaceStore } from '@berth/core'
import { BerthError, HTTP_STATUS, SavedId } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { LINK_HTTP } from '@berth/wire/daemon'
import type { GitGateway } from '../git-gateway/gateway.ts'
import type { ToolboxFiles } from './toolbox-files.ts'
import type { Inject } from '../egress/inject.ts'
import type { GhGateway } from '../github/gh/gateway.ts'
import type { ModelGateway } from '../model-gateway/gateway.ts'
import type { CommitSigner } from '../services/commits.ts'
import { asBerthError, refusal } from '../http/respond.ts'
import type { Log } from '../http/respond.ts'
import type { StateSaving } from '../saved/saving.ts'
import type { Repositories } from '../git-hosting/repositories.ts'
import { remembered } from '../remembered.ts'
import type { Quota } from '../git-hosting/quota.ts'
import { serveGit } from '../git-hosting/smart-http.ts'
import type { Uploads } from '../git-hosting/uploads.ts'

export interface LinkHttpDeps {
  readonly store: Pick<WorkspaceStore, 'getWorkspace'>
  readonly repositories: Repositories
  /** Absent: there is always room. */
  readonly quota?: Pick<Quota, 'roomIn'>
  readonly uploads: Uploads
  readonly gitGateway: GitGateway
  readonly modelGateway: ModelGateway
  /** Absent: no command line of GitHub. */
  readonly ghGateway?: GhGateway
  /** Absent: nothing is signed. */
  readonly signer?: CommitSigner
  readonly toolboxFiles: Pick<ToolboxFiles, 'program'>
  readonly inject: Inject
  /** Whole workspaces. Absent: none is saved. */
  readonly saving?: Pick<StateSaving, 'receive' | 'give'>
  readonly clock: Clock
  readonly log: Log
}

/** A deleted workspace is served for so long. */
const REMEMBERED_MS = 1000
/** The workspace is the link's, never one that the request names. */
export function createLinkHttp(deps: LinkHttpDeps): (workspaceId: WorkspaceId, request: Request) => Promise<Response> {
  const { quota } = deps
  const records = remembered<WorkspaceRecord | null>({ clock: deps.clock, ms: REMEMBERED_MS, limit: 1000 })
  const handle = async (workspaceId: WorkspaceId, request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url)
    const record = await records.get(workspaceId, () => deps.store.getWorkspace(workspaceId))
    if (!record || record.workspace.wish.target === 'deleted') throw new BerthError('not_found', 'this workspace is gone')
    if (pathname.startsWith(`${LINK_HTTP.git}/`)) {
      const dir = await deps.repositories.ensure(workspaceId)
      return serveGit({ dir, caller: { kind: 'workspace', name: record.workspace.name }, path: pathname.slice(LINK_HTTP.git.length), request, log: deps.log, ...(quota === undefined ? {} : { room: () => quota.roomIn(workspaceId) }) })
    }
    const gateway = gatewayFor(deps, pathname, request.method)
    if (gateway !== null) return gateway(record.workspace, request)
    if (pathname.startsWith(`${LINK_HTTP.program}/`) && request.method === 'GET') return deps.toolboxFiles.program(pathname.slice(LINK_HTTP.program.length + 1))
    if (pathname.startsWith(`${LINK_HTTP.saved}/`) && deps.saving !== undefined) return saved(deps.saving, workspaceId, request)
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

/** What uses a credential of the server's in the workspace's stead. Null: nothing of that name. */
function gatewayFor(deps: LinkHttpDeps, pathname: string, method: string): ((workspace: WorkspaceRow, request: Request) => Promise<Response>) | null {
  const below = (prefix: string): boolean => pathname.startsWith(`${prefix}/`)
  if (below(LINK_HTTP.sign)) return method === 'POST' ? (deps.signer ?? null) : null
  if (below(LINK_HTTP.upstream)) return deps.gitGateway
  if (below(LINK_HTTP.github)) return deps.ghGateway ?? null
  if (below(LINK_HTTP.model)) return deps.modelGateway
  return below(LINK_HTTP.inject) ? deps.inject : null
}

async function saved(saving: Pick<StateSaving, 'receive' | 'give'>, workspaceId: WorkspaceId, request: Request): Promise<Response> {
  const id = SavedId.safeParse(new URL(request.url).pathname.slice(LINK_HTTP.saved.length + 1))
  if (id.success && request.method === 'PUT') return saving.receive(workspaceId, id.data, request)
  if (id.success && request.method === 'GET') return saving.give(workspaceId, id.data)
  throw new BerthError('not_found', 'no such path')
}

/** git shows what a host says behind `remote:` if it is plain text. */
function inGitsWords(error: BerthError): Response {
  const text = [`berth: ${error.message}`, ...(error.hint === undefined ? [] : [error.hint])].join('\n')
  return new Response(`${text}\n`, { status: HTTP_STATUS[error.code], headers: { 'content-type': 'text/plain; charset=utf-8' } })
}
