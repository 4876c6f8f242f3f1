/**
 * The API: one surface, `/api/v1`, described once. The server implements it, `client` is typed by it, and
 * `openapi.json` and `routes.ts` are generated from it. JSON-only types: what a client sees is what this says.
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { Approval, Decision } from './approval.ts'
import { StoredEvent } from './events.ts'
import { ApprovalId, PromptId, SessionId, ViewerId, WorkspaceId } from './ids.ts'
import { McpSetup } from './mcp.ts'
import { reviewApi } from './review.ts'
import { filesApi } from './files.ts'
import { reachApi } from './reach.ts'
import { commitsApi } from './commits.ts'
import { gitAccessApi } from './git-access.ts'
import { GitPolicyChange } from './git-policy.ts'
import { githubApi } from './github.ts'
import { hostedApi } from './hosted.ts'
import { repositoriesApi } from './repositories.ts'
import { egressApi, EgressMode, EgressRule } from './egress.ts'
import { modelAccessApi } from './model-access.ts'
import { poolsApi } from './pools.ts'
import { previewsApi } from './previews.ts'
import { savedApi } from './saved.ts'
import { sessionsApi } from './sessions.ts'
import { peopleApi } from './people.ts'
import { projectMcpApi } from './project-mcp.ts'
import { workspaceMcpApi } from './workspace-mcp.ts'
import { projectSecretsApi } from './project-secrets.ts'
import { signInApi } from './sign-in.ts'
import { costApi } from './cost.ts'
import { catalogueApi } from './catalogue.ts'
import { settingsApi } from './settings.ts'
import { syncApi } from './sync.ts'
import { imagesApi } from './images.ts'
import { Variables } from './variables.ts'
import { vmsApi } from './vms.ts'
import { AgentKind, ApprovalMode, CodeSource, Exposure, Resources, Workspace } from './workspace.ts'

const tag = (name: string) => ({ tags: [name] })
const ById = z.object({ id: WorkspaceId })
const Empty = z.object({})

export const CreateWorkspace = z.object({
  /** Absent: derived from the repository. Must be free among workspaces that are not deleted. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,38}$/, 'lower-case letters, digits and dashes, at most 39').optional(),
  source: CodeSource,
  provider: z.string().max(64).optional(),
  image: z.string().max(512).optional(),
  /** Paths at the root of the code and of its devcontainer files, as the client saw them: the server need not wait for the code to know them. */
  outline: z.array(z.string().max(300)).max(2000).optional(),
  resources: Resources.default({}),
  agent: AgentKind.default('claude'),
  approvalMode: ApprovalMode.default('ask'),
  /** `plain`: the command. `claude`: extra arguments. */
  command: z.string().max(8192).optional(),
  services: z.array(z.object({ name: z.string().max(64), command: z.string().max(8192) })).max(16).default([]),
  prompt: z.string().max(256 * 1024).optional(),
  /** 0: never stop because of idleness. */
  autoStopMs: z.number().int().min(0).optional(),
  /** Servers for the agent. Kept with the environment, whose variables they name. */
  mcp: McpSetup.default({ servers: [], own: true }),
  /** Stored encrypted, masked in every event. */
  env: Variables.default({}),
  /** Of `env` those whose values are secret; of the rest only those that look like secrets are masked. Absent: all are. */
  secretEnv: z.array(z.string().max(256)).max(2000).optional(),
  homeFiles: z.array(z.object({ path: z.string().max(1024), contentBase64: z.string().max(1024 * 1024) })).max(16).default([]),
  exposures: z.array(Exposure).max(16).default([]),
  /** A person said yes to running the agent with their own rights (unsandboxed `local`). */
  acceptNoIsolation: z.boolean().default(false),
  /** When it is idle it is deleted instead of stopped. */
  ephemeral: z.boolean().default(false),
  /** False: no browser sees it, and nobody is notified of it; the command line does. */
  web: z.boolean().default(true),
  /** What it may do at git hosts, where that is not the default. */
  git: GitPolicyChange.optional(),
  /** Where it may go. Absent: `open`. */
  egress: z.object({ mode: EgressMode, allow: z.array(EgressRule).max(200).default([]) }).optional(),
  /** Refused when its machine costs more while it runs. Absent: whatever it costs, within the limits. */
  maxCostMicrosPerHour: z.number().int().min(0).optional(),
  /** Makes a repeated request (a retry after a lost answer) return the first one's workspace. */
  idempotencyKey: z.string().max(64).optional(),
})
export type CreateWorkspace = z.infer<typeof CreateWorkspace>

