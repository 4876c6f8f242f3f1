/** Smart HTTP of the repositories: git's own backend behind the rights of the token that came as a password. */
import { gitBackend } from '@berth/sim-vendor'
import { branchesOf, MAY_WRITE_WORKFLOWS } from './bare-repository.ts'
import { tokenOf } from './identity.ts'
import { reaches, Refusal } from './model.ts'
import type { Caller, Level, Repository } from './model.ts'
import { roleOf } from './rights.ts'
import type { World } from './world.ts'

const PATH = /^\/([A-Za-z0-9-]+)\/([A-Za-z0-9._-]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/

function partsOf(pathname: string): { fullName: string; rest: string } {
  const [, owner = '', name = '', rest = ''] = PATH.exec(pathname) ?? []
  return { fullName: `${owner}/${name}`, rest }
}

export function isGitPath(pathname: string): boolean { return PATH.test(pathname) }

/** `moved`: a push put a branch elsewhere. */
export type Moved = (fullName: string, branch: string, before: string | null) => void

export async function serveGit(world: World, request: Request, moved: Moved): Promise<Response> {
  const url = new URL(request.url)
  const { fullName, rest } = partsOf(url.pathname)
  const service = rest === 'info/refs' ? url.searchParams.get('service') : rest
  if (service !== 'git-upload-pack' && service !== 'git-receive-pack') return new Response('only smart HTTP', { status: 403 })
  const caller = basic(world, request.headers.get('authorization'))
  if (caller === null) return challenge('Invalid username or token. Password authentication is not supported for Git operations.')
  const repository = world.repository(fullName)
  const may = (level: Level): boolean => repository !== null && mayContents(world, caller, repository, level)
  const allowed = may('read') && (service === 'git-upload-pack' || may('write'))
  if (!allowed && caller.kind === 'nobody') return challenge('Authentication failed')
  if (repository === null || !may('read')) return new Response('Repository not found.\n', { status: 404 })
  if (!allowed) return new Response(`Permission to ${fullName}.git denied.\n`, { status: 403 })
  return rest === 'git-receive-pack' ? pushed(request, { repository, rest, workflows: mayWorkflows(caller) }, (branch, before) => moved(fullName, branch, before)) : backend(request, { repository, rest, workflows: mayWorkflows(caller) })
}

async function pushed(request: Request, to: { repository: Repository; rest: string; workflows: boolean }, tell: (branch: string, before: string | null) => void): Promise<Response> {
  const before = await branchesOf(to.repository.dir)
  const answer = await backend(request, to)
  tellMoves(before, await branchesOf(to.repository.dir), tell)
  return answer
}

function tellMoves(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>, tell: (branch: string, from: string | null) => void): void {
  for (const branch of new Set([...before.keys(), ...after.keys()])) if (before.get(branch) !== after.get(branch)) tell(branch, before.get(branch) ?? null)
}

const mayWorkflows = (caller: Caller): boolean => caller.kind !== 'installation' || reaches(caller.permissions['workflows'], 'write')

/** Null: what came as a password is none. */
function basic(world: World, authorization: string | null): Caller | null {
  if (authorization === null) return { kind: 'nobody' }
  const [scheme = '', encoded = ''] = authorization.split(' ')
  const [user = '', password = ''] = Buffer.from(encoded, 'base64').toString().split(/:(.*)/s)
  try {
    const caller = tokenOf(world, password)
    return scheme.toLowerCase() !== 'basic' || (caller.kind === 'installation' && user !== 'x-access-token') ? null : caller
  } catch (error) {
    if (error instanceof Refusal) return null
    throw error
  }
}

function mayContents(world: World, caller: Caller, repository: Repository, level: Level): boolean {
  if (level === 'read' && !repository.private) return true
  if (caller.kind === 'user') {
    const role = roleOf(repository, caller.user)
    return role !== null && (level === 'read' || role === 'write' || role === 'maintain' || role === 'admin')
  }
  if (caller.kind !== 'installation' || caller.installation.suspendedAt !== null) return false
  return world.covers(caller.installation, repository) && (caller.repositories === null || caller.repositories.has(repository.id)) && reaches(caller.permissions['contents'], level)
}

const backend = (request: Request, { repository, rest, workflows }: { repository: Repository; rest: string; workflows: boolean }): Promise<Response> => gitBackend(request, { root: repository.dir, path: `/${rest}`, env: { [MAY_WRITE_WORKFLOWS]: workflows ? '1' : '0' } })

const challenge = (text: string): Response => new Response(`${text}\n`, { status: 401, headers: { 'www-authenticate': 'Basic realm="GitHub"' } })
