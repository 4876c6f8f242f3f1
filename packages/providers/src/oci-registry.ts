/**
 * A registry of images, by the OCI distribution specification: what a base is read from, and what an image is put to.
 * A credential goes in a header alone, to the registry itself and to whom it names for tokens.
 */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { ProviderFault, type FaultCategory } from '@berth/core'

export interface Reference { readonly host: string; readonly repository: string; /** A tag, or a digest. */ readonly reference: string }
export interface Blob { readonly digest: string; readonly size: number }
export interface Manifest { readonly digest: string; readonly mediaType: string; readonly text: string }
export interface Registry {
  /** Null: there is none. */
  manifest(repository: string, reference: string, signal: AbortSignal): Promise<Manifest | null>
  /** To a file; throws where it is not what its digest says. */
  download(repository: string, blob: Blob, to: string, signal: AbortSignal): Promise<void>
  has(repository: string, digest: string, signal: AbortSignal): Promise<boolean>
  /** May be repeated. */
  upload(repository: string, blob: Blob, from: string, signal: AbortSignal): Promise<void>
  putManifest(repository: string, reference: string, manifest: Omit<Manifest, 'digest'>, signal: AbortSignal): Promise<void>
}
export interface RegistryOptions {
  readonly host: string
  /** A secret; read anew for each call. Null: nobody is asked for. */
  readonly credential: (() => { readonly user: string; readonly password: string }) | null
}

export const OCI = {
  manifest: 'application/vnd.oci.image.manifest.v1+json', index: 'application/vnd.oci.image.index.v1+json', config: 'application/vnd.oci.image.config.v1+json', layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const
const DOCKER_HUB = 'registry-1.docker.io'
const ACCEPT = [OCI.manifest, OCI.index, 'application/vnd.docker.distribution.manifest.v2+json', 'application/vnd.docker.distribution.manifest.list.v2+json'].join(', ')
/** The specification's own limit of what a registry has to take. */
const MANIFEST_LIMIT = 4 * 1024 * 1024
const CALL_MS = 30_000
/** Some hundred megabytes, also by a slow line. */
const BLOB_MS = 15 * 60_000
const REDIRECTS = 3
const TEXT_SHOWN = 300

/** As Docker reads a name: without a host it is of its own registry. */
export function parseReference(name: string): Reference {
  const [first = '', ...rest] = name.split('/')
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const path = hasHost ? rest.join('/') : name
  const [, repository = '', tag = 'latest', digest] = /^([a-z0-9][a-z0-9._/-]*)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(path) ?? []
  if (repository === '') throw new ProviderFault('invalid', `'${name}' is not the name of an image`, { hint: 'a name looks like debian:12 or ghcr.io/owner/name@sha256:…' })
  const isHub = !hasHost || first === 'docker.io'
  return { host: isHub ? DOCKER_HUB : first, repository: isHub && !repository.includes('/') ? `library/${repository}` : repository, reference: digest ?? tag }
}

export const digestOf = (content: string | Uint8Array): string => `sha256:${createHash('sha256').update(content).digest('hex')}`

/** Of this host alone, as Docker has it. */
const isLoopback = (host: string): boolean => /^(localhost|127\.\d+\.\d+\.\d+)(:\d+)?$/.test(host)

interface Call { readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT'; readonly headers?: Readonly<Record<string, string>>; readonly body?: () => BodyInit; readonly what: string; readonly withinMs?: number; /** Statuses that are answers here. */ readonly accept?: readonly number[] }

export function createRegistry({ host, credential }: RegistryOptions): Registry {
  const origin = `${isLoopback(host) ? 'http' : 'https'}://${host}`
  /** What the registry last wanted to see, by what is done with which repository. */
  const shown = new Map<string, string>()
  const send = async (url: string, call: Call, signal: AbortSignal): Promise<Response> => {
    signal.throwIfAborted()
    const scope = scopeOf(call, url)
    // Sent elsewhere, it is nobody's business who asks.
    const isOwn = new URL(url).origin === origin
    const authorization = isOwn ? shown.get(scope) : undefined
    const answer = await ask(url, call, { host, authorization }, signal)
    if (answer.status !== 401 || !isOwn || authorization !== undefined) return answer
    await answer.body?.cancel()
    shown.set(scope, await unlessBroken(authorize(answer.headers.get('www-authenticate') ?? '', { credential, what: call.what, secure: origin.startsWith('https:'), signal }), { host, what: call.what }, signal))
    return send(url, call, signal)
  }
  const call = async (path: string, asked: Call, signal: AbortSignal): Promise<Response> => {
    const url = new URL(path, origin)
    let answer = await send(url.href, asked, signal)
    if (answer.status === 401) {
      // What it was shown has ended.
      await answer.body?.cancel()
      shown.delete(scopeOf(asked, url.href))
      answer = await send(url.href, asked, signal)
    }
    const last = await followed(answer, url, (next) => send(next, asked, signal))
    if (last.ok || asked.accept?.includes(last.status) === true) return last
    throw await refusal(last, { host, what: asked.what })
  }
  const has: Registry['has'] = async (repository, digest, signal) => (await call(`/v2/${repository}/blobs/${digest}`, { method: 'HEAD', what: 'looking for a layer', accept: [404] }, signal)).status !== 404
  return {
    has,
    async manifest(repository, reference, signal) {
      const answer = await call(`/v2/${repository}/manifests/${reference}`, { headers: { accept: ACCEPT }, what: 'reading the manifest', accept: [404] }, signal)
      if (answer.status === 404) {
        await answer.body?.cancel()
        return null
      }
      const text = await textOf(answer)
      const digest = digestOf(text)
      if (reference.startsWith('sha256:') && digest !== reference) throw new ProviderFault('transient', 'the manifest is not what its digest says', { hint: 'it is tried again' })
      return { digest, mediaType: (answer.headers.get('content-type') ?? '').split(';')[0]?.trim() ?? '', text }
    },
    async download(repository, { digest, size }, to, signal) {
      const answer = await call(`/v2/${repository}/blobs/${digest}`, { what: 'fetching a layer', withinMs: BLOB_MS }, signal)
      await written(answer, { digest, size, to, signal })
    },
    async upload(repository, { digest, size }, from, signal) {
      if (await has(repository, digest, signal)) return
      const begun = await call(`/v2/${repository}/blobs/uploads/`, { method: 'POST', headers: { 'content-length': '0' }, what: 'beginning to put a layer' }, signal)
      await begun.body?.cancel()
      const location = new URL(begun.headers.get('location') ?? '', `${origin}/v2/${repository}/blobs/uploads/`)
      location.searchParams.set('digest', digest)
      const put = await call(location.href, { method: 'PUT', headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) }, body: () => Bun.file(from), what: 'putting a layer', withinMs: BLOB_MS }, signal)
      await put.body?.cancel()
    },
    async putManifest(repository, reference, { mediaType, text }, signal) {
      const put = await call(`/v2/${repository}/manifests/${reference}`, { method: 'PUT', headers: { 'content-type': mediaType }, body: () => text, what: 'putting the manifest' }, signal)
      await put.body?.cancel()
    },
  }
}

