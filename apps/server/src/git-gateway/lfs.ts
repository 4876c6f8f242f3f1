/**
 * git-lfs through the gateway. A host answers where each file lies and with which headers to fetch it, tokens among
 * them: the workspace gets a ticket of ours instead, and the bytes stream through here with the headers put back.
 * Nobody looks into such a file and no person is asked about it, so a protected workspace fetches them and sends none.
 */
import { randomBytes } from 'node:crypto'
import type { AuditStore, Clock } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { LFS_BASE_HEADER, LINK_HTTP } from '@berth/wire/daemon'
import type { GitPolicy } from '@berth/wire/git-policy'
import { z } from 'zod'
import { basicAuthorization } from '../git-hosting/basic-authorization.ts'
import { gitBody } from '../git-hosting/git-body.ts'
import type { Asking } from './gateway.ts'
import { letGo, reach, refusalOf, untilRead } from './upstream.ts'
import type { Access, Credential } from './upstream.ts'
import type { GitService, WantedLfs } from './wanted.ts'

export interface LfsOperation { readonly workspace: Asking; readonly wanted: WantedLfs; readonly policy: GitPolicy; readonly right: 'read' | 'write' | null; readonly request: Request }
export interface Lfs {
  ticketIn(request: Request): string | null
  answer(operation: LfsOperation, access: (service: GitService) => Promise<Access>): Promise<Response>
  /** `policy`: as it is now, which may be another than when the ticket was given. */
  carry(workspace: Asking, ticket: string, now: { readonly request: Request; readonly policy: GitPolicy }): Promise<Response>
}
/** `sizeBytes`: what was said to be sent. */
interface Ticket { readonly workspaceId: WorkspaceId; readonly method: 'GET' | 'PUT' | 'POST'; readonly href: string; readonly headers: Readonly<Record<string, string>>; readonly sizeBytes: number; readonly until: number }

const JSON_TYPE = 'application/vnd.git-lfs+json'
const BODY_LIMIT = 4 * 1024 * 1024
const TICKET_MS = 3600_000
/** A batch has a hundred files; so many may be under way. */
const TICKETS_LIMIT = 20_000
const METHOD = { download: 'GET', upload: 'PUT', verify: 'POST' } as const
const BASE = /^http:\/\/127\.0\.0\.1:\d{1,5}\/[0-9a-f]{48}$/

const Batch = z.object({ operation: z.enum(['download', 'upload']), objects: z.array(z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.number().int().min(0) })).max(1000) })
const Action = z.object({ href: z.url({ protocol: /^https?$/ }).max(8192), header: z.record(z.string(), z.string()).optional() })
const Answer = z.object({
  transfer: z.string().optional(),
  objects: z.array(z.object({
    oid: z.string(), size: z.number().optional(), authenticated: z.boolean().optional(), actions: z.record(z.string(), Action).optional(),
    error: z.object({ code: z.number(), message: z.string() }).optional(),
  })).max(1000),
})

