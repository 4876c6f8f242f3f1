/**
 * The control listener: API, streams, terminals, git and the page, all behind one check of host and credential.
 * Only health and signing in are for anybody.
 */
import { AUDITED_BESIDE, BESIDE_RIGHTS } from '@berth/core'
import type { BesideRoute } from '@berth/core'
import { BerthError, RepositoryId, WorkspaceId } from '@berth/wire'
import { Presence, SOCKET_PATH } from '@berth/wire/live'
import { API_PREFIX } from '@berth/wire/routes'
import { PUSH_DECISION_PATH } from '@berth/wire/settings'
import type { Server } from 'bun'
import { arriving } from '../services/arriving.ts'
import type { ServiceDeps } from '../services/deps.ts'
import { upload } from '../services/files.ts'
import { openSync } from '../services/push.ts'
import { openReach } from '../services/reach.ts'
import { openRun } from '../services/run.ts'
import { requireRecord } from '../services/view.ts'
import { requireCan } from '../services/workspaces.ts'
import { hostedPath } from '../git-hosting/hosted-addresses.ts'
import { fetches, repositoryIdIn, taskGit } from '../git-hosting/hosted-http.ts'
import { repositoryTokenIn } from '../git-hosting/repository-tokens.ts'
import type { TokenHolder } from '../git-hosting/repository-tokens.ts'
import { serveGit } from '../git-hosting/smart-http.ts'
import { HOOK_PATH, isSetupPath } from '../github/index.ts'
import { setupPage } from '../github/setup.ts'
import { decideByToken } from '../notify/decision.ts'
import { ENTER_PATH, START_PATH } from '../previews/entering.ts'
import type { Previews } from '../previews/index.ts'
import { note, noteOf } from '../access/record.ts'
import { devicePage } from '../sign-in/device-page.ts'
import { signInRoute } from '../sign-in/index.ts'
import type { SignInDeps } from '../sign-in/index.ts'
import { DEVICE_PATH } from '../sign-in/paths.ts'
import { signInPage } from '../sign-in/sign-in-page.ts'
import type { Drain } from '../compose/drain.ts'
import type { Metrics } from '../metrics/index.ts'
import type { SocketRoom } from '../socket/socket-room.ts'
import type { Tls } from '../tls/index.ts'
import { createApi } from './api.ts'
import { setupDeps } from './api-github.ts'
import type { ApiDeps } from './api.ts'
import { openAttachment } from './attach.ts'
import type { Attachment } from './attach.ts'
import { callerOf, hostOf, tokenOf } from './credentials.ts'
import type { Caller } from './credentials.ts'
import { onPageHost } from './hosts.ts'
import { healthRoute, METRICS_PATH, metricsAnswer } from './health.ts'
import type { Hosts } from './hosts.ts'
import type { PageFiles } from './page-files.ts'
import { asBerthError, refusal, secured } from './respond.ts'
import { createPipe } from './pipe.ts'
import { isShownTo, requireShown } from './shown.ts'
import { ALLOWED_MS, signalWhileAllowed, whileAllowed } from './while-allowed.ts'
import { serveStream } from './stream.ts'

export interface ControlDeps extends ApiDeps, Omit<SignInDeps, keyof ApiDeps> {
  readonly hosts: Hosts
  readonly pageFile: PageFiles
  readonly previews: Previews
  readonly socketRoom: Pick<SocketRoom, 'attachment'>
  /** Our own https in front of this listener. Null: there is none. */
  readonly tls: Pick<Tls, 'peerOf' | 'hstsSeconds'> | null
  readonly drain: Drain
  readonly metrics: Pick<Metrics, 'render' | 'answered'>
  /** How often it is asked whether who opened a connection still may have it. */
  readonly allowedMs?: number
}

/** `undefined`: the connection became a socket. */
export type ControlFetch = (request: Request, server: Server<Attachment>) => Promise<Response | undefined>

/** Of the contract, for those who have no credential yet. */
const OPEN_PATHS = [`${API_PREFIX}/device-logins`, `${API_PREFIX}/device-logins/token`]
const HEALTH_PATHS = ['/health', `${API_PREFIX}/health`]

