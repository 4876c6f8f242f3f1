/** The Docker Engine API over its socket: one HTTP call at a time, each refusal turned into a ProviderFault. */
import { ProviderFault, type FaultCategory } from '@berth/core'

export interface EngineCall {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD'
  readonly query?: Readonly<Record<string, string>>
  readonly json?: unknown
  readonly body?: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | Blob
  readonly contentType?: string
  /** Statuses that are answers here, not refusals. */
  readonly accept?: readonly number[]
  /** What is being done, for messages: `creating the container`. */
  readonly what: string
  readonly timeoutMs?: number
}
export interface Engine {
  /** Where the engine listens, for messages. */
  readonly address: string
  readonly isUnix: boolean
  /** The same for the docker command line. */
  readonly dockerHost: string
  call(path: string, call: EngineCall, signal: AbortSignal): Promise<Response>
  json<T>(path: string, call: EngineCall, signal: AbortSignal): Promise<T>
}

/** API 1.41 is Docker 20.10; above the newest one we know, the engine is asked to behave like it. */
const OLDEST_API = [1, 41] as const
const NEWEST_API = [1, 47] as const
const DEFAULT_SOCKET = '/var/run/docker.sock'
const CALL_TIMEOUT_MS = 40_000

export function createEngine(given: string | undefined, env: Readonly<Record<string, string | undefined>> = process.env): Engine {
  const { base, unix } = parseAddress(given ?? env['DOCKER_HOST'] ?? `unix://${DEFAULT_SOCKET}`)
  let version: Promise<string> | null = null
  const address = unix === null ? base : `unix://${unix}`

  const send = async (path: string, call: EngineCall, signal: AbortSignal): Promise<Response> => {
    const method = call.method ?? 'GET'
    const query = call.query === undefined ? '' : `?${new URLSearchParams(call.query)}`
    const limit = AbortSignal.timeout(call.timeoutMs ?? CALL_TIMEOUT_MS)
    const body = call.json === undefined ? call.body : JSON.stringify(call.json)
    try {
      return await fetch(`${base}${path}${query}`, {
        method, signal: AbortSignal.any([signal, limit]), ...(unix === null ? {} : { unix }), ...(body === undefined ? {} : { body }),
        headers: body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' },
      })
    } catch (cause) {
      signal.throwIfAborted()
      const changed = method === 'GET' || method === 'HEAD' ? 'no' : 'unknown'
      const happened = limit.aborted ? 'took too long' : 'does not answer'
      throw new ProviderFault('transient', `the docker engine at ${address} ${happened} (${call.what})`, { committed: changed, hint: 'is the Docker engine running, and may you use its socket? `docker info` tells', cause })
    }
  }
  const negotiate = async (signal: AbortSignal): Promise<string> => {
    const answer = await send('/version', { what: 'asking its version' }, signal)
    const { ApiVersion } = (await answer.json()) as { ApiVersion?: string }
    const theirs = (ApiVersion ?? '0.0').split('.').map(Number)
    if (compare(theirs, OLDEST_API) < 0) {
      throw new ProviderFault('unsupported', `the docker engine speaks API ${ApiVersion}, and ${OLDEST_API.join('.')} is the oldest that works`, { hint: 'update Docker to 20.10 or newer' })
    }
    return (compare(theirs, NEWEST_API) < 0 ? theirs : NEWEST_API).join('.')
  }
  const call = async (path: string, request: EngineCall, signal: AbortSignal): Promise<Response> => {
    signal.throwIfAborted()
    version ??= negotiate(signal).catch((error: unknown) => {
      version = null
      throw error
    })
    const answer = await send(`/v${await version}${path}`, request, signal)
    if (answer.ok || request.accept?.includes(answer.status)) return answer
    throw await refusal(answer, request.what)
  }
  return {
    address, isUnix: unix !== null, call,
    dockerHost: unix === null ? base.replace(/^http:/, 'tcp:') : `unix://${unix}`,
    async json<T>(path: string, request: EngineCall, signal: AbortSignal) {
      const answer = await call(path, request, signal)
      try {
        return (await answer.json()) as T
      } catch (cause) {
        signal.throwIfAborted()
        // It went away in the middle of its answer: what was asked for may have happened.
        throw new ProviderFault('transient', `the docker engine at ${address} broke off (${request.what})`, { committed: 'unknown', hint: 'is the Docker engine running? `docker info` tells', cause })
      }
    },
  }
}

function parseAddress(host: string): { base: string; unix: string | null } {
  if (host.startsWith('unix://')) return { base: 'http://docker', unix: host.slice('unix://'.length) }
  if (host.startsWith('/')) return { base: 'http://docker', unix: host }
  if (host.startsWith('tcp://')) return { base: `http://${host.slice('tcp://'.length)}`, unix: null }
  if (/^https?:\/\//.test(host)) return { base: host.replace(/\/+$/, ''), unix: null }
  throw new ProviderFault('invalid', `DOCKER_HOST '${host}' is of an unknown kind`, { hint: 'use unix:///path or tcp://host:port' })
}

function compare(a: readonly number[], b: readonly number[]): number {
  return (a[0] ?? 0) - (b[0] ?? 0) || (a[1] ?? 0) - (b[1] ?? 0)
}

const BY_STATUS: Readonly<Record<number, FaultCategory>> = { 400: 'invalid', 401: 'auth', 403: 'auth', 404: 'not_found', 409: 'conflict', 500: 'unknown', 503: 'transient' }

async function refusal(answer: Response, what: string): Promise<ProviderFault> {
  const text = (await answer.text().catch(() => '')).slice(0, 4096)
  return faultOf(answer.status, messageIn(text), what)
}

export function messageIn(text: string): string {
  try {
    const parsed = JSON.parse(text) as { message?: unknown }
    return typeof parsed.message === 'string' ? parsed.message : text
  } catch {
    return text
  }
}

/** The engine says many different things with status 500; its words are all there is to tell them apart. */
export function faultOf(status: number, said: string, what: string): ProviderFault {
  const message = `${what}: ${said.trim() || `status ${status}`}`
  if (/no space left on device|disk quota exceeded/i.test(said)) return new ProviderFault('no_space', message, { hint: 'free some space for Docker: `docker system df` shows what uses it' })
  if (/exec format error/i.test(said)) return new ProviderFault('unsupported', message, { hint: 'the image is for another kind of processor' })
  if (/no such file or directory|executable file not found/i.test(said) && /runc|OCI runtime/i.test(said)) {
    return new ProviderFault('unsupported', message, { hint: 'the image lacks the C library that the daemon needs; use one based on glibc, such as debian:12' })
  }
  if (/cannot allocate memory|resource temporarily unavailable/i.test(said)) return new ProviderFault('capacity', message, { hint: 'this engine has no room for another container; stop some' })
  if (/minimum memory limit/i.test(said)) return new ProviderFault('invalid', message, { hint: 'give the workspace more memory' })
  return new ProviderFault(BY_STATUS[status] ?? 'unknown', message, { committed: status >= 500 ? 'unknown' : 'no', hint: status === 404 ? 'it was removed meanwhile; try again' : 'the engine log says more' })
}
