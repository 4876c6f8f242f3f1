/** Who may come in: users, what they hold, and what they may do where. Whatever lets somebody in is returned once and kept as a hash. */
import type { InvitationId, OrgId, TokenId, UserId, WorkspaceId } from '@berth/wire'
import type { Level, Role, Scope } from '@berth/wire/access'
import type { Invitation, Person } from '@berth/wire/people'
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
  /** All of these kinds but `except`. */
  revokeTokens(userId: UserId, of: { kinds: readonly Identity['kind'][]; except: readonly TokenId[] }): Promise<number>
  /** From now on it is of that organisation. False: they are no member there. */
  moveToken(id: TokenId, orgId: OrgId): Promise<boolean>
  /** A one-time sign-in code; redeemed at most once, by compare-and-set. */
  issueSignInCode(userId: UserId, expiresAt: number, now: number): Promise<string>
  redeemSignInCode(code: string, now: number): Promise<UserId | null>
  nameOf(userId: UserId): Promise<string | null>
  /** Of one workspace, or of all that are theirs to ask about. Null: there is no such workspace. */
  standing(userId: UserId, workspaceId: WorkspaceId): Promise<Standing | null>
  standings(userId: UserId, orgId: OrgId): Promise<ReadonlyMap<WorkspaceId, Standing>>
}

export interface Membership { readonly id: OrgId; readonly name: string; readonly role: Role }
export interface Invited { readonly orgId: OrgId; readonly orgName: string; readonly role: Role; readonly by: string; readonly note: string }
export interface PeopleStore {
  user(userId: UserId): Promise<{ name: string; logins: string[] } | null>
  rename(userId: UserId, name: string): Promise<void>
  memberships(userId: UserId): Promise<Membership[]>
  createOrganisation(name: string, ownerId: UserId, now: number): Promise<Membership>
  list(orgId: OrgId): Promise<Person[]>
  /** `last_owner`: nobody would be left who owns it, or the server's own owner would not. */
  setRole(orgId: OrgId, userId: UserId, role: Role): Promise<'done' | 'nobody' | 'last_owner'>
  /** With their tokens and grants in the organisation. */
  remove(orgId: OrgId, userId: UserId): Promise<'done' | 'nobody' | 'last_owner'>

  invite(invitation: { orgId: OrgId; role: Role; note: string; byUserId: UserId; expiresAt: number }, now: number): Promise<Invitation & { token: string }>
  invitations(orgId: OrgId, now: number): Promise<Invitation[]>
  revokeInvitation(orgId: OrgId, id: InvitationId): Promise<boolean>
  invited(token: string, now: number): Promise<Invited | null>
  /** Once: by compare-and-set. `as`: somebody who is there, or somebody new of that name. A member keeps the higher role. */
  join(token: string, as: { userId: UserId } | { name: string }, now: number): Promise<{ userId: UserId; orgId: OrgId; role: Role } | null>

  grants(workspaceId: WorkspaceId): Promise<{ userId: UserId; name: string; role: Role; grant: Level | null; collaborates: boolean }[]>
  grant(grant: { workspaceId: WorkspaceId; userId: UserId; level: Level | null; byUserId: UserId }, now: number): Promise<void>
}

export interface DeviceLoginStore {
  begin(login: { name: string; address: string; userCode: string; expiresAt: number }, now: number): Promise<{ deviceCode: string }>
  byUserCode(userCode: string, now: number): Promise<{ name: string; address: string; createdAt: number; expiresAt: number } | null>
  /** False: there is none, or it was answered. */
  answer(userCode: string, answer: { decision: 'approve' | 'deny'; userId: UserId; orgId: OrgId }, now: number): Promise<boolean>
  /** `approved` is given once. Null: unknown or too old. */
  take(deviceCode: string, now: number): Promise<{ state: 'waiting' } | { state: 'denied' } | { state: 'approved'; userId: UserId; orgId: OrgId; name: string } | null>
}

/** Sign-ins under way, and those that failed. */
export interface SignInStepStore {
  /** The secret that takes it back, once. */
  put(step: { kind: string; data: Record<string, unknown>; expiresAt: number }): Promise<string>
  take(secret: string, kind: string, now: number): Promise<Record<string, unknown> | null>
  /** Failures so far, this one included. */
  failed(key: string, now: number): Promise<number>
  block(key: string, until: number): Promise<void>
  blockedUntil(key: string): Promise<number>
  forget(key: string): Promise<void>
}

/** Who somebody is elsewhere, and what they may there. */
export interface IdentityStore {
  userOf(provider: string, subject: string): Promise<UserId | null>
  /** Another name there is remembered. */
  link(identity: { provider: string; subject: string; userId: UserId; login: string }, now: number): Promise<void>
  /** Somebody new; `orgId`: with that role there. */
  createUser(user: { name: string; orgId: OrgId; role: Role }, now: number): Promise<UserId>
  linked(provider: string): Promise<{ userId: UserId; subject: string; login: string }[]>
  /** Of workspaces that are not deleted, each once. */
  repositories(orgId: OrgId): Promise<string[]>
  setRepositoryAccess(access: { userId: UserId; orgId: OrgId; repository: string; may: 'write' | 'read' | 'none' }, now: number): Promise<void>
}

export interface Passkey { readonly id: string; readonly userId: UserId; readonly publicKey: string; readonly counter: number; readonly transports: readonly string[]; readonly name: string; readonly addedAt: number; readonly lastUsedAt: number | null }
export interface PasskeyStore {
  list(userId: UserId): Promise<Passkey[]>
  get(id: string): Promise<Passkey | null>
  any(): Promise<boolean>
  add(passkey: Omit<Passkey, 'addedAt' | 'lastUsedAt'>, now: number): Promise<void>
  /** The counter as the key told it. */
  used(id: string, counter: number, now: number): Promise<void>
  remove(id: string, userId: UserId): Promise<boolean>
}
