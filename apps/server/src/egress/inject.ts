/**
 * Requests to a host that asks for a credential which the workspace must not have: `/inject/<name>/…` becomes a request
 * to the host of that name, over TLS, with the secret put in here. What comes back is looked through for the secret, in
 * case the host repeats what it was told.
 */
import { asAwsReads, awsAuthorization, awsTime, bodyHashOf } from '@berth/aws-signature'
import type { Clock, EgressStore } from '@berth/core'
import type { OrgId, WorkspaceId } from '@berth/wire'
import { LFS_BASE_HEADER, LINK_HTTP } from '@berth/wire/daemon'
import type { InjectionHow } from '@berth/wire/egress'
import type { Log } from '../http/respond.ts'
import { wholeBody } from '../whole-body.ts'
import { led, without } from './without.ts'

export interface InjectDeps {
  readonly store: Pick<EgressStore, 'injections' | 'injectionFor' | 'injected'>
  readonly clock: Clock
  readonly log: Log
  /** Tests have a host of their own. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
}
export type Inject = (workspace: { readonly id: WorkspaceId; readonly orgId: OrgId }, request: Request) => Promise<Response>

/** Of the workspace's own request these stay behind: who it says it is, and what speaks of this connection. */
const LEFT_BEHIND = new Set(['host', 'authorization', 'proxy-authorization', 'cookie', 'connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect', 'content-length', 'accept-encoding', 'x-amz-security-token', 'x-amz-date', 'x-amz-content-sha256', LFS_BASE_HEADER])
/** A secret that a host repeats is known by its whole: with half of it in one answer and half in the next it would not be. What is signed with travels nowhere. */
const PARTS = new Set(['range', 'if-range', 'x-ms-range'])
const NOT_ANSWERED = new Set(['set-cookie', 'connection', 'keep-alive', 'transfer-encoding', 'content-encoding', 'content-length', 'alt-svc', 'strict-transport-security'])
/** A signed body is read whole first. */
const SIGNED_LIMIT = 64 * 1024 * 1024
const ANSWER_MS = 60_000

export function createInject(deps: InjectDeps): Inject {
  return async (workspace, request) => {
    const url = new URL(request.url)
    const [name = '', ...rest] = url.pathname.slice(`${LINK_HTTP.inject}/`.length).split('/')
    const host = (await deps.store.injections(workspace.orgId)).find((one) => one.name === name)?.host
    const kept = host === undefined ? null : await deps.store.injectionFor(workspace.orgId, host)
    if (host === undefined || kept === null || kept.name !== name) return new Response(`berth: nothing is put into requests under the name ${name.slice(0, 40)}\n`, { status: 404 })
    const asked = new URL(`https://${host}/${rest.join('/')}${url.search}`)
    if (asked.host !== new URL(`https://${host}`).host || asked.username !== '') return new Response('berth: this address leads elsewhere\n', { status: 400 })
    const target = kept.how.kind === 'aws' ? asAwsReads(asked) : asked
    if (target === null) return new Response('berth: this address is not text\n', { status: 400 })
    const sent = await send(deps, request, { target, how: kept.how, secret: kept.secret })
    if (sent instanceof Response) return sent
    await deps.store.injected(workspace.orgId, name, deps.clock.now()).catch((cause: unknown) => deps.log(`${workspace.id}: use of ${name} was not written down: ${String(cause)}`))
    return answered(sent, { target, depth: rest.length, here: hereOf(request, name) })
  }
}

const BASE = /^http:\/\/127\.0\.0\.1:\d{1,5}\/[0-9a-f]{48}$/
/** Where the workspace reaches this host. Null: its daemon is older and does not say. */
function hereOf({ headers }: Request, name: string): string | null {
  const base = headers.get(LFS_BASE_HEADER) ?? ''
  return BASE.test(base) ? `${base}${LINK_HTTP.inject}/${name}` : null
}
interface Sent { readonly answer: Response; /** What must not come back. */ readonly words: readonly string[] }
/** In these a registry says where its files are. */
const LISTS = /^(text\/html|application\/json|application\/vnd\.(npm\.install|pypi\.simple)\.v1\+(json|html))\b/
function answered({ answer, words }: Sent, { target, depth, here }: { target: URL; depth: number; here: string | null }): Response {
  const headers = [...answer.headers].filter(([header]) => !NOT_ANSWERED.has(header)).map(([header, value]): [string, string] => [header, starred(header === 'location' ? ownPath(value, target, depth) : value, words)])
  const isList = here !== null && LISTS.test(answer.headers.get('content-type') ?? '')
  // As long as it was: nothing was unpacked on the way, and stars are as long as what they hide.
  const length = answer.headers.get('content-length')
  if (length !== null && !isList && !answer.headers.has('content-encoding')) headers.push(['content-length', length])
  const clean = answer.body?.pipeThrough(without(words)) ?? null
  return new Response(isList && clean !== null ? clean.pipeThrough(led(`${target.origin}/`, `${here}/`)) : clean, { status: answer.status, headers })
}

interface Target { readonly target: URL; readonly how: InjectionHow; readonly secret: string }
async function send({ clock, log, fetch: get = fetch }: InjectDeps, request: Request, { target, how, secret }: Target): Promise<Sent | Response> {
  const headers = new Headers([...request.headers].filter(([header]) => !LEFT_BEHIND.has(header) && (how.kind === 'aws' || !PARTS.has(header))))
  headers.set('accept-encoding', 'identity')
  const body = how.kind === 'aws' && request.body !== null ? await wholeBody(request.body, SIGNED_LIMIT) : request.body
  if (body === 'too long') return new Response('berth: a request that is signed here is at most 64 MB\n', { status: 413 })
  if (how.kind === 'header') headers.set(how.header, how.template.replaceAll('{secret}', secret))
  else {
    const bodyHash = wordOf(request) ?? bodyHashOf(body instanceof Uint8Array ? body : '')
    if (bodyHash === SIGNED_PIECES) return new Response('berth: a body that is signed piece by piece cannot be signed here; send it in one\n', { status: 400 })
    const at = awsTime(clock.now())
    headers.set('x-amz-date', at)
    headers.set('x-amz-content-sha256', bodyHash)
    const signed = [...headers].filter(([header]) => header.startsWith('x-amz-') || header === 'content-type')
    headers.set('authorization', awsAuthorization(how, secret, { method: request.method, url: target, headers: signed, bodyHash, at }))
  }
  const init = { method: request.method, headers, body, redirect: 'manual' as const, signal: AbortSignal.any([request.signal, AbortSignal.timeout(ANSWER_MS)]), ...(body instanceof ReadableStream ? { duplex: 'half' as const } : {}) }
  const answer = await get(target.href, init).catch((cause: unknown) => { log(`${target.host}: ${cause instanceof Error ? cause.message : 'it failed'}`); return null })
  if (answer === null) return new Response(`berth: ${target.host} cannot be reached from the server\n`, { status: 502 })
  return { answer, words: how.kind === 'header' ? [secret, headers.get(how.header) ?? secret, ...coded(how, secret)] : [secret] }
}
const starred = (text: string, words: readonly string[]): string => words.reduce((rest, word) => rest.replaceAll(word, '*'.repeat(word.length)), text)

/** A redirect within the host comes back here; one that leads elsewhere goes without the secret. */
function ownPath(location: string, target: URL, depth: number): string {
  const to = URL.parse(location, target)
  return to === null || to.origin !== target.origin ? location : `${'../'.repeat(Math.max(0, depth - 1))}${to.pathname.slice(1)}${to.search}`
}

/** Basic authentication repeats a secret in another form. */
const coded = ({ template }: Extract<InjectionHow, { kind: 'header' }>, secret: string): string[] => [btoa(secret), ...template.includes(':') ? [] : [encodeURIComponent(secret)]].filter((text) => text.length >= 8)

const SIGNED_PIECES = 'a body in pieces'
/** What stands for the body where it comes in pieces with sums of their own. */
function wordOf({ headers }: Request): string | null {
  const word = headers.get('x-amz-content-sha256') ?? ''
  if (!word.startsWith('STREAMING-')) return null
  return word === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' ? word : SIGNED_PIECES
}
