/** What GitHub says of people: who they are, and which repositories of the organisation's workspaces they may write to. */
import { repositoryAddress } from '@berth/core'
import type { Clock, Store } from '@berth/core'
import type { OrgId, UserId, WorkspaceId } from '@berth/wire'
import { z } from 'zod'
import type { GitHub } from '../github/index.ts'
import { messageOf } from '../thrown.ts'

export interface GitHubPeopleDeps {
  readonly store: Pick<Store, 'identities' | 'github'>
  readonly github: Pick<GitHub, 'api' | 'tokens'>
  readonly clock: Clock
  readonly log: (line: string) => void
  /** One look at one person's right to one repository after the other. Absent: as they come. */
  readonly alone?: <T>(key: string, work: () => Promise<T>) => Promise<T>
}
export interface GitHubPerson { readonly origin: string; readonly login: string }

export const providerOf = (origin: string): string => `github ${origin}`
const Permission = z.object({ permission: z.string() })
/** For a lease that no workspace asked for. */
const NO_WORKSPACE = 'sign-in' as WorkspaceId
const WRITES = new Set(['admin', 'maintain', 'write'])

/** Asked with the app's own right to that one repository, so no token of the person is kept. `unknown`: it could not be asked. */
async function mayWrite({ github, log }: Pick<GitHubPeopleDeps, 'github' | 'log'>, person: GitHubPerson, at: { orgId: OrgId; repository: string }): Promise<'write' | 'read' | 'none' | 'unknown'> {
  const address = repositoryAddress(at.repository)
  if (address === null || address.origin !== person.origin || address.path.split('/').length !== 2) return 'none'
  try {
    const leased = await github.tokens.lease({ orgId: at.orgId, workspaceId: NO_WORKSPACE, origin: address.origin, path: address.path, rights: { metadata: 'read' } })
    if (leased === null || 'missing' in leased) return 'none'
    try {
      const said = await github.api.ask({ origin: address.origin, path: `/repos/${address.path}/collaborators/${encodeURIComponent(person.login)}/permission`, credential: leased.lease.token, answer: Permission })
      if (!said.ok) return said.status === 404 || said.status === 403 ? 'none' : 'unknown'
      return WRITES.has(said.value.permission) ? 'write' : 'read'
    } finally {
      leased.lease.release()
    }
  } catch (error) {
    log(`sign-in: ${address.origin} was not asked about ${person.login}: ${messageOf(error)}`)
    return 'unknown'
  }
}

/** Every repository of the organisation's workspaces. What could not be asked stays as it was known. True: one of them may be written. */
export async function lookAtRepositories(deps: GitHubPeopleDeps, person: GitHubPerson, { orgId, userId }: { orgId: OrgId; userId: UserId }): Promise<boolean> {
  let any = false
  for (const repository of await deps.store.identities.repositories(orgId)) any = (await lookAtOne(deps, person, { orgId, userId, repository })) || any
  return any
}

async function lookAtOne(deps: GitHubPeopleDeps, person: GitHubPerson, at: { orgId: OrgId; userId: UserId; repository: string }): Promise<boolean> {
  const { alone = (_key, work) => work() } = deps
  return alone(`${at.userId} ${at.repository}`, async () => {
    const may = await mayWrite(deps, person, at)
    if (may !== 'unknown') await deps.store.identities.setRepositoryAccess({ ...at, may }, deps.clock.now())
    return may === 'write'
  })
}

/** At one GitHub, what a hint is about; null: all of them. It does not tell upper from lower case. */
export async function lookAgainAt(deps: GitHubPeopleDeps, { orgId, origin }: { orgId: OrgId; origin: string }, about: { repository: string | null; login: string | null }, signal: AbortSignal): Promise<void> {
  const repositories = (await deps.store.identities.repositories(orgId)).filter((each) => {
    const address = repositoryAddress(each)
    return address?.origin === origin && (about.repository === null || address.path.toLowerCase() === about.repository.toLowerCase())
  })
  for (const { userId, login } of await deps.store.identities.linked(providerOf(origin))) {
    if (about.login !== null && login.toLowerCase() !== about.login.toLowerCase()) continue
    for (const repository of repositories) {
      if (signal.aborted) return
      await lookAtOne(deps, { origin, login }, { orgId, userId, repository })
    }
  }
}

/** Before there is a user: may they come in at all? */
export async function collaborates(deps: GitHubPeopleDeps, person: GitHubPerson, orgId: OrgId): Promise<boolean> {
  for (const repository of await deps.store.identities.repositories(orgId)) if ((await mayWrite(deps, person, { orgId, repository })) === 'write') return true
  return false
}

/** All who came by GitHub, again. What was taken away there is gone here with the next look of each connection. */
export async function lookAgain(deps: GitHubPeopleDeps, orgId: OrgId, signal: AbortSignal): Promise<void> {
  for (const { origin } of await deps.store.github.list(orgId)) {
    for (const { userId, login } of await deps.store.identities.linked(providerOf(origin))) {
      if (signal.aborted) return
      await lookAtRepositories(deps, { origin, login }, { orgId, userId })
    }
  }
}
