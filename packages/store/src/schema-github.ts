/** The tables of what GitHub tells by webhooks. Part of `schema.ts`. */
import { boolean, index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { count, time } from './schema-columns.ts'
import { organisations } from './schema-people.ts'

/** What was taken in already, by GitHub's own id of it. */
export const githubDeliveries = pgTable('github_deliveries', {
  orgId: text('org_id').notNull().references(() => organisations.id),
  origin: text('origin').notNull(),
  guid: text('guid').notNull(),
  event: text('event').notNull(),
  action: text('action'),
  receivedAt: time('received_at').notNull(),
}, (table) => [primaryKey({ columns: [table.orgId, table.origin, table.guid] }), index('github_deliveries_received').on(table.receivedAt)])

/** How far an app's deliveries are known. */
export const githubHooks = pgTable('github_hooks', {
  orgId: text('org_id').notNull().references(() => organisations.id),
  origin: text('origin').notNull(),
  appId: count('app_id').notNull(),
  /** The last one that came by itself. */
  heardAt: time('heard_at'),
  /** Of all until then it is known whether they came. */
  caughtUpTo: time('caught_up_to'),
}, (table) => [primaryKey({ columns: [table.orgId, table.origin] })])

/** Workspaces whose agent is told what the checks of its branch say. */
export const pullWatches = pgTable('pull_watches', {
  workspaceId: text('workspace_id').primaryKey(),
  tell: boolean('tell').notNull(),
  /** Who said so. */
  by: text('by').notNull(),
  /** What it was told of last, so that it is told once: commit, outcome, and the id that it was said with. */
  told: text('told'),
})
