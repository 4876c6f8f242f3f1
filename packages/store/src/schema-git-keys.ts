/** The tables of keys that the server uses in a person's or a workspace's stead, and of who commits. Part of `schema.ts`. */
import { boolean, index, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { time } from './schema-columns.ts'
import { organisations, users } from './schema-people.ts'

/** Keys that open one repository of a git host by ssh. */
export const deployKeys = pgTable('deploy_keys', {
  id: text('id').primaryKey(),
  orgId: text('org_id').notNull().references(() => organisations.id),
  /** As the gateway knows the repository: `https://host` and `owner/name`. */
  origin: text('origin').notNull(),
  path: text('path').notNull(),
  /** As ssh reaches it. */
  sshUrl: text('ssh_url').notNull(),
  publicKey: text('public_key').notNull(),
  /** Of the host, as they were when the key was made: lines of a known_hosts file. */
  hostKeys: text('host_keys').notNull(),
  /** As a workspace's secrets are, with the id and the repository as associated data. */
  sealed: text('sealed').notNull(),
  addedAt: time('added_at').notNull(),
  lastUsedAt: time('last_used_at'),
}, (table) => [uniqueIndex('deploy_keys_repository').on(table.orgId, table.origin, table.path)])

/** Who a person's commits are by, where they said so. */
export const commitIdentities = pgTable('commit_identities', {
  userId: text('user_id').primaryKey().references(() => users.id),
  name: text('name').notNull(),
  email: text('email').notNull(),
  /** Said by the person, rather than found out. */
  own: boolean('own').notNull(),
  coAuthor: boolean('co_author').notNull(),
  updatedAt: time('updated_at').notNull(),
})

/** What a person's commits are signed with. */
export const signingKeys = pgTable('signing_keys', {
  userId: text('user_id').primaryKey().references(() => users.id),
  publicKey: text('public_key').notNull(),
  /** As a workspace's secrets are, with the person and the public half as associated data. */
  sealed: text('sealed').notNull(),
  addedAt: time('added_at').notNull(),
  lastUsedAt: time('last_used_at'),
})

/** Passwords of git for one repository of the server, by their hash: a workspace's or a task's, by its id. */
export const repositoryTokens = pgTable('repository_tokens', {
  hash: text('hash').primaryKey(),
  workspaceId: text('workspace_id').notNull(),
  userId: text('user_id').notNull().references(() => users.id),
  access: text('access').notNull(),
  expiresAt: time('expires_at').notNull(),
}, (table) => [index('repository_tokens_workspace').on(table.workspaceId)])
