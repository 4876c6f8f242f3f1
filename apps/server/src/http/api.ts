/** The contract, implemented: each procedure is one use case. Nothing here decides. */
import { deadlines } from '@berth/core'
import { BerthError, VERSION } from '@berth/wire'
import { api } from '@berth/wire/api'
import type { ServerCheck, ServerInfo } from '@berth/wire/api'
import { API_PREFIX } from '@berth/wire/routes'
import { OpenAPIHandler } from '@orpc/openapi/fetch'
import { implement } from '@orpc/server'
import { decideApproval, getApproval } from '../services/approvals.ts'
import { diff, listTerminals, logs, publish } from '../services/code.ts'
import { createWorkspace } from '../services/create-workspace.ts'
import type { ServiceDeps } from '../services/deps.ts'
import type { Images } from '../services/images.ts'
import { interrupt, sendMessage } from '../services/messages.ts'
import { listProviders } from '../services/provider-check.ts'
import { requireRecord, viewById } from '../services/view.ts'
import { rebuild } from '../services/rebuild.ts'
import { keepAlive, listWorkspaces, setWeb, sourceFailed, sourceReady, wish } from '../services/workspaces.ts'
import { reviewRouter } from './api-review.ts'
import type { ReviewApiDeps } from './api-review.ts'
import { filesRouter } from './api-files.ts'
import { reachRouter } from './api-reach.ts'
import { gitAccessRouter } from './api-git-access.ts'
import { hostedRouter } from './api-hosted.ts'
import { githubRouter } from './api-github.ts'
import type { GitHubApiDeps } from './api-github.ts'
import { costRouter } from './api-cost.ts'
import { poolsRouter } from './api-pools.ts'
import { imagesRouter } from './api-images.ts'
import { vmsRouter } from './api-vms.ts'
import { egressRouter } from './api-egress.ts'
import type { EgressServiceDeps } from '../services/egress.ts'
import { modelAccessRouter } from './api-model-access.ts'
import { peopleRouter } from './api-people.ts'
import type { PeopleApiDeps } from './api-people.ts'
import { previewsRouter } from './api-previews.ts'
import { syncRouter } from './api-sync.ts'
import type { PreviewDeps } from '../services/previews.ts'
import { savedRouter } from './api-saved.ts'
import type { SavedDeps } from '../services/saved.ts'
import { sessionsRouter } from './api-sessions.ts'
import { projectMcpRouter } from './api-project-mcp.ts'
import { workspaceMcpRouter } from './api-workspace-mcp.ts'
import { projectSecretsRouter } from './api-project-secrets.ts'
import { catalogueRouter } from './api-catalogue.ts'
import type { CatalogueApiDeps } from './api-catalogue.ts'
import { signInRouter } from './api-sign-in.ts'
import { settingsRouter } from './api-settings.ts'
import { commitsRouter } from './api-commits.ts'
import { repositoriesRouter } from './api-repositories.ts'
import type { SettingsApiDeps } from './api-settings.ts'
import type { Gate } from '../access/gate.ts'
import { permitted } from '../access/permit-route.ts'
import type { RouteCall } from '../access/permit-route.ts'
import { readLimited } from './body.ts'
import type { Caller } from './credentials.ts'
import { asBerthError, refusal } from './respond.ts'
import { approvalsShownTo, shownTo } from './shown.ts'
import { SIGN_IN_PATH } from '../sign-in/paths.ts'
import { signedIn } from './signed-in.ts'

export interface ApiDeps extends ServiceDeps, Pick<SavedDeps, 'saving' | 'stateBytes' | 'keepBackupsMs'>, SettingsApiDeps, ReviewApiDeps, PreviewDeps, CatalogueApiDeps, GitHubApiDeps, Pick<EgressServiceDeps, 'permissions'>, Omit<PeopleApiDeps, 'store' | 'previews' | 'clock' | 'pageUrl'> {
  checkServer(): Promise<ServerCheck[]>
  serverInfo(): Promise<ServerInfo>
  /** Asks the server to end; returns before it does. */
  requestStop(): void
  readonly gate: Gate
  readonly images: Images
}

