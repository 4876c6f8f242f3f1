/** Who may come in: users, what they hold, and what they may do where. Whatever lets somebody in is returned once and kept as a hash. */
import type { OrgId, TokenId, UserId, WorkspaceId } from '@berth/wire'
import type { Role, Scope } from '@berth/wire/access'
import type { Standing } from '../access/may.ts'

export interface Identity {
  readonly tokenId: TokenId
  readonly userId: UserId
  readonly userName: string
  readonly orgId: OrgId
  readonly kind: 'cli' | 'browser' | 'api'
  readonly role: Role
  readonly scope: Scope
}
export interface AccessStore {
  /** The first user and organisation of a fresh installation, made once. */
  bootstrap(now: number): Promise<{ userId: UserId; orgId: OrgId }>
  /** `orgId` absent: of their oldest membership. Throws `not_found` for somebody who is no member. */
  issueToken(token: { userId: UserId; orgId?: OrgId; kind: Identity['kind']; name: string; scope?: Scope; expiresAt: number | null }, now: number): Promise<{ id: TokenId; token: string }>
  authenticate(token: string, now: number): Promise<Identity | null>
  listTokens(userId: UserId): Promise<{ id: TokenId; name: string; kind: string; scope: Scope; createdAt: number; expiresAt: number | null; lastUsedAt: number | null }[]>
  revokeToken(id: TokenId, userId: UserId): Promise<boolean>
  /** A one-time sign-in code; redeemed at most once, by compare-and-set. */
  issueSignInCode(userId: UserId, expiresAt: number, now: number): Promise<string>
  redeemSignInCode(code: string, now: number): Promise<UserId | null>
  /** Of one workspace, or of all that are theirs to ask about. Null: there is no such workspace. */
  standing(userId: UserId, workspaceId: WorkspaceId): Promise<Standing | null>
  standings(userId: UserId, orgId: OrgId): Promise<ReadonlyMap<WorkspaceId, Standing>>
}
