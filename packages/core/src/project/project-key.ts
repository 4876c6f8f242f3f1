/** One name for a project, however its address is written: what belongs to all workspaces of it is kept under that. */
import type { CodeSource } from '@berth/wire'

/** `https://git@host/owner/name.git`, `git@host:owner/name` and `ssh://…` are one; a directory is its path. */
export function projectKey(address: string): string {
  const trimmed = address.trim().replace(/\/+$/, '')
  const scp = /^(?:[\w.-]+@)?([A-Za-z0-9][\w.-]*):(?!\/\/)(.+)$/.exec(trimmed)
  if (scp !== null && !trimmed.startsWith('/')) return keyOf(scp[1] ?? '', scp[2] ?? '')
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? URL.parse(trimmed) : null
  if (url === null) return trimmed || '/'
  return url.protocol === 'file:' ? decodeURIComponent(url.pathname) : keyOf(url.host, url.pathname)
}

const keyOf = (host: string, path: string): string => `${host.toLowerCase()}/${path.replace(/^\/+|\/+$/g, '').replace(/\.git$/, '')}`

/** Null: it is of no project. */
export function projectKeyOf(source: CodeSource): string | null {
  if (source.kind === 'empty') return null
  return projectKey(source.kind === 'git' ? source.url : source.label)
}