export function createLfs(deps: { store: { audit: Pick<AuditStore, 'write'> }; clock: Clock; fetch?: typeof fetch }): Lfs {
  const { clock } = deps
  const send = deps.fetch ?? fetch
  const tickets = new Map<string, Ticket>()
  const forget = () => {
    const now = clock.now()
    for (const [name, { until }] of tickets) if (until <= now || tickets.size > TICKETS_LIMIT) tickets.delete(name)
  }
  const noted = ({ workspace, wanted }: LfsOperation, { allowed, reason, expiresAt = null }: { allowed: boolean; reason: string | null; expiresAt?: number | null }) =>
    deps.store.audit.write(workspace.orgId, { action: 'git.lfs', workspaceId: workspace.id, actor: workspace.name, subject: `${wanted.origin}/${wanted.path}`, allowed, reason, refs: [], tokenExpiresAt: expiresAt }, clock.now())

  const keep = (ticket: Omit<Ticket, 'until'>): string => {
    const id = randomBytes(24).toString('hex')
    tickets.set(id, { ...ticket, until: clock.now() + TICKET_MS })
    return id
  }
  /** What the host answered, with places of ours and without its headers. */
  const rewritten = ({ workspace, wanted }: LfsOperation, { asked, objects }: { asked: z.infer<typeof Batch>; objects: z.infer<typeof Answer>['objects'] }, { base, credential }: { base: string; credential: Credential | null }) => {
    const sizes = new Map(asked.objects.map(({ oid, size }) => [oid, size]))
    const place = (oid: string, [name, { href, header = {} }]: [string, z.infer<typeof Action>]): [string, { href: string }][] => {
      const [method, sizeBytes] = [METHOD[name as keyof typeof METHOD], sizes.get(oid)]
      if (method === undefined || sizeBytes === undefined || (method === 'GET') !== (asked.operation === 'download') || !mayHold(href, wanted.origin)) return []
      const own = credential !== null && new URL(href).origin === wanted.origin && !Object.keys(header).some((key) => key.toLowerCase() === 'authorization')
      const id = keep({ workspaceId: workspace.id, method, href, sizeBytes, headers: { ...header, ...(own ? { authorization: basicAuthorization(credential) } : {}) } })
      return [[name, { href: `${base}${LINK_HTTP.upstream}/lfs/${id}` }]]
    }
    return objects.map(({ oid, size, error, actions }) => ({
      oid, ...(size === undefined ? {} : { size }), authenticated: true, ...(error === undefined ? {} : { error }),
      ...(actions === undefined ? {} : { actions: Object.fromEntries(Object.entries(actions).flatMap((action) => place(oid, action))) }),
    }))
  }
  const batch = async (operation: LfsOperation, access: (service: GitService) => Promise<Access>): Promise<Response> => {
    const { wanted, request } = operation
    const base = request.headers.get(LFS_BASE_HEADER) ?? ''
    if (!BASE.test(base)) throw new BerthError('unsupported', "this machine's daemon is older and cannot carry git-lfs", { hint: 'stop and start the workspace' })
    const asked = Batch.safeParse(parsed(await textOf(gitBody(request))))
    if (!asked.success) throw new BerthError('bad_request', 'this is no request of git-lfs')
    const refused = refusalIn(operation, asked.data)
    if (refused !== null) {
      await noted(operation, { allowed: false, reason: refused })
      return said(403, refused)
    }
    const { credential, missing } = await access(asked.data.operation === 'upload' ? 'git-receive-pack' : 'git-upload-pack')
    try {
      await noted(operation, { allowed: true, reason: `${asked.data.operation} of ${asked.data.objects.length} files`, expiresAt: credential?.expiresAt ?? null })
      const response = await reach(send, wanted.origin, placeOf(wanted), { method: 'POST', headers: headersOf(credential, true), body: JSON.stringify({ ...asked.data, transfers: ['basic'], hash_algo: 'sha256' }), signal: request.signal })
      if (response.status !== 200) {
        void response.body?.cancel()
        throw refusalOf(response.status, wanted, missing)
      }
      const answer = Answer.safeParse(parsed(await textOf(response.body ?? new Blob([]).stream())))
      if (!answer.success || (answer.data.transfer ?? 'basic') !== 'basic') throw new BerthError('network_unreachable', `${wanted.origin} answered git-lfs in words that are not understood`)
      forget()
      return Response.json({ transfer: 'basic', objects: rewritten(operation, { asked: asked.data, objects: answer.data.objects }, { base, credential }) }, { headers: { 'content-type': JSON_TYPE } })
    } finally {
      letGo(credential)
    }
  }
  const locks = async (operation: LfsOperation, access: (service: GitService) => Promise<Access>): Promise<Response> => {
    const { wanted, request, right } = operation
    if (wanted.lfs === 'change-locks') {
      await noted(operation, { allowed: false, reason: 'locks are for people' })
      return said(403, 'locks are not taken or given back from a workspace')
    }
    const { credential, missing } = await access(wanted.lfs === 'verify-locks' && right === 'write' ? 'git-receive-pack' : 'git-upload-pack')
    const body = wanted.lfs === 'locks' ? null : await textOf(gitBody(request))
    const response = await reach(send, wanted.origin, placeOf(wanted), { method: request.method, headers: headersOf(credential, body !== null), body, signal: request.signal })
      .catch((error: unknown) => { letGo(credential); throw error })
    if (isRefusal(response.status)) {
      void response.body?.cancel()
      letGo(credential)
      throw refusalOf(response.status, wanted, missing)
    }
    return untilRead(new Response(response.body, { status: response.status, headers: { 'content-type': JSON_TYPE } }), credential?.release ?? null)
  }
  return {
    ticketIn: (request) => /^\/lfs\/([0-9a-f]{48})$/.exec(new URL(request.url).pathname.slice(LINK_HTTP.upstream.length))?.[1] ?? null,
    answer: (operation, access) => (operation.wanted.lfs === 'batch' ? batch(operation, access) : locks(operation, access)),
    async carry(workspace, name, { request, policy }) {
      const ticket = tickets.get(name)
      if (ticket === undefined || ticket.workspaceId !== workspace.id || ticket.until <= clock.now() || ticket.method !== request.method) throw new BerthError('not_found', 'this place of a large file is not known any more', { hint: 'begin again: `git lfs push` or `git lfs pull`' })
      if (ticket.method !== 'GET' && policy.profile === 'protected') throw new BerthError('forbidden', NOT_PROTECTED, { hint: NOT_PROTECTED_HINT })
      const response = await sentTo(send, ticket, request)
      if (response.status >= 300 && response.status < 400) {
        void response.body?.cancel()
        throw new BerthError('network_unreachable', 'the place of a large file has moved', { hint: 'begin again: `git lfs push` or `git lfs pull`' })
      }
      const passed = new Headers()
      for (const kept of ['content-type', 'content-range', 'etag']) if (response.headers.has(kept)) passed.set(kept, response.headers.get(kept) ?? '')
      return new Response(response.body, { status: response.status, headers: passed })
    },
  }
}

