/** What a caller may see and do of a repository, by the rules of the REST API: what may not be seen is not there. */
import { reaches, Refusal } from './model.ts'
import type { Account, Caller, Level, Repository, Role } from './model.ts'
import type { World } from './world.ts'

export function roleOf(repository: Repository, { login }: Account): Role | null {
  return repository.owner.login === login ? 'admin' : (repository.collaborators.get(login) ?? null)
}

/** 404 for what the caller does not know of, 403 for what its token may not. */
export function requireRepository(world: World, caller: Caller, fullName: string, wanted: { permission: string; level: Level } | null): Repository {
  const repository = world.repository(fullName)
  if (repository === null || !sees(world, caller, repository)) throw new Refusal(404, 'Not Found')
  if (wanted === null) return repository
  if (caller.kind === 'installation' && !reaches(caller.permissions[wanted.permission], wanted.level)) throw new Refusal(403, 'Resource not accessible by integration')
  if (caller.kind === 'nobody' && wanted.level !== 'read') throw new Refusal(401, 'Requires authentication')
  return repository
}

export function sees(world: World, caller: Caller, repository: Repository): boolean {
  if (!repository.private) return true
  if (caller.kind === 'user') return roleOf(repository, caller.user) !== null
  return caller.kind === 'installation' && world.covers(caller.installation, repository) && (caller.repositories === null || caller.repositories.has(repository.id))
}
