/**
 * The control listener: API, streams, terminals, git and the page, all behind one check of host and credential.
 * Only health and signing in are for anybody.
 */
import { AUDITED_BESIDE, BESIDE_RIGHTS } from '@berth/core'
import type { BesideRoute } from '@berth/core'
import { BerthError, WorkspaceId } from '@berth/wire'
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
import { fullOf, serveGit } from '../git-hosting/smart-http.ts'
import { HOOK_PATH, isSetupPath } from '../github/index.ts'
import { setupPage } from '../github/setup.ts'
import { decideByToken } from '../notify/decision.ts'
import { ENTER_PATH, START_PATH } from '../previews/entering.ts'
import type { Previews } from '../previews/index.ts'
import { note } from '../access/record.ts'
import { devicePage } from '../sign-in/device-page.ts'
import { signInRoute } from '../sign-in/index.ts'
import type { SignInDeps } from '../sign-in/index.ts'
import { DEVICE_PATH } from '../sign-in/paths.ts'
import { signInPage } from '../sign-in/sign-in-page.ts'
import type { SocketRoom } from '../socket/socket-room.ts'
import { createApi } from './api.ts'
import { setupDeps } from './api-github.ts'
import type { ApiDeps } from './api.ts'
import { openAttachment } from './attach.ts'
import type { Attachment } from './attach.ts'
import { callerOf, hostOf, tokenOf } from './credentials.ts'
import type { Caller } from './credentials.ts'
import { onPageHost } from './hosts.ts'
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
  return async (request, server) => {
    const url = new URL(request.url)
    // Another listener's; nothing here answers to such a name.
    const preview = deps.previews.hosts.named(hostOf(request))
    if (preview !== null) return secured(Response.redirect(`${deps.previews.hosts.origin(preview, preview.onBase)}${url.pathname}${url.search}`, 307))
    try {
      if (deps.hosts.isPublicHttps(request)) request.headers.set('x-forwarded-proto', 'https')
      if (!deps.hosts.known(request)) throw new BerthError('forbidden', 'this server does not answer to that host name', { hint: `open ${deps.hosts.pageUrl}` })
      const response = await route({ deps, api, request, url, server })
      return response === undefined ? undefined : secured(response)
    } catch (thrown) {
      const error = asBerthError(thrown, deps.log)
      return secured(await answerFor(deps, { request, url, error }))
    }
  }
}

interface Routed { readonly deps: ControlDeps; readonly api: ReturnType<typeof createApi>; readonly request: Request; readonly url: URL; readonly server: Server<Attachment> }

/** Behind a proxy of this host the proxy says it, last of those in between. */
function addressOf({ request, server }: Routed): string {
  const peer = server.requestIP(request)?.address ?? ''
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
  const open = openRoute(at)
  if (open !== null) return open
  const git = /^\/git\/([^/]+)(\/.*)$/.exec(url.pathname)
  const caller = await callerOf({ access: deps.store.access, clock: deps.clock }, request, { basic: git !== null })
  await requireShown(deps.store, caller, url)
  if (url.pathname === SOCKET_PATH) return pageSocket(at, caller)
  if (url.pathname === DEVICE_PATH) return devicePage(deps, request, caller)
  const toPreview = deps.previews.onControl(request, caller)
  if (toPreview !== null) return toPreview
  if (git) return hostedGit({ ...at, caller }, { id: workspaceId(git[1]), path: git[2] ?? '' })
  const beside = new RegExp(`^${API_PREFIX}/workspaces/([^/]+)/(stream|archive|uploads|ssh/stream|run/stream|sync/stream|ports/[^/]+/stream|terminals/([^/]+)/attach)$`).exec(url.pathname)
  if (beside) return besideContract({ ...at, caller }, { id: workspaceId(beside[1]), what: beside[2] ?? '', terminalId: decodeURIComponent(beside[3] ?? '') })
  if (url.pathname.startsWith(`${API_PREFIX}/`)) return (await inContract(at, api, caller)) ?? nothingThere(request, url)
  await deps.gate.require(caller, BESIDE_RIGHTS.page, null)
  return (await deps.pageFile(url.pathname, { acceptEncoding: request.headers.get('accept-encoding'), cookies: request.headers.get('cookie'), reader: caller })) ?? nothingThere(request, url)
}

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

/** Whatever is not surely a fetch is a push. */
const fetches = ({ pathname, searchParams }: URL): boolean => pathname.endsWith('/git-upload-pack') || (pathname.endsWith('/info/refs') && searchParams.get('service') === 'git-upload-pack')

async function hostedGit({ deps, request, url, caller }: Called, at: { id: WorkspaceId; path: string }): Promise<Response> {
  await entered({ deps, caller }, fetches(url) ? 'gitFetch' : 'gitPush', at.id)
  const { workspace } = await requireRecord(deps, at.id)
  if (workspace.wish.target === 'deleted') throw new BerthError('not_found', `${workspace.name} is deleted`)
  const dir = await deps.repositories.ensure(at.id)
  return serveGit({ dir, caller: { kind: 'person' }, path: at.path, request: workspace.sourceReady ? request : arriving(deps, at.id, request), log: deps.log, full: () => fullOf(deps.repositories, at.id) })
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
  const watched = signalWhileAllowed(allowedStill(from, { id, what: 'stream' }), { everyMs: deps.allowedMs ?? ALLOWED_MS, until: request.signal })
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
  if (url.pathname.startsWith('/git/')) {
    response.headers.set('www-authenticate', 'Basic realm="Berth"')
    return response
  }
  const forPeople = (request.method === 'GET' || request.method === 'HEAD') && (request.headers.get('accept') ?? '').includes('text/html')
  if (!forPeople) return response
  if (!deps.hosts.mayHoldCookie(request)) return Response.redirect(onPageHost(request, deps.hosts), 302)
  return signInPage(deps, { status: 401, next: `${url.pathname}${url.search}` }).catch(() => response)
}