/** Routes beside the contract, each with its name in the table of rights, for the tests that walk them all. */
export const EXTRA_ROUTES: readonly { readonly method: string; readonly path: string; readonly as: BesideRoute }[] = [
  { method: 'GET', path: '/', as: 'page' },
  { method: 'GET', path: '/workspaces/{id}', as: 'page' },
  { method: 'GET', path: `${API_PREFIX}/openapi.json`, as: 'openapi' },
  { method: 'GET', path: METRICS_PATH, as: 'metrics' },
  { method: 'GET', path: SOCKET_PATH, as: 'pageSocket' },
  { method: 'GET', path: `${ENTER_PATH}?to={preview}`, as: 'enterPreview' },
  { method: 'GET', path: `${START_PATH}?to={preview}`, as: 'startFromPreview' },
  { method: 'POST', path: `${START_PATH}?to={preview}`, as: 'startFromPreview' },
  { method: 'GET', path: `${API_PREFIX}/workspaces/{id}/stream`, as: 'events' },
  { method: 'HEAD', path: `${API_PREFIX}/workspaces/{id}/stream`, as: 'events' },
  { method: 'GET', path: `${API_PREFIX}/workspaces/{id}/terminals/{terminalId}/attach`, as: 'terminal' },
  { method: 'GET', path: `${API_PREFIX}/workspaces/{id}/ssh/stream?key=c3NoLWVkMjU1MTkgQUFBQQ`, as: 'ssh' },
  { method: 'GET', path: `${API_PREFIX}/workspaces/{id}/ports/3000/stream`, as: 'port' },
  { method: 'GET', path: `${API_PREFIX}/workspaces/{id}/run/stream`, as: 'run' },
  { method: 'GET', path: `${API_PREFIX}/workspaces/{id}/sync/stream`, as: 'sync' },
  { method: 'PUT', path: `${API_PREFIX}/workspaces/{id}/archive`, as: 'archive' },
  { method: 'PUT', path: `${API_PREFIX}/workspaces/{id}/uploads`, as: 'uploads' },
  { method: 'GET', path: '/git/{id}/info/refs?service=git-upload-pack', as: 'gitFetch' },
  { method: 'GET', path: '/git/{id}/info/refs?service=git-receive-pack', as: 'gitPush' },
  { method: 'POST', path: '/git/{id}/git-upload-pack', as: 'gitFetch' },
  { method: 'POST', path: '/git/{id}/git-receive-pack', as: 'gitPush' },
]

export function createControl(deps: ControlDeps): ControlFetch {
  const api = createApi(deps)
  const health = { drain: deps.drain, metrics: deps.metrics, databaseNow: () => deps.store.installation.databaseNow() }
  const answer: ControlFetch = async (request, server) => {
    const url = new URL(request.url)
    // Asked by an address, whatever this server is called.
    const told = healthRoute(health, request, url.pathname)
    if (told !== null) return secured(await told)
    // Another listener's; nothing here answers to such a name.
    const preview = deps.previews.hosts.named(hostOf(request))
    if (preview !== null) return secured(Response.redirect(`${deps.previews.hosts.origin(preview, preview.onBase)}${url.pathname}${url.search}`, 307))
    try {
      if (deps.hosts.isPublicHttps(request)) request.headers.set('x-forwarded-proto', 'https')
      if (!deps.hosts.known(request)) throw new BerthError('forbidden', 'this server does not answer to that host name', { hint: `open ${deps.hosts.pageUrl}` })
      const response = await route({ deps, api, request, url, server })
      return response === undefined ? undefined : overTls(deps, request, secured(response))
    } catch (thrown) {
      const error = asBerthError(thrown, deps.log)
      return secured(await answerFor(deps, { request, url, error }))
    }
  }
  return async (request, server) => {
    const since = performance.now()
    const response = await answer(request, server)
    deps.metrics.answered({ method: request.method, path: pathOf(request.url) }, { status: response?.status ?? SWITCHED, seconds: (performance.now() - since) / 1000 })
    return response === undefined ? undefined : deps.drain.marked(response)
  }
}

/** What became a socket has no answer that we see. */
const SWITCHED = 101
const pathOf = (url: string): string => url.slice(url.indexOf('/', 8)).split('?', 1)[0] ?? '/'

/** Said to browsers that came by https only, as they believe it from nobody else. */
function overTls({ tls, hosts }: ControlDeps, request: Request, response: Response): Response {
  if (tls !== null && tls.hstsSeconds !== null && hosts.isPublicHttps(request)) response.headers.set('strict-transport-security', `max-age=${tls.hstsSeconds}`)
  return response
}

interface Routed { readonly deps: ControlDeps; readonly api: ReturnType<typeof createApi>; readonly request: Request; readonly url: URL; readonly server: Server<Attachment> }

