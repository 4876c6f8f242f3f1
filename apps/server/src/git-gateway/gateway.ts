/**
 * Git of a workspace to a git host, with a credential that the workspace never sees. What may be asked is a short list;
 * who asks is known by the link. Redirects are not followed, so the credential goes to its own origin and nowhere else.
 */
import { mayUseCredential, repositoryPath } from '@berth/core'
import type { AuditStore, Clock, GitHostStore, GitHubStore, NewAuditRecord, RepositoryAddress, WorkspaceRow } from '@berth/core'
import { BerthError } from '@berth/wire'
import { LINK_HTTP } from '@berth/wire/daemon'
import type { PushHead } from '../git-hosting/policy.ts'
import { gitBody, NO_CACHE, readPush, refusedPush } from '../git-hosting/push-request.ts'
import type { GitHub } from '../github/index.ts'
import type { Log } from '../http/respond.ts'
import { refuseUpstreamRef } from './ref-rules.ts'

export interface GitGatewayDeps {
  readonly store: { readonly gitHosts: Pick<GitHostStore, 'credential' | 'used'>; readonly github: Pick<GitHubStore, 'list'>; readonly audit: Pick<AuditStore, 'write'> }
  /** Another source of credentials, one for each operation. */
  readonly github: Pick<GitHub, 'credentialFor'>
  readonly clock: Clock
  readonly log: Log
  readonly fetch?: typeof fetch
}
type Asking = Pick<WorkspaceRow, 'id' | 'orgId' | 'name' | 'source'>
export type GitGateway = (workspace: Asking, request: Request) => Promise<Response>

const SERVICES = ['git-upload-pack', 'git-receive-pack'] as const
type Service = (typeof SERVICES)[number]
interface Wanted extends RepositoryAddress { readonly service: Service; /** Below the repository, with the query. */ readonly rest: string }
/** `expiresAt` null: it was stored, and does not end. */
interface Credential { readonly username: string; readonly token: string; readonly expiresAt: number | null; release(): void; /** Null: there is no other. */ readonly discard: (() => void) | null }
/** What the host would have said with a credential that nobody has yet. */
interface Missing { readonly message: string; readonly hint: string }

const ONLY_GIT = 'git reaches git hosts through Berth; nothing else does'