export const ProviderInfo = z.object({ name: z.string(), status: z.enum(['ready', 'unavailable']), default: z.boolean(), isolation: z.string(), detail: z.string(), hint: z.string().nullable(), /** Made for projects and kept for their next machines. Absent: it keeps none, or an older server. */ images: z.object({ count: z.number().int(), sizeBytes: z.number() }).optional(), /** What of a machine's extras it offers. */ can: z.array(z.string()).optional(), /** The last close look (`checkProvider`). Absent: nobody took one. */ checked: z.object({ at: z.number(), ok: z.boolean(), warnings: z.number().int() }).optional() })
export type ProviderInfo = z.infer<typeof ProviderInfo>

export const ServerInfo = z.object({
  version: z.string(), pid: z.number().int(), startedAt: z.number(), installation: z.string(), home: z.string(), url: z.string(),
  database: z.enum(['embedded', 'external']), workspaces: z.number().int(), viewers: z.number().int(), daemons: z.number().int(),
  /** Where people reach it from elsewhere. Null: nowhere. Absent from an older server. */
  publicUrl: z.string().nullable().optional(),
  memoryBytes: z.number().int(), deadlines: z.record(z.string(), z.number()), reaperHeld: z.string().nullable(),
})
export type ServerInfo = z.infer<typeof ServerInfo>
/** One thing that the server found out about itself. */
export const ServerCheck = z.object({ name: z.string(), level: z.enum(['ok', 'note', 'bad']), found: z.string(), hint: z.string().nullable() })
export type ServerCheck = z.infer<typeof ServerCheck>

