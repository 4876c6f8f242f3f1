/**
 * GitHub's API for the command line in a workspace, which has no token: what is allowed is asked with one that is made for
 * that request, good for the workspace's own repository, and never leaves the server. Redirects are not followed.
 */
import { judgeRef, repositoryAddress } from '@berth/core'
import type { AuditStore, Clock, GitPolicyStore, RepositoryAddress, WorkspaceRow } from '@berth/core'
import { BerthError } from '@berth/wire'
import { LINK_HTTP } from '@berth/wire/daemon'
import { z } from 'zod'
import { readLimited } from '../../http/body.ts'
import type { Log } from '../../http/respond.ts'
import { apiOf } from '../github-api.ts'
import type { GitHubApi } from '../github-api.ts'
import type { Lease } from '../../git-hosting/held-tokens.ts'
import type { Rights, Tokens } from '../tokens.ts'
import { judge, restAllowed } from './allowed.ts'
import type { OwnRepository, Verdict } from './allowed.ts'

export interface GhGatewayDeps {
  readonly store: { readonly audit: Pick<AuditStore, 'write'>; readonly gitPolicies: Pick<GitPolicyStore, 'get'> }
  readonly api: GitHubApi
  readonly tokens: Pick<Tokens, 'lease'>
  readonly clock: Clock
  readonly log: Log
  readonly fetch?: typeof fetch
}
type Asking = Pick<WorkspaceRow, 'id' | 'orgId' | 'name' | 'source'>
export type GhGateway = (workspace: Asking, request: Request) => Promise<Response>
interface At { readonly workspace: Asking; readonly address: RepositoryAddress; readonly own: OwnRepository }

const BODY_LIMIT_BYTES = 256 * 1024
const ANSWER_LIMIT_BYTES = 8 * 1024 * 1024
const WITHIN_MS = 30_000
const READING: Rights = { contents: 'read', pull_requests: 'read', checks: 'read', statuses: 'read', metadata: 'read' }
const OPENING: Rights = { contents: 'read', pull_requests: 'write', metadata: 'read' }
const SIMPLE_TYPE = /^application\/(vnd\.github[a-z0-9.+-]*|json)[a-z0-9;,=. -]*$/i
const QUERY = /^\?[A-Za-z0-9._~:/=&%,+-]{0,500}$/

export function createGhGateway(deps: GhGatewayDeps): GhGateway {
  return async (workspace, request) => {
    const { pathname, search } = new URL(request.url)
    const asked = pathname.slice(LINK_HTTP.github.length)
    // A GitHub of one's own has its API below its pages; the command line asks there.
    const path = asked === '/api/graphql' ? '/graphql' : asked.replace(/^\/api\/v3(?=\/)/, '')
    const at = placeOf(workspace)
    if (at === null) return refusedRest(404, 'the code of this workspace came from no repository of a GitHub')
    try {
      if (path === '/graphql') return request.method === 'POST' ? await graphql(deps, at, request) : refusedRest(404, 'not found')
      if (!restAllowed(request.method, path, at.own) || (search !== '' && !QUERY.test(search))) {
        await noted(deps, at, { reason: `${request.method} ${path.slice(0, 150)}`, allowed: false })
        return refusedRest(403, `${request.method} ${path.slice(0, 150)} is not asked from a workspace`)
      }
      return await leased(deps, at, READING, async (lease) => {
        await noted(deps, at, { reason: `${request.method} ${path.slice(0, 150)}`, allowed: true, lease })
        return passed(await send(deps, at, { method: request.method, url: `${apiOf(at.address.origin)}${path}${search}`, accept: request.headers.get('accept'), body: null, lease }))
      })
    } catch (error) {
      if (error instanceof BerthError) return path === '/graphql' ? refusedQuery(error.message, error.hint) : refusedRest(403, error.message, error.hint)
      throw error
    }
  }
}

async function graphql(deps: GhGatewayDeps, at: At, request: Request): Promise<Response> {
  const given = parsed(await readLimited(request, BODY_LIMIT_BYTES))
  const verdict = judge(given, at.own)
  if (verdict.do === 'refuse') return refused(deps, at, verdict.reason)
  const again = JSON.stringify(given)
  return leased(deps, at, verdict.do === 'create' ? OPENING : READING, async (lease) => {
    const problem = await problemOf(deps, at, verdict, lease)
    if (problem !== null) return refused(deps, at, problem)
    await noted(deps, at, { reason: verdict.do === 'create' ? `opens ${String(verdict.input['headRefName'])}` : verdict.name, allowed: true, lease, action: verdict.do === 'create' ? 'pull.create' : 'github.ask' })
    return passed(await send(deps, at, { method: 'POST', url: graphqlOf(at.address.origin), accept: null, body: again, lease }))
  })
}

