/** People, what they were given, and what lets them in. Whatever lets somebody in is shown once and never again. */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { Level, Role, Scope } from './access.ts'
import { InvitationId, OrgId, TokenId, UserId, WorkspaceId } from './ids.ts'

const DAY_MS = 24 * 3600_000
export const INVITATION_LIMIT_MS = 30 * DAY_MS
export const TOKEN_LIMIT_MS = 366 * DAY_MS

/** Who invites cannot make guests: those come by their repositories. */
export const InvitedRole = Role.exclude(['guest'])
const Name = z.string().trim().min(1).max(80)

export const Organisation = z.object({ id: OrgId, name: z.string(), role: Role })
export const Me = z.object({
  userId: UserId, name: z.string(), role: Role, scope: Scope, kind: z.string(), tokenId: TokenId,
  organisation: Organisation,
  /** All that they are a member of. */
  organisations: z.array(Organisation),
  /** Who they are elsewhere. */
  logins: z.array(z.string()),
})
export type Me = z.infer<typeof Me>
export const Person = z.object({
  userId: UserId, name: z.string(), role: Role, since: z.number(),
  /** Their last request; null: none. */
  lastSeenAt: z.number().nullable(),
  logins: z.array(z.string()),
  /** Who the server belongs to: neither removed nor lowered. */
  keeps: z.boolean(),
})
export type Person = z.infer<typeof Person>
export const Invitation = z.object({ id: InvitationId, role: Role, note: z.string(), by: z.string(), createdAt: z.number(), expiresAt: z.number() })
export type Invitation = z.infer<typeof Invitation>
export const Token = z.object({
  id: TokenId, name: z.string(), kind: z.string(), scope: Scope, createdAt: z.number(), expiresAt: z.number().nullable(), lastUsedAt: z.number().nullable(),
  /** It is what this very question came with. */
  current: z.boolean(),
})
export type Token = z.infer<typeof Token>
/** Who sees a workspace, and how much of it. `given`: by its owner, beside what their role gives. */
export const WorkspacePerson = z.object({ userId: UserId, name: z.string(), role: Role, level: Level, given: Level.nullable() })
export type WorkspacePerson = z.infer<typeof WorkspacePerson>

/** Read out by a person, so short and without letters that are mistaken for others. */
export const UserCode = z.string().trim().toUpperCase().transform((text) => text.replaceAll(/[^A-Z0-9]/g, '')).pipe(z.string().regex(/^[BCDFGHJKLMNPQRSTVWXZ23456789]{8}$/, 'eight letters and digits, as the program shows them'))

export const PasskeyShown = z.object({ id: z.string(), name: z.string(), addedAt: z.number(), lastUsedAt: z.number().nullable() })
export type PasskeyShown = z.infer<typeof PasskeyShown>

