/** The tables of what reaches git hosts, and the record of its use. Part of `schema.ts`. */
import { boolean, index, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { count, time } from './schema-columns.ts'
import { organisations } from './schema-people.ts'

/** Credentials of git hosts. */
export const gitHosts = pgTable('git_hosts', {
  id: text('id').primaryKey(),
  orgId: text('org_id').notNull().references(() => organisations.id),
  origin: text('origin').notNull(),
  username: text('username').notNull(),
  /** What speaks there: it says how a token is given. */
  kind: text('kind').notNull().default('generic'),
  /** As a workspace's secrets are, with the id and the origin as associated data. */
  sealed: text('sealed').notNull(),
  addedAt: time('added_at').notNull(),
  lastUsedAt: time('last_used_at'),
}, (table) => [uniqueIndex('git_hosts_origin').on(table.orgId, table.origin)])

/** What a workspace may do at git hosts, where it is not the default. No reference to the workspace: it is asked for with one. */
export const gitPolicies = pgTable('git_policies', {
  workspaceId: text('workspace_id').primaryKey(),
  policy: jsonb('policy').notNull(),
  updatedAt: time('updated_at').notNull(),
})

/** What was done with credentials, in order. Outlives the workspaces it speaks of. */
export const audit = pgTable('audit', {
  orgId: text('org_id').notNull().references(() => organisations.id),
  n: count('n').notNull(),
  at: time('at').notNull(),
  action: text('action').notNull(),
  workspaceId: text('workspace_id'),
  actor: text('actor').notNull(),
  subject: text('subject').notNull(),
  allowed: boolean('allowed').notNull(),
  reason: text('reason'),
  refs: jsonb('refs').notNull(),
  tokenExpiresAt: time('token_expires_at'),
  hash: text('hash').notNull(),
}, (table) => [primaryKey({ columns: [table.orgId, table.n] }), index('audit_workspace').on(table.workspaceId)])

/** Apps of GitHub that workspaces reach it by. */
export const githubApps = pgTable('github_apps', {
  orgId: text('org_id').notNull().references(() => organisations.id),
  origin: text('origin').notNull(),
  appId: count('app_id').notNull(),
  slug: text('slug').notNull(),
  name: text('name').notNull(),
  htmlUrl: text('html_url').notNull(),
  /** As a workspace's secrets are, with organisation, origin and id as associated data: the private key and the app's own secrets. */
  sealed: text('sealed').notNull(),
  addedAt: time('added_at').notNull(),
  lastUsedAt: time('last_used_at'),
}, (table) => [primaryKey({ columns: [table.orgId, table.origin] })])

/** Somebody is on the way to GitHub to make an app. */
export const githubSetups = pgTable('github_setups', {
  stateHash: text('state_hash').primaryKey(),
  orgId: text('org_id').notNull().references(() => organisations.id),
  origin: text('origin').notNull(),
  organization: text('organization'),
  name: text('name').notNull(),
  /** Who began. */
  by: text('by').notNull(),
  expiresAt: time('expires_at').notNull(),
})
