/** What the git gateway needs kept: credentials, sealed, and the record of their use. */
import type { GitHostId, OrgId, WorkspaceId } from '@berth/wire'
import type { AuditRecord, GitHost } from '@berth/wire/git-access'
import type { GitPolicy } from '@berth/wire/git-policy'

export interface GitHostStore {
  list(orgId: OrgId): Promise<GitHost[]>
  /** One for each origin: what is there is replaced. */
  put(host: { orgId: OrgId; origin: string; username: string; token: string }, now: number): Promise<GitHost>
  remove(orgId: OrgId, id: GitHostId): Promise<GitHost | null>
  /** A secret: only for a request to that very origin. */
  credential(orgId: OrgId, origin: string): Promise<{ id: GitHostId; username: string; token: string } | null>
  used(id: GitHostId, now: number): Promise<void>
}

export interface GitPolicyStore {
  /** The default where nobody changed it. Throws on one that cannot be read. */
  get(workspaceId: WorkspaceId): Promise<GitPolicy>
  put(workspaceId: WorkspaceId, policy: GitPolicy, now: number): Promise<void>
}

export type NewAuditRecord = Omit<AuditRecord, 'n' | 'at' | 'hash'>
/** Written and never changed: each record holds the hash of the one before, so that what was changed or taken out is noticed. */
export interface AuditStore {
  write(orgId: OrgId, record: NewAuditRecord, now: number): Promise<AuditRecord>
  /** Newest first, `n < before`. */
  list(orgId: OrgId, options: { workspaceId?: WorkspaceId; before?: number; limit: number; /** Or what it begins with. */ action?: string; by?: string; refused?: boolean; since?: number }): Promise<AuditRecord[]>
  /** The first record that is not what was written; null: all are. */
  firstBroken(orgId: OrgId): Promise<number | null>
}
