/** The table of repositories that the server keeps for tasks. Part of `schema.ts`. */
import { pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { time } from './schema-columns.ts'
import { organisations, users } from './schema-people.ts'

export const hostedRepositories = pgTable('hosted_repositories', {
  id: text('id').primaryKey(),
  orgId: text('org_id').notNull().references(() => organisations.id),
  ownerId: text('owner_id').notNull().references(() => users.id),
  name: text('name').notNull(),
  label: text('label').notNull(),
  createdAt: time('created_at').notNull(),
  lastUsedAt: time('last_used_at').notNull(),
  /** Said to its owner. */
  endsAt: time('ends_at'),
}, (table) => [uniqueIndex('hosted_repositories_name').on(table.orgId, table.name)])