const scopeOf = ({ method = 'GET' }: Call, url: string): string => `${method === 'GET' || method === 'HEAD' ? 'pull' : 'push'} ${repositoryIn(url)}`

async function ask(url: string, { method = 'GET', headers, body, what, withinMs = CALL_MS }: Call, { host, authorization }: { host: string; authorization: string | undefined }, signal: AbortSignal): Promise<Response> {
  const limit = AbortSignal.timeout(withinMs)
  const answer = fetch(url, { method, redirect: 'manual', signal: AbortSignal.any([signal, limit]), headers: { 'user-agent': 'berth', ...headers, ...(authorization === undefined ? {} : { authorization }) }, ...(body === undefined ? {} : { body: body() }) })
  return unlessBroken(answer, { host, what }, signal)
}

async function followed(answer: Response, from: URL, send: (url: string) => Promise<Response>, sent = 0): Promise<Response> {
  const location = answer.headers.get('location')
  if (answer.status < 301 || answer.status > 308 || location === null || sent === REDIRECTS) return answer
  await answer.body?.cancel()
  const next = new URL(location, from)
  return followed(await send(next.href), next, send, sent + 1)
}

/** What the network did to it is no answer. */
async function unlessBroken<T>(answer: Promise<T>, { host, what }: { host: string; what: string }, signal: AbortSignal): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    if (cause instanceof ProviderFault) throw cause
    signal.throwIfAborted()
    throw new ProviderFault('transient', `the registry ${host} ${cause instanceof Error && cause.name === 'TimeoutError' ? 'took too long' : 'broke off'} (${what})`, { committed: 'unknown', hint: 'it is tried again', cause })
  }
}

