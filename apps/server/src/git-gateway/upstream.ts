/** One request to a git host. Redirects are not followed, so a credential goes to its own origin and nowhere else. */
import { BerthError } from '@berth/wire'
import { basicAuthorization } from '../git-hosting/basic-authorization.ts'
import { gitUrlOf } from '../git-hosting/host-kinds.ts'
import { NO_CACHE } from '../git-hosting/push-request.ts'
import type { SshAccess } from './ssh-access.ts'
import type { GitService, Wanted } from './wanted.ts'

/** `expiresAt` null: it was stored, and does not end. */
export interface Credential { readonly username: string; readonly token: string; readonly expiresAt: number | null; /** Null: there is nothing to do. */ readonly release: (() => void) | null; /** Null: there is no other. */ readonly discard: (() => void) | null; /** It is no token: the host is reached by ssh. */ readonly ssh?: SshAccess; /** As a lease has it. */ readonly exact?: true }
/** The operation is over. */
export const letGo = (credential: Credential | null): void => credential?.release?.()
/** What the host would have said with a credential that nobody has yet. */
export interface Missing { readonly message: string; readonly hint: string }
export interface Access { readonly credential: Credential | null; readonly missing: Missing | null }

const isAdvertisement = ({ rest }: Wanted): boolean => rest.startsWith('info/refs')

export async function askHost(send: typeof fetch, wanted: Wanted, { request, body, credential }: { request: Request; body: BodyInit | null; credential: Credential | null }): Promise<Response> {
  const headers = new Headers({ 'user-agent': 'git/2 (berth)', accept: isAdvertisement(wanted) ? '*/*' : `application/x-${wanted.service}-result` })
  const protocol = request.headers.get('git-protocol')
  if (protocol !== null && /^version=[012]$/.test(protocol)) headers.set('git-protocol', protocol)
  if (body !== null) headers.set('content-type', `application/x-${wanted.service}-request`)
  if (credential !== null) headers.set('authorization', basicAuthorization(credential))
  return reach(send, wanted.origin, `${gitUrlOf(wanted, credential?.exact)}/${wanted.rest}`, { method: request.method, headers, body, signal: request.signal, ...(body instanceof ReadableStream ? { duplex: 'half' as const } : {}) })
}

export async function reach(send: typeof fetch, origin: string, url: string, init: RequestInit & { duplex?: 'half' }): Promise<Response> {
  try {
    return await send(url, { ...init, redirect: 'manual' })
  } catch (cause) {
    throw new BerthError('network_unreachable', `${origin} cannot be reached from the server`, { hint: 'try again; `berth server status` says where it runs', cause })
  }
}

/** A fetch is written down while the host thinks about it. What it says is given to nobody before that stands. */
export async function onceWritten(writing: Promise<unknown>, asking: Promise<Response>): Promise<Response> {
  const [written, asked] = await Promise.allSettled([writing, asking])
  if (written.status === 'rejected') {
    if (asked.status === 'fulfilled') void asked.value.body?.cancel()
    throw written.reason
  }
  if (asked.status === 'rejected') throw asked.reason
  return asked.value
}

/** What the host says passes with its type and nothing else of its head. */
export function passed(response: Response, wanted: Wanted, missing: Missing | null): Response {
  const type = `application/x-${wanted.service}-${isAdvertisement(wanted) ? 'advertisement' : 'result'}`
  if (response.status === 200 && response.headers.get('content-type') === type) return new Response(response.body, { headers: { 'content-type': type, 'cache-control': NO_CACHE } })
  void response.body?.cancel()
  throw refusalOf(response.status, wanted, missing)
}

export function refusalOf(status: number, { origin, path }: Pick<Wanted, 'origin' | 'path'>, missing: Missing | null): BerthError {
  if (missing !== null && (status === 401 || status === 403 || status === 404)) return new BerthError('clone_refused', missing.message, { hint: missing.hint })
  if (status === 401 || status === 403) return new BerthError('clone_refused', `${origin} did not let the server in to ${path}`, { hint: `if it is yours to use: \`berth git-access <workspace> --repo ${origin}/${path}\`, and look at the kept credential with \`berth git-host\`` })
  if (status === 404) return new BerthError('not_found', `there is no repository ${path} at ${origin}, or it may not be seen`, { hint: 'check the address, and what the kept credential may read' })
  if (status >= 300 && status < 400) return new BerthError('clone_refused', `${origin}/${path} has moved`, { hint: 'make the workspace from its new address' })
  return new BerthError('network_unreachable', `${origin} answered ${status}`, { hint: 'try again later' })
}

export const isPushing = (service: GitService): boolean => service === 'git-receive-pack'

/** The credential is out until the answer was read to its end, or is not wanted any more. `done` null: nobody waits for that. */
export function untilRead(response: Response, done: (() => void) | null): Response {
  if (done === null) return response
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
