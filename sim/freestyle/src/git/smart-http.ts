/**
 * git.freestyle.sh: `/<repository>` and what git asks below it, behind the grants of whoever the token is. The account's key
 * opens everything, as the documentation has it for trying things out: in a header of its own, and never as a password.
 */
import { gitBackend } from '@berth/sim-vendor'
import type { Level } from './described.ts'
import type { GitWorld, Holder, Repository } from './world.ts'

/** Without `.git`: no page of the vendor writes it. */
const PATH = /^\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/(info\/refs|git-upload-pack|git-receive-pack)$/
/** As the documentation writes it before a token. */
const USER = 'x-access-token'

export const isGitPath = (pathname: string): boolean => PATH.test(pathname) || /\/(?:info\/refs|git-upload-pack|git-receive-pack)$/.test(pathname)

export async function serveGit(world: GitWorld, request: Request): Promise<Response> {
  const { id, rest, wanted } = askedBy(request)
  if (wanted === null) return notFound()
  const repository = world.repositories.get(id)
  const level = levelOf(world, request.headers.get('authorization'), { repository, wanted })
  if (level === 'nobody') return new Response('who are you?\n', { status: 401, headers: { 'www-authenticate': 'Basic realm="Freestyle"' } })
  if (repository === undefined) return notFound()
  if (level === null || (wanted === 'write' && level === 'read')) return new Response('Repository access denied\n', { status: 403 })
  return gitBackend(request, { root: repository.dir, path: `/${rest}` })
}

const notFound = (): Response => new Response('Repository not found\n', { status: 404 })

/** `wanted` null: nothing that git asks. */
function askedBy(request: Request): { id: string; rest: string; wanted: Level | null } {
  const { pathname, searchParams } = new URL(request.url)
  const [, id = '', rest = ''] = PATH.exec(pathname) ?? []
  const service = rest === 'info/refs' ? searchParams.get('service') : rest
  return { id, rest, wanted: service === 'git-upload-pack' ? 'read' : service === 'git-receive-pack' ? 'write' : null }
}

/** Null: known, and not let in. A stranger to what only some may read has to say who it is, and so has one that would write. */
function levelOf(world: GitWorld, authorization: string | null, { repository, wanted }: { repository: Repository | undefined; wanted: Level }): Level | 'nobody' | null {
  if (authorization === null) return repository?.public === true && wanted === 'read' ? 'read' : 'nobody'
  const password = passwordIn(authorization)
  const key = /^Bearer (\S+)$/.exec(authorization)?.[1] ?? password ?? ''
  if (world.keys.has(key)) world.keyAtGit += 1
  if (password === null) return world.keys.has(key) ? 'write' : 'nobody'
  const holder = world.holderOf(password)
  return holder === null ? 'nobody' : grantOf(holder, repository)
}

function grantOf({ grants }: Holder, repository: Repository | undefined): Level | null {
  if (repository === undefined) return null
  return grants.get(repository.id) ?? (repository.public ? 'read' : null)
}

/** Null: none beside the user that the vendor wants. */
function passwordIn(authorization: string): string | null {
  const [scheme = '', encoded = ''] = authorization.split(' ')
  const [user, password = ''] = Buffer.from(encoded, 'base64').toString().split(/:(.*)/s)
  return scheme === 'Basic' && user === USER ? password : null
}