/** Behind a proxy of this host the proxy says it, last of those in between. */
function addressOf({ deps, request, server }: Routed): string {
  const socket = server.requestIP(request)
  const own = deps.tls?.peerOf(socket?.port ?? 0)
  // Our own front passes on what it was told; it knows better.
  if (own !== undefined && own !== null) return own
  const peer = socket?.address ?? ''
  const told = /^(::1|127\.|::ffff:127\.)/.test(peer) ? request.headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() : undefined
  return (told ?? peer).slice(0, 64)
}

interface Called extends Routed { readonly caller: Caller }

/** For anybody. Null: whoever asks for this has to say who they are. */
function openRoute(at: Routed): Promise<Response> | null {
  const { deps, api, request, url } = at
  if (HEALTH_PATHS.includes(url.pathname)) return health(at)
  const address = addressOf(at)
  if (OPEN_PATHS.includes(url.pathname) && request.method === 'POST') return api(request, null, address).then((answer) => answer ?? nothingThere(request, url))
  if (url.pathname === PUSH_DECISION_PATH) return decideByToken(deps, request)
  // Who holds the link's state is who began; a browser that comes back from GitHub may be signed in nowhere.
  if (isSetupPath(url.pathname)) return setupPage(setupDeps(deps), request)
  // Signed by the app it is for.
  if (url.pathname === HOOK_PATH) return deps.github.hooks.receive(request)
  return signInRoute(deps, request, address)
}

async function route(at: Routed): Promise<Response | undefined> {
  const { deps, api, request, url } = at
  const onlyGit = deps.hosts.onlyGit(request)
  const open = onlyGit ? null : openRoute(at)
  if (open !== null) return open
  const git = hostedPath(url.pathname, onlyGit)
  if (git !== null) return hostedGit(at, { id: repositoryIdIn(git.id), path: git.path })
  if (onlyGit) return besideGit(at)
  const caller = await callerOf({ access: deps.store.access, clock: deps.clock }, request, { basic: false })
  await requireShown(deps.store, caller, url)
  if (url.pathname === SOCKET_PATH) return pageSocket(at, caller)
  if (url.pathname === DEVICE_PATH) return devicePage(deps, request, caller)
  const toPreview = deps.previews.onControl(request, caller)
  if (toPreview !== null) return toPreview
  const beside = new RegExp(`^${API_PREFIX}/workspaces/([^/]+)/(stream|archive|uploads|ssh/stream|run/stream|sync/stream|ports/[^/]+/stream|terminals/([^/]+)/attach)$`).exec(url.pathname)
  if (beside) return besideContract({ ...at, caller }, { id: workspaceId(beside[1]), what: beside[2] ?? '', terminalId: decodeURIComponent(beside[3] ?? '') })
  if (url.pathname.startsWith(`${API_PREFIX}/`)) return (await inContract(at, api, caller)) ?? nothingThere(request, url)
  if (url.pathname === METRICS_PATH) {
    await deps.gate.require(caller, BESIDE_RIGHTS.metrics, null)
    return metricsAnswer(deps, request)
  }
  await deps.gate.require(caller, BESIDE_RIGHTS.page, null)
  return (await deps.pageFile(url.pathname, { acceptEncoding: request.headers.get('accept-encoding'), cookies: request.headers.get('cookie'), reader: caller })) ?? nothingThere(request, url)
}

/** By the name that is for git alone. */
const besideGit = (at: Routed): Promise<Response> => (HEALTH_PATHS.includes(at.url.pathname) ? health(at) : nothingThere(at.request, at.url))

async function health({ api, request, url }: Routed): Promise<Response> {
  const answer = await api(new Request(new URL(`${API_PREFIX}/health`, url), { method: request.method }), null, '')
  return answer ?? nothingThere(request, url)
}

async function inContract(at: Routed, api: Routed['api'], caller: Caller): Promise<Response | null> {
  const { deps, url, request } = at
  if (url.pathname !== `${API_PREFIX}/openapi.json`) return api(request, caller, addressOf(at))
  await deps.gate.require(caller, BESIDE_RIGHTS.openapi, null)
  const { openApiDocument } = await import('./openapi.ts')
  return Response.json(await openApiDocument())
}

