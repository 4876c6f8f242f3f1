import type { RepositoryAccess } from '@berth/wire/git-policy'

/** `https://github.com/owner/name:write`; without a word it may read. */
export function readRepositoryAccess(text: string): RepositoryAccess {
  const [, url = text, access = 'read'] = /^(.+):(read|write)$/.exec(text) ?? []
  return { url, access: access === 'write' ? 'write' : 'read' }
}
