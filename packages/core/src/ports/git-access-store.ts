/** What the git gateway needs kept: credentials, sealed, and the record of their use. */
import type { DeployKeyId, GitHostId, OrgId, UserId, WorkspaceId } from '@berth/wire'
import type { AuditRecord, DeployKey, GitHost, GitHostKind } from '@berth/wire/git-access'
import type { GitPolicy } from '@berth/wire/git-policy'

export interface GitHostStore {
  list(orgId: OrgId): Promise<GitHost[]>
  /** One for each origin: what is there is replaced. */
  put(host: { orgId: OrgId; origin: string; username: string; token: string; kind?: GitHostKind }, now: number): Promise<GitHost>
  remove(orgId: OrgId, id: GitHostId): Promise<GitHost | null>
  /** A secret: only for a request to that very origin, or to the API that its kind has beside it. */
  credential(orgId: OrgId, origin: string): Promise<{ id: GitHostId; username: string; kind: GitHostKind; token: string } | null>
  used(id: GitHostId, now: number): Promise<void>
}

export type KeptDeployKey = Omit<DeployKey, 'hostFingerprints'> & { /** Lines of a known_hosts file. */ readonly hostKeys: string }
export interface DeployKeyStore {
  list(orgId: OrgId): Promise<KeptDeployKey[]>
  /** One for each repository: what is there is replaced. `seed`: a secret. */
  put(key: Pick<KeptDeployKey, 'origin' | 'path' | 'sshUrl' | 'publicKey' | 'hostKeys'> & { orgId: OrgId; seed: string }, now: number): Promise<KeptDeployKey>
  remove(orgId: OrgId, id: DeployKeyId): Promise<KeptDeployKey | null>
  /** `seed`: a secret. */
  of(orgId: OrgId, repository: { origin: string; path: string }): Promise<(KeptDeployKey & { seed: string }) | null>
  used(id: DeployKeyId, now: number): Promise<void>
}

export interface CommitIdentityRow { readonly name: string; readonly email: string; /** Said by the person. */ readonly own: boolean; readonly coAuthor: boolean }
/** Who a person's commits are by, and what signs them. */
export interface CommitIdentityStore {
  get(userId: UserId): Promise<CommitIdentityRow | null>
  put(userId: UserId, identity: CommitIdentityRow, now: number): Promise<void>
  signingKey(userId: UserId): Promise<{ publicKey: string; addedAt: number; lastUsedAt: number | null } | null>
  /** `seed`: a secret. */
  putSigningKey(userId: UserId, key: { publicKey: string; seed: string }, now: number): Promise<void>
  removeSigningKey(userId: UserId): Promise<boolean>
  /** For one signature. A secret. */
  useSigningKey(userId: UserId, now: number): Promise<{ publicKey: string; seed: string } | null>
}

export interface GitPolicyStore {
  /** The default where nobody changed it. Throws on one that cannot be read. */
  get(workspaceId: WorkspaceId): Promise<GitPolicy>
  put(workspaceId: WorkspaceId, policy: GitPolicy, now: number): Promise<void>
}

export type NewAuditRecord = Omit<AuditRecord, 'n' | 'at' | 'hash'>
/** The newest record that was seen; `digest`: of what it says, whatever key its chain has. */
export interface AuditHead { readonly n: number; readonly digest: string }
/** Written and never changed: each record holds the hash of the one before, so that what was changed or taken out is noticed. */
export interface AuditStore {
  write(orgId: OrgId, record: NewAuditRecord, now: number): Promise<AuditRecord>
  /** Newest first, `n < before`. */
  list(orgId: OrgId, options: { workspaceId?: WorkspaceId; before?: number; limit: number; /** Or what it begins with. */ action?: string; by?: string; refused?: boolean; since?: number }): Promise<AuditRecord[]>
  /** The first record that is not what was written, or that is not there any more although it was `seen`; null: all are. */
  firstBroken(orgId: OrgId, seen?: AuditHead): Promise<number | null>
}