export interface ApiContext {
  /** Null only where anybody may ask. */
  readonly caller: Caller | null
  /** Does the work unless they may not, and leaves a record. */
  permit<T>(call: RouteCall, work: () => Promise<T>): Promise<T>
  /** Where the request came from. */
  readonly address: string
  /** What the procedure threw, before oRPC makes its own kind of error of it. */
  thrown?: { readonly value: unknown }
}

/** The largest honest one: sixteen home files of a mebibyte, in base64, and the environment. */
const BODY_LIMIT_BYTES = 32 * 1024 * 1024

export type Api = (request: Request, caller: Caller | null, address: string) => Promise<Response | null>

export function createApi(deps: ApiDeps): Api {
  const handler = new OpenAPIHandler<ApiContext>(routerOf(deps), {
    clientInterceptors: [async ({ next, context }) => {
      try {
        return await next()
      } catch (value) {
        context.thrown = { value }
        throw value
      }
    }],
  })
  const permit: ApiContext['permit'] = (call, work) => permitted(deps, call, work)
  return async (request, caller, address) => {
    const context: ApiContext = { caller, permit, address }
    const { matched, response } = await handler.handle(await readable(request), { prefix: API_PREFIX, context })
    if (context.thrown) return refusal(asBerthError(context.thrown.value, deps.log))
    if (!matched) return null
    if (response.status === 400) return refusal(new BerthError('bad_request', 'the body is not JSON', { hint: 'send JSON as openapi.json describes' }))
    return response
  }
}

/** JSON or nothing: a form is what another site can make a browser send. */
async function readable(request: Request): Promise<Request> {
  if (request.method === 'GET' || request.method === 'HEAD') return request
  const body = await readLimited(request, BODY_LIMIT_BYTES)
  const headers = new Headers(request.headers)
  if (body.length > 0 && headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
    throw new BerthError('bad_request', 'the body is not JSON', { hint: 'send `content-type: application/json`' })
  }
  // No body means no fields.
  headers.set('content-type', 'application/json')
  return new Request(request.url, { method: request.method, headers, signal: request.signal, body: body.length > 0 ? body : '{}' })
}

