/** The tables of the ways out of a workspace: models, hosts, and what is put into requests on the way. Part of `schema.ts`. */
import { index, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { count, time } from './schema-columns.ts'
import { organisations, users } from './schema-people.ts'

/** Keys beside the first of a vendor: tried in order when the one before is refused. */
export const modelFallbacks = pgTable('model_fallbacks', {
  orgId: text('org_id').notNull().references(() => organisations.id),
  vendor: text('vendor').notNull(),
  name: text('name').notNull(),
  /** Whose workspaces alone use it, before all others. Null: those of all. */
  userId: text('user_id').references(() => users.id),
  baseUrl: text('base_url').notNull(),
  kind: text('kind').notNull(),
  sealed: text('sealed').notNull(),
  position: count('position').notNull(),
  addedAt: time('added_at').notNull(),
  lastUsedAt: time('last_used_at'),
}, (table) => [primaryKey({ columns: [table.orgId, table.vendor, table.name] })])

/** What was used on one day (UTC). Outlives the workspaces it speaks of. */
export const modelUsageDays = pgTable('model_usage_days', {
  orgId: text('org_id').notNull().references(() => organisations.id),
  workspaceId: text('workspace_id').notNull(),
  sessionId: text('session_id').notNull(),
  userId: text('user_id').notNull(),
  day: text('day').notNull(),
  vendor: text('vendor').notNull(),
  model: text('model').notNull(),
  /** Which key. */
  keyName: text('key_name').notNull(),
  requests: count('requests').notNull(),
  /** Of them, those that were broken off and are counted by what came. */
  estimated: count('estimated').notNull(),
  inputTokens: count('input_tokens').notNull(),
  outputTokens: count('output_tokens').notNull(),
  cacheReadTokens: count('cache_read_tokens').notNull(),
  cacheWriteTokens: count('cache_write_tokens').notNull(),
  costMicros: count('cost_micros').notNull(),
  /** Tokens of models without a price, which no cost says. */
  unpricedTokens: count('unpriced_tokens').notNull(),
}, (table) => [
  primaryKey({ columns: [table.workspaceId, table.day, table.vendor, table.model, table.sessionId, table.keyName] }),
  index('model_usage_days_org').on(table.orgId, table.day), index('model_usage_days_user').on(table.userId, table.day),
])

/** What may be used. `subject`: a workspace, a user, or the organisation itself, for a month. */
export const modelBudgets = pgTable('model_budgets', {
  orgId: text('org_id').notNull().references(() => organisations.id),
  scope: text('scope').notNull(),
  subject: text('subject').notNull(),
  softMicros: count('soft_micros'),
  hardMicros: count('hard_micros'),
  /** The month in which its people were told of the soft limit. */
  toldIn: text('told_in'),
  updatedAt: time('updated_at').notNull(),
}, (table) => [primaryKey({ columns: [table.orgId, table.scope, table.subject] })])

/** Where a workspace may go. None: as its provider does without one. */
export const egressPolicies = pgTable('egress_policies', {
  workspaceId: text('workspace_id').primaryKey(),
  mode: text('mode').notNull(),
  /** Names, patterns and groups that are allowed, and those that are refused without being asked. */
  allow: jsonb('allow').notNull(),
  deny: jsonb('deny').notNull(),
  updatedAt: time('updated_at').notNull(),
})

/** Where a workspace was not let go. */
export const egressRefusals = pgTable('egress_refusals', {
  workspaceId: text('workspace_id').notNull(),
  host: text('host').notNull(),
  port: count('port').notNull(),
  why: text('why').notNull(),
  times: count('times').notNull(),
  firstAt: time('first_at').notNull(),
  lastAt: time('last_at').notNull(),
}, (table) => [primaryKey({ columns: [table.workspaceId, table.host, table.port] })])

/** What is put into requests to a host on the way. */
export const injections = pgTable('injections', {
  orgId: text('org_id').notNull().references(() => organisations.id),
  name: text('name').notNull(),
  host: text('host').notNull(),
  kind: text('kind').notNull(),
  /** Which header, which region: nothing secret. */
  how: jsonb('how').notNull(),
  sealed: text('sealed').notNull(),
  addedAt: time('added_at').notNull(),
  lastUsedAt: time('last_used_at'),
}, (table) => [primaryKey({ columns: [table.orgId, table.name] })])
