/** Where the repositories of this server are reached: by people and workspaces under the name that was chosen for it, by the server itself on its own listener. */
import type { RepositoryAddress } from '@berth/core'
import { RepositoryId } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'

export interface HostedAddresses {
  /** Scheme, host and port, as the gateway knows git hosts. */
  readonly origin: string
  urlOf(repository: { readonly id: WorkspaceId | RepositoryId; readonly name: string }): string
  /** Null: it leads to no task's repository here. */
  idAt(address: RepositoryAddress): RepositoryId | null
  /** The same repository without leaving this machine, whatever its name leads to from here. */
  locally(address: RepositoryAddress): RepositoryAddress
}

/** `gitUrl`: a host name of its own, for git alone. Null: it is the page's. */
export function hostedAddresses({ gitUrl, pageUrl, localUrl }: { gitUrl: string | null; pageUrl: string; localUrl: string }): HostedAddresses {
  const base = (gitUrl ?? `${pageUrl.replace(/\/$/, '')}${PREFIX}`).replace(/\/$/, '')
  const { origin, pathname } = new URL(base)
  const below = pathname === '/' ? '' : pathname.slice(1)
  const inside = (path: string): string | null => (below === '' ? path : path.startsWith(`${below}/`) ? path.slice(below.length + 1) : null)
  return {
    origin,
    // A clone is made in a directory of that name.
    urlOf: ({ id, name }) => (RepositoryId.safeParse(id).success ? `${base}/${id}/${name}.git` : `${base}/${id}`),
    idAt({ origin: asked, path }) {
      const rest = asked === origin ? inside(path) : null
      const id = RepositoryId.safeParse(rest?.split('/')[0])
      return rest !== null && rest.split('/').length <= 2 && id.success ? id.data : null
    },
    locally({ origin: asked, path }) {
      const rest = asked === origin ? inside(path) : null
      return rest === null ? { origin: asked, path } : { origin: new URL(localUrl).origin, path: `${PREFIX.slice(1)}/${rest}` }
    },
  }
}

/** On the listener of the page. */
const PREFIX = '/git'
const FORM = /^\/([^/]+)(?:\/[a-z0-9][a-z0-9-]*(?:\.git)?)?(\/(?:info\/refs|git-upload-pack|git-receive-pack|info\/lfs\/.*))$/

/** `<id>[/<name>.git]/info/refs` and the like; null: nothing of git. `own`: asked by the name that is for git alone. */
export function hostedPath(pathname: string, own: boolean): { id: string; path: string } | null {
  const rest = pathname.startsWith(`${PREFIX}/`) ? pathname.slice(PREFIX.length) : own ? pathname : null
  if (rest === null) return null
  const [, id = '', path = ''] = FORM.exec(rest) ?? /^\/([^/]+)(\/.*)$/.exec(rest) ?? []
  return id === '' ? null : { id, path }
}