function routerOf(deps: ApiDeps) {
  const os = implement(api).$context<ApiContext>()
  const known = os.use(signedIn)
  const now = () => deps.clock.now()
  return os.router({
    ...filesRouter(deps),
    ...reachRouter(deps),
    ...settingsRouter(deps),
    ...projectSecretsRouter(deps),
    ...projectMcpRouter(deps),
    ...workspaceMcpRouter(deps),
    ...previewsRouter(deps),
    ...syncRouter(deps),
    ...gitAccessRouter(deps), ...hostedRouter(deps),
    ...githubRouter(deps),
    ...repositoriesRouter(deps),
    ...commitsRouter(deps),
    ...sessionsRouter(deps),
    ...savedRouter(deps),
    ...modelAccessRouter(deps),
    ...costRouter(deps),
    ...poolsRouter(deps),
    ...imagesRouter(deps),
    ...vmsRouter(deps),
    ...egressRouter(deps),
    ...signInRouter(deps),
    ...peopleRouter(deps),
    ...catalogueRouter(deps),
    ...reviewRouter(deps),
    health: os.health.handler(async () => ({ ok: true as const, version: VERSION, installation: (await deps.store.installation.installation()).id })),
    server: known.server.handler(() => deps.serverInfo()),
    checkServer: known.checkServer.handler(() => deps.checkServer()),
    stopServer: known.stopServer.handler(() => {
      deps.requestStop()
      return { stopping: true as const }
    }),
    releaseReaper: known.releaseReaper.handler(async () => ({ released: await deps.store.installation.releaseReaper() })),
    listProviders: known.listProviders.handler(() => listProviders(deps)),

    createSignInLink: known.createSignInLink.handler(async ({ input, context }) => {
      const expiresAt = now() + deadlines.signInLink
      const code = await deps.store.access.issueSignInCode(context.caller.userId, expiresAt, now())
      return { url: `${deps.pageUrl}${SIGN_IN_PATH}?${new URLSearchParams({ code, next: input.next }).toString()}`, expiresAt }
    }),

    createWorkspace: known.createWorkspace.handler(({ input, context }) => createWorkspace(deps, input, context.caller)),
    listWorkspaces: known.listWorkspaces.handler(async ({ input, context }) => shownTo(context.caller, await listWorkspaces(deps, { deleted: input.deleted === 'true', seen: await deps.gate.seenBy(context.caller) }))),
    getWorkspace: known.getWorkspace.handler(({ input }) => viewById(deps, input.id)),
    startWorkspace: known.startWorkspace.handler(({ input }) => wish(deps, input.id, 'running')),
    rebuildWorkspace: known.rebuildWorkspace.handler(({ input }) => rebuild(deps, input.id)),
    stopWorkspace: known.stopWorkspace.handler(({ input }) => wish(deps, input.id, 'stopped')),
    deleteWorkspace: known.deleteWorkspace.handler(({ input }) => wish(deps, input.id, 'deleted')),
    sourceReady: known.sourceReady.handler(({ input }) => sourceReady(deps, input.id)),
    sourceFailed: known.sourceFailed.handler(({ input }) => sourceFailed(deps, input.id, input.message)),
    setWeb: known.setWeb.handler(({ input }) => setWeb(deps, input.id, input.on)),
    keepAlive: known.keepAlive.handler(({ input }) => keepAlive(deps, input.id, input.forMs)),

    listEvents: known.listEvents.handler(async ({ input }) => {
      await requireRecord(deps, input.id)
      const [events, tail] = await Promise.all([deps.store.events.read(input.id, input.after, input.limit), deps.store.events.tail(input.id)])
      return { events, tail }
    }),
    sendMessage: known.sendMessage.handler(({ input, context }) => sendMessage(deps, { id: input.id, text: input.text, promptId: input.promptId, session: input.session }, context.caller)),
    interrupt: known.interrupt.handler(({ input }) => interrupt(deps, input.id, input.session)),

    listApprovals: known.listApprovals.handler(async ({ input, context }) => {
      const seen = await deps.gate.seenBy(context.caller)
      const approvals = await deps.store.approvals.list({ all: input.all === 'true', ...(input.workspace === undefined ? {} : { workspaceId: input.workspace }) })
      return approvalsShownTo(deps.store, context.caller, approvals.filter(({ workspaceId }) => seen(workspaceId) !== null))
    }),
    getApproval: known.getApproval.handler(({ input }) => getApproval(deps, input.id)),
    decideApproval: known.decideApproval.handler(({ input, context }) => decideApproval(deps, input, context.caller)),

    diff: known.diff.handler(({ input }) => diff(deps, input.id)),
    publish: known.publish.handler(({ input }) => publish(deps, input.id)),
    logs: known.logs.handler(({ input }) => logs(deps, input.id, input.source)),
    listTerminals: known.listTerminals.handler(({ input }) => listTerminals(deps, input.id)),

    joinViewer: known.joinViewer.handler(async ({ input, context }) => {
      await requireRecord(deps, input.id)
      const viewerId = await deps.store.viewers.join({ workspaceId: input.id, userId: context.caller.userId, client: input.client }, now())
      return { viewerId, heartbeatMs: deadlines.viewerHeartbeat }
    }),
    heartbeatViewer: known.heartbeatViewer.handler(async ({ input, context }) => {
      const viewer = await deps.store.viewers.get(input.viewerId)
      if (viewer?.userId !== context.caller.userId) return { ok: false }
      // Who may only look keeps nothing awake.
      const works = input.input && (await deps.gate.may(context.caller, 'act', viewer.workspaceId))
      return { ok: await deps.store.viewers.heartbeat(input.viewerId, works, now()) }
    }),
    leaveViewer: known.leaveViewer.handler(async ({ input, context }) => {
      if ((await deps.store.viewers.get(input.viewerId))?.userId === context.caller.userId) await deps.store.viewers.leave(input.viewerId)
      return { ok: true }
    }),
  })
}
