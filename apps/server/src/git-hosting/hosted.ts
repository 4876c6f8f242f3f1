/**
 * The repositories that this server keeps, as one part: where they are reached, how much they may hold, and what opens
 * one. A workspace reaches a task's by the git gateway, as it reaches any host's, with a password for one operation.
 */
import { levelIn, reaches } from '@berth/core'
import type { Clock, RepositoryAddress, Store, WorkspaceRow } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { GitSetting } from './config-environment.ts'
import { credentialSetting } from './config-environment.ts'
import { hostedAddresses } from './hosted-addresses.ts'
import type { HostedAddresses } from './hosted-addresses.ts'
import { createQuota } from './quota.ts'
import type { Quota } from './quota.ts'
import type { Repositories } from './repositories.ts'
import { createPassingTokens } from './repository-tokens.ts'
import type { PassingTokens } from './repository-tokens.ts'

export interface HostedDeps {
  readonly store: Pick<Store, 'hostedRepositories' | 'listWorkspaces' | 'getWorkspace'>
  readonly repositories: Repositories
  readonly clock: Clock
  readonly personBytes: number
  /** A host name of its own. */
  readonly gitUrl: string | null
}
export interface OwnAccess { readonly username: string; readonly token: string; readonly expiresAt: number; release(): void }
export interface Hosted {
  readonly quota: Quota
  readonly passing: PassingTokens
  /** Known when the server listens. */
  readonly addresses: Promise<HostedAddresses>
  /** Called once. */
  found(at: { pageUrl: string; localUrl: string }): void
  /** For one operation of a workspace. Null: the address is none of a task's repository here. Throws where the workspace may not. */
  accessFor(workspace: Pick<WorkspaceRow, 'orgId' | 'name' | 'creatorId'>, address: RepositoryAddress, wants: 'read' | 'write'): Promise<OwnAccess | null>
  /** With which the server's own git reads it. Null: as above. */
  readingFor(workspace: Pick<WorkspaceRow, 'orgId'>, address: RepositoryAddress, url: string): Promise<{ config: readonly GitSetting[]; release(): void } | null>
}
/** What other parts need of it. */
export type HostedReach = Pick<Hosted, 'addresses' | 'accessFor' | 'readingFor'>

export function createHosted({ store, repositories, clock, personBytes, gitUrl }: HostedDeps): Hosted {
  const passing = createPassingTokens(clock)
  const { promise: addresses, resolve } = Promise.withResolvers<HostedAddresses>()
  const rowAt = async (orgId: WorkspaceRow['orgId'], address: RepositoryAddress) => {
    const id = (await addresses).idAt(address)
    if (id === null) return null
    const row = await store.hostedRepositories.get(id)
    // That it is there is not another organisation's to know.
    if (row === null || row.orgId !== orgId) throw new BerthError('not_found', `there is no repository at ${address.origin}/${address.path}`, { hint: 'it may have been taken away: `berth repos` lists those that are there' })
    return row
  }
  return {
    quota: createQuota({ store, repositories, personBytes }), passing, addresses,
    found: (at) => resolve(hostedAddresses({ gitUrl, ...at })),
    async accessFor({ orgId, name, creatorId }, address, wants) {
      const row = await rowAt(orgId, address)
      if (row === null) return null
      const standing = await store.hostedRepositories.standing(creatorId, row.id)
      const level = standing === null ? null : levelIn(creatorId, standing)
      if (level === null) throw new BerthError('not_found', `there is no repository at ${address.origin}/${address.path}`)
      const access = wants === 'write' && reaches(level, 'act') ? 'write' : 'read'
      await store.hostedRepositories.used(row.id, clock.now())
      return { username: 'berth', ...passing.mint({ repository: row.id, access, name }) }
    },
    async readingFor({ orgId }, address, url) {
      const row = await rowAt(orgId, address)
      if (row === null) return null
      const here = (await addresses).locally(address)
      const { token, release } = passing.mint({ repository: row.id, access: 'read', name: 'the server' })
      return { config: [[`url.${here.origin}/${here.path}.git.insteadOf`, url], [`http.${here.origin}/.proxy`, ''], credentialSetting(here, { username: 'berth', token })], release }
    },
  }
}
