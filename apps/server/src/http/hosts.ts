/**
 * Which names this server answers to. On loopback any page of the web could point its own name at us (DNS
 * rebinding), so only known names pass. Cookies ignore ports: a cookie on bare `localhost` or `127.0.0.1` would be
 * sent to every development server of this machine, so pages live on a name of their own.
 */
import { isHttps, hostOf } from './credentials.ts'

const PAGE_HOST = 'berth.localhost'
const LOOPBACK_NAMES = ['127.0.0.1', '[::1]', 'localhost', PAGE_HOST]

export interface Hosts {
  /** May this request be answered at all? */
  known(request: Request): boolean
  /** May a session cookie be set here? */
  mayHoldCookie(request: Request): boolean
  /** Asked by the public name, whose page is https: whatever the proxy in front forgot to say. */
  isPublicHttps(request: Request): boolean
  /** Asked by the name that is for git alone. */
  onlyGit(request: Request): boolean
  /** Where a person's browser goes, without a path. */
  readonly pageUrl: string
}

export function createHosts(options: { loopback: boolean; port: number; publicUrl: string | null; gitUrl?: string | null }): Hosts {
  const publicHost = options.publicUrl === null ? null : new URL(options.publicUrl).hostname
  const gitHost = options.gitUrl === null || options.gitUrl === undefined ? null : new URL(options.gitUrl).hostname
  const names = new Set([...LOOPBACK_NAMES, publicHost, gitHost])
  return {
    known: (request) => !options.loopback || names.has(nameOf(request)),
    mayHoldCookie(request) {
      const name = nameOf(request)
      if (name === PAGE_HOST || name === publicHost) return true
      // Somebody chose to listen on a real address: its own name is what there is.
      return !options.loopback && name !== gitHost && !LOOPBACK_NAMES.includes(name)
    },
    onlyGit: (request) => gitHost !== null && gitHost !== publicHost && nameOf(request) === gitHost,
    isPublicHttps: (request) => publicHost !== null && nameOf(request) === publicHost && options.publicUrl?.startsWith('https:') === true,
    pageUrl: options.publicUrl?.replace(/\/$/, '') ?? `http://${PAGE_HOST}:${options.port}`,
  }
}

/** Host without port, lower-case. */
function nameOf(request: Request): string {
  return hostOf(request).toLowerCase().replace(/:\d+$/, '')
}

/** The same page on the name that may hold a cookie. */
export function onPageHost(request: Request, hosts: Hosts): string {
  const url = new URL(request.url)
  return `${hosts.pageUrl}${url.pathname}${url.search}`
}

export function sessionCookie(request: Request, name: string, token: string, maxAgeMs: number): string {
  const secure = isHttps(request) ? '; Secure' : ''
  return `${name}=${token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${Math.floor(maxAgeMs / 1000)}${secure}`
}
