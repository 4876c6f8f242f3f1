/** What a request of a workspace is for. Everything else is refused here: what may be asked is a short list. Pure. */
import { repositoryPath } from '@berth/core'
import type { RepositoryAddress } from '@berth/core'
import { BerthError } from '@berth/wire'
import { LINK_HTTP } from '@berth/wire/daemon'

const SERVICES = ['git-upload-pack', 'git-receive-pack'] as const
export type GitService = (typeof SERVICES)[number]
export interface Wanted extends RepositoryAddress { readonly service: GitService; /** Below the repository, with the query. */ readonly rest: string }
export interface WantedLfs extends RepositoryAddress { readonly lfs: 'batch' | 'locks' | 'verify-locks' | 'change-locks'; readonly rest: string }

const ONLY_GIT = 'git reaches git hosts through Berth; nothing else does'
const notGit = (): BerthError => new BerthError('bad_request', 'this is no request of git', { hint: ONLY_GIT })
/** A host as every parser reads it: letters of ASCII, digits, dots, hyphens. */
const FORM = /^\/(https?)\/([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?)\/(.+?)\/(info\/refs|git-upload-pack|git-receive-pack|info\/lfs\/objects\/batch|info\/lfs\/locks|info\/lfs\/locks\/verify|info\/lfs\/locks\/[^/]{1,200}\/unlock)$/

/** `/upstream/https/github.com/owner/name.git/info/refs?service=…`, one of the two services, or what git-lfs asks for. */
export function wantedBy(request: Request): Wanted | WantedLfs {
  const { pathname, search, searchParams } = new URL(request.url)
  const [, scheme = '', host = '', repository = '', rest = ''] = FORM.exec(pathname.slice(LINK_HTTP.upstream.length)) ?? []
  const path = repositoryPath(repository)
  const address = `${scheme}://${host.toLowerCase()}`
  // An origin that a parser writes in another way would be another one to somebody.
  const origin = URL.canParse(address) ? new URL(address).origin : ''
  if (path === null || origin !== withoutDefaultPort(address)) throw notGit()
  if (rest.startsWith('info/lfs/')) return { origin, path, rest: `${rest}${search}`, lfs: lfsOf(request, rest) }
  const service = SERVICES.find((known) => known === (rest === 'info/refs' ? searchParams.get('service') : rest))
  const form = rest === 'info/refs' ? `GET ?service=${service}` : `POST  application/x-${service}-request`
  const given = request.method === 'GET' ? `GET ${search}` : `${request.method} ${search} ${request.headers.get('content-type')}`
  if (service === undefined || given !== form) throw notGit()
  return { origin, path, service, rest: `${rest}${search}` }
}

const withoutDefaultPort = (address: string): string => address.replace(/^(https:\/\/[^:]+):443$/, '$1').replace(/^(http:\/\/[^:]+):80$/, '$1')

function lfsOf({ method }: Request, rest: string): WantedLfs['lfs'] {
  if (rest === 'info/lfs/objects/batch' && method === 'POST') return 'batch'
  if (rest === 'info/lfs/locks/verify' && method === 'POST') return 'verify-locks'
  if (rest === 'info/lfs/locks' && method === 'GET') return 'locks'
  if (method === 'POST') return 'change-locks'
  throw notGit()
}
