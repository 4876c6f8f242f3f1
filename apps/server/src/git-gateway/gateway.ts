/**
 * Git of a workspace to a git host, with a credential that the workspace never sees. What may be asked is a short list;
 * who asks is known by the link. Redirects are not followed, so the credential goes to its own origin and nowhere else.
 */
import { mayUseCredential, repositoryPath } from '@berth/core'
import type { AuditStore, Clock, GitHostStore, NewAuditRecord, RepositoryAddress, WorkspaceRow } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { GitHostId } from '@berth/wire'
import { LINK_HTTP } from '@berth/wire/daemon'
import type { PushHead } from '../git-hosting/policy.ts'
import { gitBody, NO_CACHE, readPush, refusedPush } from '../git-hosting/push-request.ts'
import type { Log } from '../http/respond.ts'
import { refuseUpstreamRef } from './ref-rules.ts'

export interface GitGatewayDeps {
  readonly store: { readonly gitHosts: Pick<GitHostStore, 'credential' | 'used'>; readonly audit: Pick<AuditStore, 'write'> }
  readonly clock: Clock
  readonly log: Log
  readonly fetch?: typeof fetch
}
type Asking = Pick<WorkspaceRow, 'id' | 'orgId' | 'name' | 'source'>
export type GitGateway = (workspace: Asking, request: Request) => Promise<Response>

const SERVICES = ['git-upload-pack', 'git-receive-pack'] as const
type Service = (typeof SERVICES)[number]
interface Wanted extends RepositoryAddress { readonly service: Service; /** Below the repository, with the query. */ readonly rest: string }
type Credential = { id: GitHostId; username: string; token: string }

const ONLY_GIT = 'git reaches git hosts through Berth; nothing else does'

export function createGitGateway(deps: GitGatewayDeps): GitGateway {
  const { store, clock } = deps
  const send = deps.fetch ?? fetch
  const noted = (workspace: Asking, wanted: Wanted, outcome: Pick<NewAuditRecord, 'allowed' | 'reason'> & { refs?: NewAuditRecord['refs'] }): Promise<unknown> => store.audit.write(workspace.orgId, {
    action: wanted.service === 'git-receive-pack' ? 'git.push' : 'git.fetch', workspaceId: workspace.id, actor: workspace.name, subject: `${wanted.origin}/${wanted.path}`, refs: [], tokenExpiresAt: null, ...outcome,
  }, clock.now())

  /** The pack to pass on, or the answer that refuses it. */
  const judged = async (workspace: Asking, wanted: Wanted, request: Request): Promise<ReadableStream<Uint8Array> | Response> => {
    const push = await readPush(request)
    const reasons = push.head.commands.map((command) => refuseUpstreamRef(workspace.name, command))
    const refused = push.head.refused ?? (reasons.some((reason) => reason !== null) ? 'not a ref of this workspace' : null)
    if (refused !== null) await push.drain()
    // Noted before it is done: what was not written down did not happen.
    await noted(workspace, wanted, { allowed: refused === null, reason: refused, refs: refsOf(push.head, reasons) })
    return refused === null ? push.body : refusedPush(push.head, reasons)
  }

  return async (workspace, request) => {
    const wanted = wantedBy(request)
    const credential = await store.gitHosts.credential(workspace.orgId, wanted.origin)
    // A host nobody named is not ours to reach: the machine's own network decides about it.
    if (credential === null) throw new BerthError('forbidden', `${wanted.origin} is no git host of this server`, { hint: `\`berth git-host add ${wanted.origin}\`` })
    const own = mayUseCredential(workspace.source, wanted)
    if (wanted.service === 'git-receive-pack' && !own) {
      const reason = 'this workspace may not write to that repository'
      await noted(workspace, wanted, { allowed: false, reason })
      throw new BerthError('forbidden', reason, { hint: 'it may push to the repository that it was made from' })
    }
    const body = request.method === 'GET' ? null : wanted.service === 'git-receive-pack' ? await judged(workspace, wanted, request) : gitBody(request)
    if (body instanceof Response) return body
    if (body !== null && wanted.service === 'git-upload-pack') await noted(workspace, wanted, { allowed: true, reason: own ? null : 'as a stranger, without the credential' })
    if (own) await store.gitHosts.used(credential.id, clock.now())
    return passed(await upstream(send, wanted, { request, body, credential: own ? credential : null }), wanted)
  }
}