async function hostedGit({ deps, request, url }: Routed, { id, path }: { id: WorkspaceId | RepositoryId; path: string }): Promise<Response> {
  const signedIn = () => callerOf({ access: deps.store.access, clock: deps.clock }, request, { basic: true })
  const task = RepositoryId.safeParse(id)
  if (task.success) return taskGit(deps, request, { id: task.data, path, signedIn })
  const at = { id: id as WorkspaceId, path }
  const held = await repositoryTokenIn({ ...deps, passing: deps.hosted.passing }, request, { id: at.id, pushes: !fetches(url) })
  if (held !== null) return gitByToken({ deps, request, url }, at, held)
  const caller = await signedIn()
  await requireShown(deps.store, caller, url)
  await entered({ deps, caller }, fetches(url) ? 'gitFetch' : 'gitPush', at.id)
  return servedGit(deps, request, at)
}

/** Whoever holds a password for this repository alone. */
async function gitByToken({ deps, request, url }: Pick<Routed, 'deps' | 'request' | 'url'>, at: { id: WorkspaceId; path: string }, { name }: TokenHolder): Promise<Response> {
  const { workspace } = await requireRecord(deps, at.id)
  if (!fetches(url)) await noteOf(deps, { orgId: workspace.orgId, actor: `${name} (password of this repository)` }, { action: 'code.push', subject: '', workspaceId: at.id })
  return servedGit(deps, request, at)
}

async function servedGit(deps: ControlDeps, request: Request, at: { id: WorkspaceId; path: string }): Promise<Response> {
  const { workspace } = await requireRecord(deps, at.id)
  if (workspace.wish.target === 'deleted') throw new BerthError('not_found', `${workspace.name} is deleted`)
  const dir = await deps.repositories.ensure(at.id)
  return serveGit({ dir, caller: { kind: 'person' }, path: at.path, request: workspace.sourceReady ? request : arriving(deps, at.id, request), log: deps.log, room: () => deps.hosted.quota.roomIn(at.id) })
}

/** By the last part of its address. */
function besideOf(what: string): BesideRoute {
  if (what === 'stream') return 'events'
  if (what === 'archive' || what === 'uploads') return what
  if (what === 'ssh/stream') return 'ssh'
  if (what === 'run/stream') return 'run'
  if (what === 'sync/stream') return 'sync'
  return what.endsWith('/stream') ? 'port' : 'terminal'
}

async function besideContract({ deps, request, url, server, caller }: Called, at: { id: WorkspaceId; what: string; terminalId: string }): Promise<Response | undefined> {
  const beside = besideOf(at.what)
  await entered({ deps, caller }, beside, at.id)
  if (at.what === 'stream') return streamWhileAllowed({ deps, request, url, caller }, at.id)
  if (at.what === 'uploads') return upload(deps, at.id, request)
  if (at.what === 'archive') return putArchive(deps, at.id, request)
  if (at.what.endsWith('/stream')) return reachIn({ deps, request, url, server, caller }, at)
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') throw new BerthError('bad_request', 'a terminal is attached by WebSocket', { hint: 'use `berth attach`' })
  requireCan(deps, await requireRecord(deps, at.id), 'attach')
  const attachment = await openAttachment(deps, { workspaceId: at.id, terminalId: at.terminalId, url })
  if (server.upgrade(request, { data: lasting({ deps, request, url, caller }, at, attachment) })) return undefined
  attachment.closed()
  throw new BerthError('bad_request', 'the connection could not become a WebSocket')
}

/** Asked before it is opened; what is of consequence is written down, refused or not. */
async function entered({ deps, caller }: Pick<Called, 'deps' | 'caller'>, beside: BesideRoute, workspaceId: WorkspaceId): Promise<void> {
  const action = AUDITED_BESIDE[beside]
  try {
    await deps.gate.require(caller, BESIDE_RIGHTS[beside], workspaceId)
  } catch (error) {
    if (action !== undefined && error instanceof BerthError) await note(deps, caller, { action, subject: '', workspaceId, refused: error.message })
    throw error
  }
  if (action !== undefined) await note(deps, caller, { action, subject: '', workspaceId })
}

type Lasting = Pick<Called, 'deps' | 'request' | 'url' | 'caller'>

/** Until its credential or its right is taken away, or its workspace is taken off the web. */
function allowedStill({ deps, request, url, caller }: Lasting, at: { id: WorkspaceId; what: string }): () => Promise<boolean> {
  const token = tokenOf(request) ?? ''
  return async () => {
    const identity = await deps.store.access.authenticate(token, deps.clock.now())
    return identity !== null && (await deps.gate.may(identity, BESIDE_RIGHTS[besideOf(at.what)], at.id)) && (await isShownTo(deps.store, caller, url))
  }
}
function lasting(from: Lasting, at: { id: WorkspaceId; what: string }, attachment: Attachment): Attachment {
  return whileAllowed(attachment, allowedStill(from, at), from.deps.allowedMs ?? ALLOWED_MS)
}

