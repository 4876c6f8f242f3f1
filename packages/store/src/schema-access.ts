/** The tables of who may come in and what they may do. Part of `schema.ts`. Whatever lets somebody in is kept as a hash. */
import { index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { count, time } from './schema-columns.ts'
import { organisations, users } from './schema-people.ts'

/** Who somebody is elsewhere: `github https://github.com` and the number there. */
export const userIdentities = pgTable('user_identities', {
  provider: text('provider').notNull(),
  subject: text('subject').notNull(),
  userId: text('user_id').notNull().references(() => users.id),
  /** The name there, as it was last seen. */
  login: text('login').notNull(),
  addedAt: time('added_at').notNull(),
}, (table) => [primaryKey({ columns: [table.provider, table.subject] }), index('user_identities_user').on(table.userId)])

export const passkeys = pgTable('passkeys', {
  id: text('id').primaryKey(),
  userId: text('user_id').notNull().references(() => users.id),
  /** Public: whoever reads it cannot sign in with it. */
  publicKey: text('public_key').notNull(),
  counter: count('counter').notNull(),
  transports: jsonb('transports').notNull(),
  name: text('name').notNull(),
  addedAt: time('added_at').notNull(),
  lastUsedAt: time('last_used_at'),
}, (table) => [index('passkeys_user').on(table.userId)])

export const invitations = pgTable('invitations', {
  id: text('id').primaryKey(),
  hash: text('hash').notNull(),
  orgId: text('org_id').notNull().references(() => organisations.id),
  role: text('role').notNull(),
  /** For whom, in the words of who invites. */
  note: text('note').notNull(),
  byUserId: text('by_user_id').notNull().references(() => users.id),
  createdAt: time('created_at').notNull(),
  expiresAt: time('expires_at').notNull(),
  usedAt: time('used_at'),
  usedBy: text('used_by').references(() => users.id),
}, (table) => [uniqueIndex('invitations_hash').on(table.hash), index('invitations_org').on(table.orgId, table.createdAt)])

/** What the owner of a workspace gave to somebody who would see less of it. The workspace's rows go with it. */
export const workspaceGrants = pgTable('workspace_grants', {
  workspaceId: text('workspace_id').notNull(),
  userId: text('user_id').notNull().references(() => users.id),
  level: text('level').notNull(),
  byUserId: text('by_user_id').notNull().references(() => users.id),
  createdAt: time('created_at').notNull(),
}, (table) => [primaryKey({ columns: [table.workspaceId, table.userId] }), index('workspace_grants_user').on(table.userId)])

/** What a repository's host says of a person, and when it was asked. */
export const repositoryAccess = pgTable('repository_access', {
  userId: text('user_id').notNull().references(() => users.id),
  orgId: text('org_id').notNull().references(() => organisations.id),
  /** Its address, letter by letter as workspaces name it. */
  repository: text('repository').notNull(),
  may: text('may').notNull(),
  checkedAt: time('checked_at').notNull(),
}, (table) => [primaryKey({ columns: [table.orgId, table.userId, table.repository] }), index('repository_access_checked').on(table.checkedAt)])

/** A program without a browser waits for a person who has one. */
export const deviceLogins = pgTable('device_logins', {
  hash: text('hash').primaryKey(),
  userCodeHash: text('user_code_hash').notNull(),
  name: text('name').notNull(),
  address: text('address').notNull(),
  createdAt: time('created_at').notNull(),
  expiresAt: time('expires_at').notNull(),
  /** Null: nobody has answered. */
  decision: text('decision'),
  userId: text('user_id').references(() => users.id),
  orgId: text('org_id').references(() => organisations.id),
}, (table) => [uniqueIndex('device_logins_user_code').on(table.userCodeHash)])

/** The first half of a sign-in that has two: a challenge, a state. Taken once. */
export const signInSteps = pgTable('sign_in_steps', {
  hash: text('hash').primaryKey(),
  kind: text('kind').notNull(),
  /** Nothing that lets anybody in by itself. */
  data: jsonb('data').notNull(),
  expiresAt: time('expires_at').notNull(),
}, (table) => [index('sign_in_steps_expires').on(table.expiresAt)])

/** Attempts that failed, by what they have in common: an address, or what was tried. */
export const signInFailures = pgTable('sign_in_failures', {
  key: text('key').primaryKey(),
  failures: integer('failures').notNull(),
  lastAt: time('last_at').notNull(),
  blockedUntil: time('blocked_until').notNull(),
})