/** `/upstream/https/github.com/owner/name.git/info/refs?service=…`, or one of the two services. */
function wantedBy(request: Request): Wanted {
  const { pathname, search, searchParams } = new URL(request.url)
  const parts = /^\/(https?)\/([A-Za-z0-9.-]+(?::\d{1,5})?)\/(.+?)\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(pathname.slice(LINK_HTTP.upstream.length))
  const path = repositoryPath(parts?.[3] ?? '')
  const [, scheme = '', host = '', , rest = ''] = parts ?? []
  const service = SERVICES.find((known) => known === (rest === 'info/refs' ? searchParams.get('service') : rest))
  const form = rest === 'info/refs' ? `GET ?service=${service}` : `POST  application/x-${service}-request`
  const given = request.method === 'GET' ? `GET ${search}` : `${request.method} ${search} ${request.headers.get('content-type')}`
  if (path === null || service === undefined || given !== form) throw new BerthError('bad_request', 'this is no request of git', { hint: ONLY_GIT })
  return { origin: `${scheme}://${host.toLowerCase()}`, path, service, rest: `${rest}${search}` }
}

async function upstream(send: typeof fetch, wanted: Wanted, { request, body, credential }: { request: Request; body: ReadableStream<Uint8Array> | null; credential: Credential | null }): Promise<Response> {
  const headers = new Headers({ 'user-agent': 'git/2 (berth)', accept: wanted.rest.startsWith('info/refs') ? '*/*' : `application/x-${wanted.service}-result` })
  const protocol = request.headers.get('git-protocol')
  if (protocol !== null && /^version=[012]$/.test(protocol)) headers.set('git-protocol', protocol)
  if (body !== null) headers.set('content-type', `application/x-${wanted.service}-request`)
  if (credential !== null) headers.set('authorization', `Basic ${Buffer.from(`${credential.username}:${credential.token}`).toString('base64')}`)
  try {
    return await send(`${wanted.origin}/${wanted.path}.git/${wanted.rest}`, { method: request.method, headers, body, redirect: 'manual', signal: request.signal, ...(body === null ? {} : { duplex: 'half' as const }) })
  } catch (cause) {
    throw new BerthError('network_unreachable', `${wanted.origin} cannot be reached from the server`, { hint: 'try again; `berth server status` says where it runs', cause })
  }
}

/** What the host says passes with its type and nothing else of its head. */
function passed(response: Response, wanted: Wanted): Response {
  const { status } = response
  const kind = wanted.rest.startsWith('info/refs') ? 'advertisement' : 'result'
  if (status === 200 && response.headers.get('content-type') === `application/x-${wanted.service}-${kind}`) {
    return new Response(response.body, { headers: { 'content-type': `application/x-${wanted.service}-${kind}`, 'cache-control': NO_CACHE } })
  }
  void response.body?.cancel()
  if (status === 401 || status === 403) throw new BerthError('clone_refused', `${wanted.origin} did not let the server in to ${wanted.path}`, { hint: `look at the kept credential: \`berth git-host add ${wanted.origin}\` replaces it` })
  if (status === 404) throw new BerthError('not_found', `there is no repository ${wanted.path} at ${wanted.origin}, or it may not be seen`, { hint: 'check the address, and what the kept credential may read' })
  if (status >= 300 && status < 400) throw new BerthError('clone_refused', `${wanted.origin}/${wanted.path} has moved`, { hint: 'make the workspace from its new address' })
  throw new BerthError('network_unreachable', `${wanted.origin} answered ${status}`, { hint: 'try again later' })
}

function refsOf(head: PushHead, reasons: readonly (string | null)[]): NewAuditRecord['refs'] {
  return head.commands.slice(0, 100).map(({ ref, oldId, newId }, index) => ({ ref: ref.slice(0, 250), from: oldId, to: newId, refused: reasons[index] ?? null }))
}