const placeOf = ({ origin, path, rest }: WantedLfs): string => `${origin}/${path}.git/${rest}`
const headersOf = (credential: Credential | null, body: boolean): Record<string, string> => ({ accept: JSON_TYPE, ...(body ? { 'content-type': JSON_TYPE } : {}), ...(credential === null ? {} : { authorization: basicAuthorization(credential) }) })
const isRefusal = (status: number): boolean => status === 401 || status === 403 || (status >= 300 && status < 400)

function refusalIn({ policy, right }: LfsOperation, { operation }: z.infer<typeof Batch>): string | null {
  if (operation === 'download') return null
  if (right !== 'write') return 'this workspace may not write to that repository'
  return policy.profile === 'protected' ? `${NOT_PROTECTED}: ${NOT_PROTECTED_HINT}` : null
}

const NOT_PROTECTED = 'a protected workspace sends no large files by git-lfs'
const NOT_PROTECTED_HINT = 'nobody can look into them here; commit the file without git-lfs, or send it from elsewhere'

/** As many bytes as were said, which is what the host is told: it must not take the rest for something else. */
function exactly(given: ReadableStream<Uint8Array> | null, sizeBytes: number): { body: ReadableStream<Uint8Array> | null; wrong(): BerthError | null } {
  if (given === null || sizeBytes === 0) return { body: null, wrong: () => null }
  let wrong: BerthError | null = null
  let total = 0
  const fail = (controller: TransformStreamDefaultController, code: 'too_large' | 'bad_request', message: string): void => {
    wrong = new BerthError(code, message, { hint: 'begin again: `git lfs push`' })
    controller.error(wrong)
  }
  const meter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      total += chunk.length
      if (total > sizeBytes) fail(controller, 'too_large', `a large file is larger than the ${sizeBytes} bytes that were said`)
      else controller.enqueue(chunk)
    },
    flush(controller) {
      if (total < sizeBytes) fail(controller, 'bad_request', `a large file ended before the ${sizeBytes} bytes that were said`)
    },
  })
  return { body: given.pipeThrough(meter as unknown as ReadableWritablePair<Uint8Array, Uint8Array>), wrong: () => wrong }
}

async function sentTo(send: typeof fetch, ticket: Ticket, request: Request): Promise<Response> {
  const { method, href, sizeBytes } = ticket
  const sent = method === 'PUT' ? exactly(request.body, sizeBytes) : null
  const body = sent?.body ?? (method === 'POST' && request.body !== null ? await textOf(request.body) : null)
  const response = await reach(send, new URL(href).origin, href, { method, headers: headersFor(ticket, request), body, signal: request.signal, ...(sent === null ? {} : { duplex: 'half' as const }) })
    .catch((error: unknown) => { throw sent?.wrong() ?? error })
  const wrong = sent?.wrong() ?? null
  if (wrong === null) return response
  void response.body?.cancel()
  throw wrong
}

function headersFor(ticket: Ticket, { headers: given }: Request): Headers {
  const headers = new Headers(ticket.headers)
  for (const kept of ['content-type', 'range', 'accept']) if (given.has(kept) && !headers.has(kept)) headers.set(kept, given.get(kept) ?? '')
  if (ticket.method === 'PUT') headers.set('content-length', String(ticket.sizeBytes))
  return headers
}

/** A host may name another one for its files, and none that only this server reaches. */
function mayHold(href: string, origin: string): boolean {
  const url = new URL(href)
  if (url.username !== '' || url.password !== '') return false
  if (url.hostname === new URL(origin).hostname) return true
  const { hostname } = url
  return !/^(?:localhost|.*\.localhost|.*\.internal|.*\.local|0\.|10\.|127\.|169\.254\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|\[)/i.test(hostname) && hostname.includes('.')
}

const said = (status: number, message: string): Response => Response.json({ message: `berth: ${message}` }, { status, headers: { 'content-type': JSON_TYPE } })
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
async function textOf(body: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of body) {
    total += chunk.length
    if (total > BODY_LIMIT) throw new BerthError('too_large', 'that is more than git-lfs says at once')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
