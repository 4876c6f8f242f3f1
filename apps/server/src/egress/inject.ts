/**
 * Requests to a host that asks for a credential which the workspace must not have: `/inject/<name>/…` becomes a request
 * to the host of that name, over TLS, with the secret put in here. What comes back is looked through for the secret, in
 * case the host repeats what it was told.
 */
import { createHash, createHmac } from 'node:crypto'
import type { Clock, EgressStore } from '@berth/core'
import type { OrgId, WorkspaceId } from '@berth/wire'
import { LINK_HTTP } from '@berth/wire/daemon'
import type { InjectionHow } from '@berth/wire/egress'
import type { Log } from '../http/respond.ts'
import { without } from './without.ts'

export interface InjectDeps {
  readonly store: Pick<EgressStore, 'injections' | 'injectionFor' | 'injected'>
  readonly clock: Clock
  readonly log: Log
  /** Tests have a host of their own. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
}
export type Inject = (workspace: { readonly id: WorkspaceId; readonly orgId: OrgId }, request: Request) => Promise<Response>

/** Of the workspace's own request these stay behind: who it says it is, and what speaks of this connection. */
const LEFT_BEHIND = new Set(['host', 'authorization', 'proxy-authorization', 'cookie', 'connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'content-length', 'accept-encoding', 'x-amz-security-token', 'x-amz-date', 'x-amz-content-sha256'])
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
    const target = new URL(`https://${host}/${rest.join('/')}${url.search}`)
    if (target.host !== new URL(`https://${host}`).host || target.username !== '') return new Response('berth: this address leads elsewhere\n', { status: 400 })
    const sent = await send(deps, request, { target, how: kept.how, secret: kept.secret })
    if (sent instanceof Response) return sent
    await deps.store.injected(workspace.orgId, name, deps.clock.now()).catch((cause: unknown) => deps.log(`${workspace.id}: use of ${name} was not written down: ${String(cause)}`))
    const { answer, words } = sent
    const answered = [...answer.headers].filter(([header]) => !NOT_ANSWERED.has(header)).map(([header, value]): [string, string] => [header, starred(header === 'location' ? ownPath(value, target, rest.length) : value, words)])
    return new Response(answer.body === null ? null : answer.body.pipeThrough(without(words)), { status: answer.status, headers: answered })
  }
}

interface Target { readonly target: URL; readonly how: InjectionHow; readonly secret: string }
/** `words`: what must not come back. */
async function send({ clock, log, fetch: get = fetch }: InjectDeps, request: Request, { target, how, secret }: Target): Promise<{ answer: Response; words: readonly string[] } | Response> {
  const headers = new Headers([...request.headers].filter(([header]) => !LEFT_BEHIND.has(header)))
  headers.set('accept-encoding', 'identity')
  const body = how.kind === 'aws' && request.body !== null ? new Uint8Array(await request.arrayBuffer()) : request.body
  const whole = body instanceof Uint8Array ? body : new Uint8Array()
  if (whole.length > SIGNED_LIMIT) return new Response('berth: a request that is signed here is at most 64 MB\n', { status: 413 })
  put(how, secret, { method: request.method, target, headers, body: whole, now: clock.now() })
  const init = { method: request.method, headers, body: body as BodyInit | null, redirect: 'manual' as const, signal: AbortSignal.any([request.signal, AbortSignal.timeout(ANSWER_MS)]), ...(body instanceof ReadableStream ? { duplex: 'half' as const } : {}) }
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

interface Signed { readonly method: string; readonly target: URL; readonly headers: Headers; readonly body: Uint8Array; readonly now: number }
function put(how: InjectionHow, secret: string, request: Signed): void {
  if (how.kind === 'header') request.headers.set(how.header, how.template.replaceAll('{secret}', secret))
  else signAws(how, secret, request)
}

/** AWS Signature Version 4. */
export function signAws({ accessKeyId, region, service }: Extract<InjectionHow, { kind: 'aws' }>, secret: string, { method, target, headers, body, now }: Signed): void {
  const sha = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')
  const mac = (key: string | Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest()
  const at = new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const day = at.slice(0, 'YYYYMMDD'.length)
  const bodyHash = sha(body)
  headers.set('x-amz-date', at)
  headers.set('x-amz-content-sha256', bodyHash)
  const signed = [['host', target.host], ...[...headers].filter(([name]) => name.startsWith('x-amz-') || name === 'content-type')].map(([name = '', value = '']) => [name, value.trim().replaceAll(/ +/g, ' ')] as const).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const quoted = (text: string): string => encodeURIComponent(text).replaceAll(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
  // S3 takes the path as it stands, the others want it quoted once more.
  const path = service === 's3' ? target.pathname : target.pathname.split('/').map(quoted).join('/')
  const query = [...target.searchParams].map(([name, value]) => [quoted(name), quoted(value)] as const).toSorted(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`).join('&')
  const names = signed.map(([name]) => name).join(';')
  const canonical = [method, path, query, ...signed.map(([name, value]) => `${name}:${value}`), '', names, bodyHash].join('\n')
  const scope = `${day}/${region}/${service}/aws4_request`
  const key = ['aws4_request'].reduce((last: Buffer, text) => mac(last, text), [region, service].reduce((last: Buffer, text) => mac(last, text), mac(`AWS4${secret}`, day)))
  const signature = mac(key, ['AWS4-HMAC-SHA256', at, scope, sha(canonical)].join('\n')).toString('hex')
  headers.set('authorization', `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`)
}