async function streamWhileAllowed(from: Lasting, id: WorkspaceId): Promise<Response> {
  const { deps, request } = from
  if (!new URL(request.url).searchParams.has('live')) return serveStream(deps, id, request)
  const watched = signalWhileAllowed(allowedStill(from, { id, what: 'stream' }), { everyMs: deps.allowedMs ?? ALLOWED_MS, until: AbortSignal.any([request.signal, deps.drain.signal]) })
  return serveStream(deps, id, new Request(request, { signal: watched }))
}

/** ssh and ports. The workspace is asked after first: a client whose upgrade fails asks again without one to read why. */
async function reachIn({ deps, request, url, server, caller }: Pick<Called, 'deps' | 'request' | 'url' | 'server' | 'caller'>, at: { id: WorkspaceId; what: string }): Promise<Response | undefined> {
  const stream = at.what === 'run/stream' ? await openRun(deps, at.id) : at.what === 'sync/stream' ? await openSync(deps, at.id) : await openReach(deps, at.id, at.what === 'ssh/stream' ? { ssh: url.searchParams.get('key') } : { port: at.what.split('/')[1] ?? '' })
  const pipe = createPipe(stream)
  if (server.upgrade(request, { data: lasting({ deps, request, url, caller }, at, pipe) })) return undefined
  pipe.closed()
  throw new BerthError('bad_request', 'this is reached by WebSocket', { hint: 'use `berth ssh` or `berth forward`' })
}

/** One for a page; what it carries is in `socket/`. */
function pageSocket({ deps, request, url, server }: Routed, caller: Caller): Response | undefined {
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') throw new BerthError('bad_request', 'this is a WebSocket', { hint: 'connect to it with one' })
  const token = tokenOf(request) ?? ''
  const client = Presence.shape.client.catch('web').parse(url.searchParams.get('client') ?? 'web')
  const valid = async () => (await deps.store.access.authenticate(token, deps.clock.now())) !== null
  const attachment = deps.socketRoom.attachment({ identity: caller, client, valid })
  if (server.upgrade(request, { data: attachment })) return undefined
  throw new BerthError('bad_request', 'the connection could not become a WebSocket')
}

async function putArchive(deps: ServiceDeps, id: WorkspaceId, request: Request): Promise<Response> {
  if (request.method !== 'PUT') throw new BerthError('bad_request', 'an archive is put', { hint: 'use PUT' })
  const { workspace } = await requireRecord(deps, id)
  if (workspace.source.kind !== 'archive') throw new BerthError('conflict', `${workspace.name} does not come from an archive`)
  if (workspace.sourceReady || workspace.wish.target === 'deleted') throw new BerthError('conflict', 'the upload is complete already')
  return Response.json({ bytes: await deps.uploads.write(id, arriving(deps, id, request)) })
}

function workspaceId(text: string | undefined): WorkspaceId {
  const parsed = WorkspaceId.safeParse(text)
  if (!parsed.success) throw new BerthError('not_found', 'that is no workspace id', { hint: 'ids look like ws_…; see `berth list`' })
  return parsed.data
}

function nothingThere(request: Request, url: URL): never {
  throw new BerthError('not_found', `there is nothing at ${request.method} ${url.pathname}`, { hint: `what there is, ${API_PREFIX}/openapi.json lists` })
}

/** People get a page, git gets the challenge it knows, programs get JSON. */
async function answerFor(deps: ControlDeps, at: { request: Request; url: URL; error: BerthError }): Promise<Response> {
  const { request, url, error } = at
  const response = refusal(error)
  if (error.code !== 'unauthorized') return response
  if (hostedPath(url.pathname, deps.hosts.onlyGit(request)) !== null) {
    response.headers.set('www-authenticate', 'Basic realm="Berth"')
    return response
  }
  const forPeople = (request.method === 'GET' || request.method === 'HEAD') && (request.headers.get('accept') ?? '').includes('text/html')
  if (!forPeople) return response
  if (!deps.hosts.mayHoldCookie(request)) return Response.redirect(onPageHost(request, deps.hosts), 302)
  return signInPage(deps, { status: 401, next: `${url.pathname}${url.search}` }).catch(() => response)
}