export function createGitGateway(deps: GitGatewayDeps): GitGateway {
  const { store, clock } = deps
  const send = deps.fetch ?? fetch
  const noted = (workspace: Asking, wanted: Wanted, outcome: Pick<NewAuditRecord, 'allowed' | 'reason'> & Partial<Pick<NewAuditRecord, 'refs' | 'tokenExpiresAt'>>): Promise<unknown> => store.audit.write(workspace.orgId, {
    action: wanted.service === 'git-receive-pack' ? 'git.push' : 'git.fetch', workspaceId: workspace.id, actor: workspace.name, subject: `${wanted.origin}/${wanted.path}`, refs: [], tokenExpiresAt: null, ...outcome,
  }, clock.now())

  /** The pack to pass on, or the answer that refuses it. */
  const judged = async (workspace: Asking, wanted: Wanted, request: Request, { expiresAt }: Pick<Credential, 'expiresAt'>): Promise<ReadableStream<Uint8Array> | Response> => {
    const push = await readPush(request)
    const reasons = push.head.commands.map((command) => refuseUpstreamRef(workspace.name, command))
    const refused = push.head.refused ?? (reasons.some((reason) => reason !== null) ? 'not a ref of this workspace' : null)
    if (refused !== null) await push.drain()
    // Noted before it is done: what was not written down did not happen.
    await noted(workspace, wanted, { allowed: refused === null, reason: refused, refs: refsOf(push.head, reasons), tokenExpiresAt: refused === null ? expiresAt : null })
    return refused === null ? push.body : refusedPush(push.head, reasons)
  }

  /** An app's token, made for this operation, before a stored one. Throws for a host that nobody named. */
  const credentialOf = async (workspace: Asking, wanted: Wanted, own: boolean): Promise<{ credential: Credential | null; missing: Missing | null }> => {
    const leased = own ? await deps.github.credentialFor(workspace, wanted, wanted.service) : null
    if (leased !== null && 'lease' in leased) return { credential: { username: 'x-access-token', ...leased.lease }, missing: null }
    const missing = leased === null ? null : leased.missing
    const stored = await store.gitHosts.credential(workspace.orgId, wanted.origin)
    // A host nobody named is not ours to reach: the machine's own network decides about it.
    if (stored === null && missing === null && !(await store.github.list(workspace.orgId)).some(({ origin }) => origin === wanted.origin)) throw new BerthError('forbidden', `${wanted.origin} is no git host of this server`, { hint: `\`berth git-host add ${wanted.origin}\`` })
    if (stored === null || !own) return { credential: null, missing }
    await store.gitHosts.used(stored.id, clock.now())
    return { credential: { ...stored, expiresAt: null, release: () => {}, discard: null }, missing: null }
  }
  const performed = async (workspace: Asking, wanted: Wanted, request: Request, { credential, missing }: { credential: Credential | null; missing: Missing | null }): Promise<Response> => {
    const pushing = wanted.service === 'git-receive-pack'
    if (request.method === 'GET') return beginning(workspace, wanted, request, { credential, missing })
    const body = pushing ? await judged(workspace, wanted, request, { expiresAt: credential?.expiresAt ?? null }) : gitBody(request)
    if (body instanceof Response) return body
    if (!pushing) await noted(workspace, wanted, { allowed: true, reason: credential === null ? 'as a stranger, without the credential' : null, tokenExpiresAt: credential?.expiresAt ?? null })
    return passed(await upstream(send, wanted, { request, body, credential }), wanted, missing)
  }
  /** Every operation begins so. */
  const beginning = async (workspace: Asking, wanted: Wanted, request: Request, { credential, missing }: { credential: Credential | null; missing: Missing | null }): Promise<Response> => {
    const answer = await upstream(send, wanted, { request, body: null, credential })
    if (answer.status !== 401 || credential === null || credential.discard === null) return passed(answer, wanted, missing)
    // Taken back while it was kept, as when the app was: then with another, or with the reason why there is none.
    void answer.body?.cancel()
    credential.discard()
    const again = await credentialOf(workspace, wanted, true)
    try {
      return passed(await upstream(send, wanted, { request, body: null, credential: again.credential }), wanted, again.missing)
    } finally {
      again.credential?.release()
    }
  }
  return async (workspace, request) => {
    const wanted = wantedBy(request)
    const own = mayUseCredential(workspace.source, wanted)
    const found = await credentialOf(workspace, wanted, own)
    const refuse = async (reason: string, hint: string): Promise<never> => {
      await noted(workspace, wanted, { allowed: false, reason })
      throw new BerthError('forbidden', reason, { hint })
    }
    try {
      if (wanted.service === 'git-receive-pack' && !own) await refuse('this workspace may not write to that repository', 'it may push to the repository that it was made from')
      if (wanted.service === 'git-receive-pack' && found.missing !== null) await refuse(found.missing.message, found.missing.hint)
      return untilRead(await performed(workspace, wanted, request, found), () => found.credential?.release())
    } catch (error) {
      found.credential?.release()
      throw error
    }
  }
}

/** The credential is out until the answer was read to its end, or is not wanted any more. */
function untilRead(response: Response, done: () => void): Response {
  if (response.body === null) {
    done()
    return response
  }
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await reader.read()
        if (!next.done) return controller.enqueue(next.value)
        done()
        controller.close()
      } catch (error) {
        done()
        controller.error(error)
      }
    },
    async cancel(reason) {
      done()
      await reader.cancel(reason)
    },
  })
  return new Response(body, { status: response.status, headers: response.headers })
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
function passed(response: Response, wanted: Wanted, missing: Missing | null): Response {
  const { status } = response
  const kind = wanted.rest.startsWith('info/refs') ? 'advertisement' : 'result'
  if (status === 200 && response.headers.get('content-type') === `application/x-${wanted.service}-${kind}`) {
    return new Response(response.body, { headers: { 'content-type': `application/x-${wanted.service}-${kind}`, 'cache-control': NO_CACHE } })
  }
  void response.body?.cancel()
  if (missing !== null && (status === 401 || status === 403 || status === 404)) throw new BerthError('clone_refused', missing.message, { hint: missing.hint })
  if (status === 401 || status === 403) throw new BerthError('clone_refused', `${wanted.origin} did not let the server in to ${wanted.path}`, { hint: `look at the kept credential: \`berth git-host add ${wanted.origin}\` replaces it` })
  if (status === 404) throw new BerthError('not_found', `there is no repository ${wanted.path} at ${wanted.origin}, or it may not be seen`, { hint: 'check the address, and what the kept credential may read' })
  if (status >= 300 && status < 400) throw new BerthError('clone_refused', `${wanted.origin}/${wanted.path} has moved`, { hint: 'make the workspace from its new address' })
  throw new BerthError('network_unreachable', `${wanted.origin} answered ${status}`, { hint: 'try again later' })
}

function refsOf(head: PushHead, reasons: readonly (string | null)[]): NewAuditRecord['refs'] {
  return head.commands.slice(0, 100).map(({ ref, oldId, newId }, index) => ({ ref: ref.slice(0, 250), from: oldId, to: newId, refused: reasons[index] ?? null }))
}
