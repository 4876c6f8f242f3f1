/** What is known of the repositories that the server keeps for tasks; their objects are git's. */
import type { OrgId, RepositoryId, UserId, WorkspaceId } from '@berth/wire'
import type { Standing } from '../access/may.ts'

export interface HostedRow {
  readonly id: RepositoryId; readonly orgId: OrgId; readonly ownerId: UserId; readonly name: string; readonly label: string
  readonly createdAt: number; readonly lastUsedAt: number
  /** Said to its owner; null: nobody means to take it away. */
  readonly endsAt: number | null
}
export interface HostedRepositoryStore {
  /** Null for all of the installation. */
  list(orgId: OrgId | null): Promise<HostedRow[]>
  get(id: RepositoryId): Promise<HostedRow | null>
  /** Throws `name_taken`. */
  add(row: Pick<HostedRow, 'orgId' | 'ownerId' | 'name' | 'label'>, now: number): Promise<HostedRow>
  /** By whomever: it is wanted. */
  used(id: RepositoryId, now: number): Promise<void>
  /** False: it was used since `seenAt`. */
  setEnd(id: RepositoryId, endsAt: number | null, seenAt: number): Promise<boolean>
  remove(id: RepositoryId): Promise<boolean>
  /** What somebody is in the organisation that has it, as one asks of a workspace. Null: there is none. */
  standing(userId: UserId, id: RepositoryId): Promise<Standing | null>
}

/** Passwords of git for one repository of the server: a workspace's or a task's. */
export interface RepositoryTokenStore {
  put(token: { hash: string; repository: WorkspaceId | RepositoryId; userId: UserId; access: 'read' | 'write'; expiresAt: number }, now: number): Promise<void>
  find(hash: string, now: number): Promise<{ repository: WorkspaceId | RepositoryId; userId: UserId; access: 'read' | 'write'; expiresAt: number } | null>
  /** How many there were. */
  revoke(repository: WorkspaceId | RepositoryId, now: number): Promise<number>
  /** Whether any still opens it. */
  live(repository: WorkspaceId | RepositoryId, now: number): Promise<boolean>
}