/** What only GitHub knows: whose an id is. */
async function problemOf(deps: GhGatewayDeps, { workspace, address, own }: At, verdict: Exclude<Verdict, { do: 'refuse' }>, lease: Lease): Promise<string | null> {
  if (verdict.do === 'query') {
    for (const id of verdict.nodes) if ((await repositoryOfPull(deps, address, { id, lease })) !== `${own.owner}/${own.name}`.toLowerCase()) return 'that is no pull request of this workspace\'s repository'
    return null
  }
  const { repositoryId, headRepositoryId, headRefName } = verdict.input
  const repository = await deps.api.ask({ origin: address.origin, path: `/repos/${address.path}`, credential: lease.token, answer: z.object({ node_id: z.string() }) })
  const id = repository.ok ? repository.value.node_id : null
  if (id === null || repositoryId !== id || (headRepositoryId !== undefined && headRepositoryId !== null && headRepositoryId !== id)) return `a pull request is opened at ${own.owner}/${own.name} only`
  if (typeof headRefName !== 'string') return 'of which branch?'
  const pushable = judgeRef({ name: workspace.name, policy: await deps.store.gitPolicies.get(workspace.id) }, { ref: `refs/heads/${headRefName}`, oldId: '0'.repeat(40), newId: '1'.repeat(40) })
  return pushable.kind === 'allowed' ? null : pushable.reason.replace('can be pushed from this workspace', 'become pull requests of this workspace')
}

const Pulled = z.object({ data: z.object({ node: z.object({ repository: z.object({ nameWithOwner: z.string() }).optional() }).nullable() }) })
async function repositoryOfPull(deps: GhGatewayDeps, address: RepositoryAddress, { id, lease }: { id: string; lease: Lease }): Promise<string | null> {
  const body = JSON.stringify({ query: 'query($id: ID!) { node(id: $id) { ... on PullRequest { repository { nameWithOwner } } } }', variables: { id } })
  const answer = await send(deps, { address }, { method: 'POST', url: graphqlOf(address.origin), accept: null, body, lease })
  const found = Pulled.safeParse(parsed(await bytesOf(answer)))
  return found.success ? (found.data.data.node?.repository?.nameWithOwner.toLowerCase() ?? null) : null
}

async function leased(deps: GhGatewayDeps, { workspace, address }: At, rights: Rights, work: (lease: Lease) => Promise<Response>): Promise<Response> {
  const answer = await deps.tokens.lease({ orgId: workspace.orgId, workspaceId: workspace.id, origin: address.origin, path: address.path, rights })
  if (answer === null) throw new BerthError('forbidden', `this server has no GitHub app for ${address.origin}`, { hint: '`berth setup github-app` makes one' })
  if ('missing' in answer) throw new BerthError('forbidden', answer.missing.message, { hint: answer.missing.hint })
  try {
    const done = await work(answer.lease)
    if (done.status === 401) answer.lease.discard()
    return done
  } finally {
    answer.lease.release()
  }
}

async function send(deps: GhGatewayDeps, { address }: Pick<At, 'address'>, { method, url, accept, body, lease }: { method: string; url: string; accept: string | null; body: string | null; lease: Lease }): Promise<Response> {
  const headers = new Headers({ 'user-agent': 'berth', accept: accept !== null && SIMPLE_TYPE.test(accept) ? accept : 'application/vnd.github+json', authorization: `Bearer ${lease.token}` })
  if (body !== null) headers.set('content-type', 'application/json')
  return (deps.fetch ?? fetch)(url, { method, headers, body, redirect: 'manual', signal: AbortSignal.timeout(WITHIN_MS) })
    .catch((cause: unknown) => { throw new BerthError('network_unreachable', `${address.origin} cannot be reached from the server`, { hint: 'try again', cause }) })
}

/** The words, and nothing of the head: neither a redirect nor what the token may. */
async function passed(answer: Response): Promise<Response> {
  if (answer.status >= 300 && answer.status < 400) {
    void answer.body?.cancel()
    return refusedRest(403, 'the repository has moved; make the workspace from its new address')
  }
  const bytes = await bytesOf(answer)
  return new Response(answer.status === 204 ? null : bytes, { status: answer.status, headers: { 'content-type': answer.headers.get('content-type')?.startsWith('text/') === true ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8' } })
}

async function bytesOf({ body }: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of body ?? []) {
    total += chunk.length
    if (total > ANSWER_LIMIT_BYTES) throw new BerthError('too_large', 'GitHub answered more than can be taken')
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

async function refused(deps: GhGatewayDeps, at: At, reason: string): Promise<Response> {
  await noted(deps, at, { reason, allowed: false })
  return refusedQuery(reason)
}

async function noted(deps: GhGatewayDeps, { workspace, address }: At, { reason, allowed, lease, action = 'github.ask' }: { reason: string; allowed: boolean; lease?: Lease; action?: 'github.ask' | 'pull.create' }): Promise<void> {
  await deps.store.audit.write(workspace.orgId, { action, workspaceId: workspace.id, actor: workspace.name, subject: `${address.origin}/${address.path}`, allowed, reason: reason.slice(0, 250), refs: [], tokenExpiresAt: lease?.expiresAt ?? null }, deps.clock.now())
}

function placeOf(workspace: Asking): At | null {
  const address = workspace.source.kind === 'git' ? repositoryAddress(workspace.source.url) : null
  const [owner, name, ...rest] = address?.path.split('/') ?? []
  return address === null || owner === undefined || name === undefined || rest.length > 0 ? null : { workspace, address, own: { owner, name } }
}

const graphqlOf = (origin: string): string => `${apiOf(origin).replace(/\/v3$/, '')}/graphql`
const said = (message: string, hint?: string): string => `berth: ${message}${hint === undefined ? '' : ` (${hint})`}`
/** The command line shows these words as they are. */
const refusedQuery = (message: string, hint?: string): Response => Response.json({ data: null, errors: [{ type: 'FORBIDDEN', message: said(message, hint) }] })
const refusedRest = (status: number, message: string, hint?: string): Response => Response.json({ message: said(message, hint) }, { status })

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return null
  }
}