const repositoryIn = (url: string): string => /\/v2\/(.+?)\/(?:manifests|blobs)\//.exec(url)?.[1] ?? ''

interface Asking { readonly credential: RegistryOptions['credential']; readonly what: string; readonly secure: boolean; readonly signal: AbortSignal }
const refused = (what: string, detail: string): ProviderFault => new ProviderFault('auth', `${what}: ${detail}`, { committed: 'no', hint: 'the registry wants to know who asks; see `berth provider check`' })

/** What the registry wants to see: the credential itself, or a token that somebody gives for it. */
async function authorize(challenge: string, asking: Asking): Promise<string> {
  const { credential, what } = asking
  const given = credential?.()
  const basic = given === undefined ? null : `Basic ${Buffer.from(`${given.user}:${given.password}`).toString('base64')}`
  if (!/^basic\b/i.test(challenge)) return tokenFor(challenge, basic, asking)
  if (basic === null) throw refused(what, 'the registry wants a name and a password')
  return basic
}

async function tokenFor(challenge: string, basic: string | null, { what, secure, signal }: Asking): Promise<string> {
  const { realm: place, service, scope } = Object.fromEntries([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]))
  if (!/^bearer\b/i.test(challenge) || place === undefined) throw refused(what, 'the registry refuses')
  const realm = new URL(place)
  if (secure && realm.protocol !== 'https:') throw refused(what, 'the registry sends to a place without encryption')
  for (const [key, value] of Object.entries({ service, scope })) if (value !== undefined) realm.searchParams.set(key, value)
  const answer = await fetch(realm, { redirect: 'error', signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]), headers: { 'user-agent': 'berth', ...(basic === null ? {} : { authorization: basic }) } })
  if (answer.ok) {
    const { token, access_token: other = '' } = JSON.parse(await textOf(answer)) as { token?: string; access_token?: string }
    return `Bearer ${token ?? other}`
  }
  await answer.body?.cancel()
  if (answer.status >= 500) throw new ProviderFault('transient', `${what}: the registry gives no token now`, { committed: 'no', hint: 'it is tried again' })
  throw refused(what, 'the registry gives no token')
}

const BY_STATUS: Readonly<Record<number, FaultCategory>> = { 400: 'invalid', 401: 'auth', 403: 'auth', 404: 'not_found', 408: 'transient', 413: 'invalid', 429: 'rate' }
async function refusal(answer: Response, { host, what }: { host: string; what: string }): Promise<ProviderFault> {
  const text = await textOf(answer).catch(() => '')
  const { status } = answer
  const category = BY_STATUS[status] ?? (status >= 500 ? 'transient' : 'unknown')
  return new ProviderFault(category, `${what}: ${messageIn(text) || `status ${status}`}`, { committed: status >= 500 ? 'unknown' : 'no', hint: category === 'auth' ? `may the token write to ${host}?` : `it was said by the registry ${host}` })
}
function messageIn(text: string): string {
  try {
    const { errors = [] } = JSON.parse(text) as { errors?: readonly { code?: string; message?: string }[] }
    return errors.map(({ code = '', message = '' }) => `${message} (${code})`).join('; ').slice(0, TEXT_SHOWN)
  } catch {
    return ''
  }
}

async function textOf(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > MANIFEST_LIMIT) throw new ProviderFault('invalid', 'a manifest is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function written(answer: Response, { digest, size, to, signal }: Blob & { to: string; signal: AbortSignal }): Promise<void> {
  const file = await open(to, 'w')
  const hash: Hash = createHash('sha256')
  let had = 0
  try {
    for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
      had += chunk.length
      if (had > size) break
      hash.update(chunk)
      await file.write(chunk)
    }
  } catch (cause) {
    signal.throwIfAborted()
    throw new ProviderFault('transient', 'a layer broke off', { hint: 'it is tried again', cause })
  } finally {
    await file.close()
  }
  if (had !== size || `sha256:${hash.digest('hex')}` !== digest) throw new ProviderFault('transient', 'a layer is not what its digest says', { hint: 'it is tried again' })
}

/** Digest and length of a file. */
export async function blobOf(path: string): Promise<Blob> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
    hash.update(chunk)
    size += chunk.length
  }
  return { digest: `sha256:${hash.digest('hex')}`, size }
}
