/** Addresses of repositories at git hosts, in one form. Pure. */
/** An address below a git host, as the gateway asks for it. */
export interface RepositoryAddress { readonly origin: string; /** `owner/name`, without `.git`. */ readonly path: string }

const SEGMENT = /^[A-Za-z0-9._~+-]{1,100}$/
const SEGMENTS_LIMIT = 10

/** Null: no path of a repository. Nothing that a host might read as another path gets through: no escapes, no dots, no empty parts. */
export function repositoryPath(text: string): string | null {
  const segments = text.replace(/\.git$/, '').split('/')
  if (segments.length === 0 || segments.length > SEGMENTS_LIMIT) return null
  return segments.every((segment) => SEGMENT.test(segment) && segment !== '.' && segment !== '..' && !segment.startsWith('-')) ? segments.join('/') : null
}

/** https, http and ssh forms of an address as one; null: no host could serve it. */
export function repositoryAddress(address: string): RepositoryAddress | null {
  const scp = /^(?:[^@/:\s]+@)?([A-Za-z0-9.-]+):(?!\/\/)\/?(.+)$/.exec(address)
  if (scp !== null && !/^[a-z][a-z0-9+.-]*:\/\//i.test(address)) return at(`https://${scp[1]}`, scp[2] ?? '')
  if (!URL.canParse(address)) return null
  const url = new URL(address)
  if (url.protocol === 'ssh:') return at(`https://${url.hostname}`, url.pathname)
  return url.protocol === 'https:' || url.protocol === 'http:' ? at(url.origin, url.pathname) : null
}
function at(origin: string, path: string): RepositoryAddress | null {
  const clean = repositoryPath(path.replace(/^\/+|\/+$/g, ''))
  return clean === null ? null : { origin: origin.toLowerCase(), path: clean }
}