const tag = { tags: ['access'] }
const ByUser = z.object({ userId: UserId })
/** Spread into `api`. */
export const peopleApi = {
  me: oc.route({ method: 'GET', path: '/me', summary: 'Who is asking', ...tag }).output(Me),
  changeMe: oc.route({ method: 'PATCH', path: '/me', summary: 'Change what you are called', ...tag }).input(z.object({ name: Name })).output(Me),
  chooseOrganisation: oc.route({ method: 'POST', path: '/me/organisation', summary: 'Look at another organisation with this session', ...tag }).input(z.object({ orgId: OrgId })).output(Me),
  createOrganisation: oc.route({ method: 'POST', path: '/organisations', summary: 'Make an organisation, with you as its owner', ...tag }).input(z.object({ name: Name })).output(Organisation),

  listPeople: oc.route({ method: 'GET', path: '/people', summary: 'People of the organisation', ...tag }).output(z.array(Person)),
  setRole: oc.route({ method: 'PUT', path: '/people/{userId}', summary: 'Change somebody\'s role', ...tag }).input(ByUser.extend({ role: Role })).output(z.array(Person)),
  removePerson: oc.route({ method: 'DELETE', path: '/people/{userId}', summary: 'Take somebody out of the organisation', ...tag }).input(ByUser).output(z.object({ removed: z.boolean() })),
  listInvitations: oc.route({ method: 'GET', path: '/invitations', summary: 'Invitations that nobody has used', ...tag }).output(z.array(Invitation)),
  invite: oc.route({ method: 'POST', path: '/invitations', summary: 'Make a link that lets one person in', ...tag })
    .input(z.object({ role: InvitedRole, note: z.string().max(200).default(''), expiresInMs: z.number().int().min(60_000).max(INVITATION_LIMIT_MS).default(7 * DAY_MS) })).output(Invitation.extend({ url: z.string() })),
  revokeInvitation: oc.route({ method: 'DELETE', path: '/invitations/{invitationId}', summary: 'Take an invitation back', ...tag }).input(z.object({ invitationId: InvitationId })).output(z.object({ revoked: z.boolean() })),

  listWorkspacePeople: oc.route({ method: 'GET', path: '/workspaces/{id}/people', summary: 'Who sees a workspace', ...tag }).input(z.object({ id: WorkspaceId })).output(z.array(WorkspacePerson)),
  /** `level` null: what their role gives and no more. */
  grantWorkspace: oc.route({ method: 'PUT', path: '/workspaces/{id}/people/{userId}', summary: 'Give somebody more of a workspace', ...tag })
    .input(ByUser.extend({ id: WorkspaceId, level: Level.exclude(['own']).nullable() })).output(z.array(WorkspacePerson)),

  listTokens: oc.route({ method: 'GET', path: '/tokens', summary: 'Your sessions and tokens', ...tag }).output(z.array(Token)),
  createToken: oc.route({ method: 'POST', path: '/tokens', summary: 'Make an API token', ...tag })
    .input(z.object({ name: Name, scope: Scope.default('read'), expiresInMs: z.number().int().min(60_000).max(TOKEN_LIMIT_MS).default(30 * DAY_MS) })).output(z.object({ id: TokenId, token: z.string(), expiresAt: z.number() })),
  revokeToken: oc.route({ method: 'DELETE', path: '/tokens/{id}', summary: 'Revoke a token', ...tag }).input(z.object({ id: TokenId })).output(z.object({ revoked: z.boolean() })),
  signOut: oc.route({ method: 'POST', path: '/sign-out', summary: 'End the session that asks', ...tag }).input(z.object({})).output(z.object({ revoked: z.number().int() })),
  /** Sessions of browsers and command lines; API tokens too when `tokens`. The command line of the server's own home stays. */
  signOutEverywhere: oc.route({ method: 'POST', path: '/sign-out-everywhere', summary: 'End all other sessions', ...tag }).input(z.object({ tokens: z.boolean().default(false) })).output(z.object({ revoked: z.number().int() })),

  listPasskeys: oc.route({ method: 'GET', path: '/passkeys', summary: 'Your passkeys', ...tag }).output(z.array(PasskeyShown)),
  /** `options`: for the browser's `navigator.credentials.create`. */
  beginPasskey: oc.route({ method: 'POST', path: '/passkeys/begin', summary: 'Begin to add a passkey', ...tag }).input(z.object({})).output(z.object({ step: z.string(), options: z.unknown() })),
  addPasskey: oc.route({ method: 'POST', path: '/passkeys', summary: 'Add the passkey that was begun', ...tag }).input(z.object({ step: z.string().max(200), name: Name, response: z.unknown() })).output(z.object({ id: z.string() })),
  removePasskey: oc.route({ method: 'POST', path: '/passkeys/remove', summary: 'Forget a passkey', ...tag }).input(z.object({ id: z.string().max(1400) })).output(z.object({ removed: z.boolean() })),

  /** Needs no credential. */
  beginDeviceLogin: oc.route({ method: 'POST', path: '/device-logins', summary: 'A program asks to be let in', ...tag }).input(z.object({ name: Name }))
    .output(z.object({ deviceCode: z.string(), userCode: z.string(), verifyUrl: z.string(), expiresAt: z.number(), intervalMs: z.number().int() })),
  /** Needs no credential but the code. The token is given once. */
  pollDeviceLogin: oc.route({ method: 'POST', path: '/device-logins/token', summary: 'Whether the program was let in', ...tag }).input(z.object({ deviceCode: z.string().max(200) }))
    .output(z.object({ state: z.enum(['waiting', 'denied', 'done']), token: z.string().nullable(), name: z.string().nullable() })),
  getDeviceLogin: oc.route({ method: 'GET', path: '/device-logins/{userCode}', summary: 'Which program asks with that code', ...tag }).input(z.object({ userCode: UserCode }))
    .output(z.object({ name: z.string(), address: z.string(), createdAt: z.number(), expiresAt: z.number() })),
  answerDeviceLogin: oc.route({ method: 'POST', path: '/device-logins/{userCode}', summary: 'Let it in as you, or do not', ...tag }).input(z.object({ userCode: UserCode, decision: z.enum(['approve', 'deny']) })).output(z.object({ answered: z.boolean() })),
}