export const api = {
  ...reviewApi,
  ...filesApi,
  ...reachApi,
  ...settingsApi,
  ...projectSecretsApi,
  ...projectMcpApi,
  ...workspaceMcpApi,
  ...previewsApi,
  ...syncApi,
  ...gitAccessApi, ...hostedApi,
  ...repositoriesApi,
  ...commitsApi,
  ...githubApi,
  ...sessionsApi,
  ...savedApi,
  ...modelAccessApi,
  ...costApi,
  ...poolsApi,
  ...imagesApi,
  ...vmsApi,
  ...egressApi,
  ...signInApi,
  ...peopleApi,
  ...catalogueApi,
  health: oc.route({ method: 'GET', path: '/health', summary: 'Is the server up', ...tag('server') }).output(z.object({ ok: z.literal(true), version: z.string(), installation: z.string() })),
  server: oc.route({ method: 'GET', path: '/server', summary: 'What the server is and does', ...tag('server') }).output(ServerInfo),
  checkServer: oc.route({ method: 'GET', path: '/server/checks', summary: 'What the server finds out about itself: certificates, names, clock, disk, database', ...tag('server') }).output(z.array(ServerCheck)),
  stopServer: oc.route({ method: 'POST', path: '/server/stop', summary: 'Stop the server; machines go on', ...tag('server') }).input(Empty).output(z.object({ stopping: z.literal(true) })),
  releaseReaper: oc.route({ method: 'POST', path: '/server/reaper/release', summary: 'Let the reaper act again after a restore', ...tag('server') }).input(Empty).output(z.object({ released: z.boolean() })),
  listProviders: oc.route({ method: 'GET', path: '/providers', summary: 'Providers and whether they answer', ...tag('providers') }).output(z.array(ProviderInfo)),

  createSignInLink: oc.route({ method: 'POST', path: '/sign-in-links', summary: 'Make a one-time link that signs a browser in', ...tag('access') })
    .input(z.object({ next: z.string().max(512).default('/') })).output(z.object({ url: z.string(), expiresAt: z.number() })),

  createWorkspace: oc.route({ method: 'POST', path: '/workspaces', summary: 'Create a workspace; returns at once', ...tag('workspaces') }).input(CreateWorkspace).output(Workspace),
  listWorkspaces: oc.route({ method: 'GET', path: '/workspaces', summary: 'Workspaces, newest first', ...tag('workspaces') }).input(z.object({ deleted: z.enum(['true', 'false']).default('false') })).output(z.array(Workspace)),
  getWorkspace: oc.route({ method: 'GET', path: '/workspaces/{id}', summary: 'One workspace', ...tag('workspaces') }).input(ById).output(Workspace),
  startWorkspace: oc.route({ method: 'POST', path: '/workspaces/{id}/start', summary: 'Start or wake', ...tag('workspaces') }).input(ById).output(Workspace),
  rebuildWorkspace: oc.route({ method: 'POST', path: '/workspaces/{id}/rebuild', summary: 'Stop, make the machine anew from what its code says now, and start it; the disk is kept', ...tag('workspaces') }).input(ById).output(Workspace),
  stopWorkspace: oc.route({ method: 'POST', path: '/workspaces/{id}/stop', summary: 'Save the work and stop; resumable', ...tag('workspaces') }).input(ById).output(Workspace),
  deleteWorkspace: oc.route({ method: 'DELETE', path: '/workspaces/{id}', summary: 'Delete the workspace and all its data', ...tag('workspaces') }).input(ById).output(Workspace),
  /** The code pushed to `/git/{id}` (or the archive put to `/api/v1/workspaces/{id}/archive`) is complete. */
  sourceReady: oc.route({ method: 'POST', path: '/workspaces/{id}/source-ready', summary: 'The upload is complete', ...tag('workspaces') }).input(ById).output(Workspace),
  /** The client could not upload: the workspace fails with that reason. */
  sourceFailed: oc.route({ method: 'POST', path: '/workspaces/{id}/source-failed', summary: 'The upload failed', ...tag('workspaces') }).input(ById.extend({ message: z.string().max(2000) })).output(Workspace),
  keepAlive: oc.route({ method: 'POST', path: '/workspaces/{id}/keep-alive', summary: 'Do not stop for idleness for a while', ...tag('workspaces') }).input(ById.extend({ forMs: z.number().int().min(0).max(7 * 24 * 3600_000) })).output(Workspace),
  /** A browser may only take one off the web: afterwards it does not see it any more. */
  setWeb: oc.route({ method: 'POST', path: '/workspaces/{id}/web', summary: 'Show it on the web, or do not', ...tag('workspaces') }).input(ById.extend({ on: z.boolean() })).output(Workspace),

  listEvents: oc.route({ method: 'GET', path: '/workspaces/{id}/events', summary: 'Events after a cursor, a page', ...tag('events') })
    .input(ById.extend({ after: z.coerce.number().int().min(0).default(0), limit: z.coerce.number().int().min(1).max(1000).default(500) })).output(z.object({ events: z.array(StoredEvent), tail: z.number().int() })),

  sendMessage: oc.route({ method: 'POST', path: '/workspaces/{id}/messages', summary: 'Say something to the agent', ...tag('sessions') })
    .input(ById.extend({ text: z.string().min(1).max(256 * 1024), promptId: PromptId.optional(), /** Absent: the main one. */ session: SessionId.optional() })).output(z.object({ promptId: PromptId, status: z.enum(['queued', 'accepted', 'held', 'ambiguous', 'refused']), detail: z.string().nullable() })),
  interrupt: oc.route({ method: 'POST', path: '/workspaces/{id}/interrupt', summary: 'Stop the turn that is running', ...tag('sessions') }).input(ById.extend({ session: SessionId.optional() })).output(z.object({ interrupted: z.boolean() })),

  listApprovals: oc.route({ method: 'GET', path: '/approvals', summary: 'Questions that wait for a person', ...tag('approvals') })
    .input(z.object({ workspace: WorkspaceId.optional(), all: z.enum(['true', 'false']).default('false') })).output(z.array(Approval)),
  getApproval: oc.route({ method: 'GET', path: '/approvals/{id}', summary: 'One approval', ...tag('approvals') }).input(z.object({ id: ApprovalId })).output(Approval),
  /** The first decision wins. A later one gets 409 `approval_decided` whose details say who won. */
  decideApproval: oc.route({ method: 'POST', path: '/approvals/{id}/decision', summary: 'Answer', ...tag('approvals') })
    .input(z.object({ id: ApprovalId, decision: Decision, via: z.enum(['cli', 'web', 'push', 'api']).default('api') })).output(Approval),

  diff: oc.route({ method: 'GET', path: '/workspaces/{id}/diff', summary: 'What changed since the source', ...tag('code') }).input(ById)
    .output(z.object({ patch: z.string(), truncated: z.boolean(), stat: z.array(z.object({ path: z.string(), added: z.number(), removed: z.number() })) })),
  /** Saves the tree to the hosted repository, from the machine when it runs, else the last save. */
  publish: oc.route({ method: 'POST', path: '/workspaces/{id}/publish', summary: 'Make the work fetchable', ...tag('code') }).input(ById)
    .output(z.object({ ref: z.string(), commit: z.string(), branch: z.string(), from: z.enum(['machine', 'save']) })),
  logs: oc.route({ method: 'GET', path: '/workspaces/{id}/logs', summary: 'Output of the machine, the setup, a service or the agent', ...tag('code') })
    .input(ById.extend({ source: z.string().max(80).default('setup') })).output(z.object({ text: z.string() })),
  listTerminals: oc.route({ method: 'GET', path: '/workspaces/{id}/terminals', summary: 'Terminals', ...tag('terminals') }).input(ById)
    .output(z.array(z.object({ terminalId: z.string(), title: z.string(), backend: z.string(), viewers: z.number().int() }))),

  joinViewer: oc.route({ method: 'POST', path: '/workspaces/{id}/viewers', summary: 'A client looks at the workspace', ...tag('viewers') })
    .input(ById.extend({ client: z.enum(['web', 'cli', 'desktop']) })).output(z.object({ viewerId: ViewerId, heartbeatMs: z.number() })),
  heartbeatViewer: oc.route({ method: 'POST', path: '/viewers/{viewerId}/heartbeat', summary: 'Still looking; `input` when a person did something', ...tag('viewers') })
    .input(z.object({ viewerId: ViewerId, input: z.boolean().default(false) })).output(z.object({ ok: z.boolean() })),
  leaveViewer: oc.route({ method: 'DELETE', path: '/viewers/{viewerId}', summary: 'No longer looking', ...tag('viewers') }).input(z.object({ viewerId: ViewerId })).output(z.object({ ok: z.boolean() })),
}
export type Api = typeof api

/**
 * Routes beside the contract, all under the same authentication:
 *  GET  /api/v1/workspaces/{id}/stream?offset=&live=sse|long-poll   events by the Durable Streams protocol (read side)
 *  GET  /api/v1/workspaces/{id}/terminals/{terminalId}/attach       WebSocket: binary = bytes, text = TerminalControl; ?cols&rows&mode
 *  PUT  /api/v1/workspaces/{id}/archive                             tar.zst of a plain directory
 *  *    /git/{id}/…                                                 smart HTTP of the hosted repository (Bearer, or Basic with the token as password)
 *  GET  /sign-in?code=…                                             one-time link; sets the session cookie
 */
export const ARCHIVE_PATH = (id: WorkspaceId) => `/api/v1/workspaces/${id}/archive`
export const ATTACH_PATH = (id: WorkspaceId, terminalId: string) => `/api/v1/workspaces/${id}/terminals/${encodeURIComponent(terminalId)}/attach`
export const GIT_PATH = (id: WorkspaceId) => `/git/${id}`
