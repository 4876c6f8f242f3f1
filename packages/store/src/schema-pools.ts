/** The table of pools: workspaces that are made ahead. Part of `schema.ts`. */
import { sql } from 'drizzle-orm'
import { integer, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { count, time } from './schema-columns.ts'
import { organisations, users } from './schema-people.ts'

export const pools = pgTable('pools', {
  id: text('id').primaryKey(),
  orgId: text('org_id').notNull().references(() => organisations.id),
  creatorId: text('creator_id').notNull().references(() => users.id),
  url: text('url').notNull(),
  /** The same for every way to write the address. */
  project: text('project').notNull(),
  /** Empty: the repository's own. */
  branch: text('branch').notNull(),
  provider: text('provider').notNull(),
  resources: jsonb('resources').notNull(),
  count: integer('count').notNull(),
  budgetMicros: count('budget_micros').notNull(),
  currency: text('currency').notNull(),
  retryAt: time('retry_at').notNull().default(sql`0`),
  problem: text('problem'),
  createdAt: time('created_at').notNull(),
}, (table) => [uniqueIndex('pools_of').on(table.orgId, table.project, table.branch, table.provider, table.resources)])
