/** The tables of money: what machines cost and cost an hour, what may be spent, what is known of providers. Part of `schema.ts`. */
import { boolean, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'
import { count, time } from './schema-columns.ts'
import { organisations } from './schema-people.ts'

/** A piece of time in which a machine stood in one way at one price. Outlives the workspace it speaks of. With the state `image` it is of a prepared image, `image/<provider>/<name>`, of no person. */
export const costIntervals = pgTable('cost_intervals', {
  workspaceId: text('workspace_id').notNull(),
  generation: integer('generation').notNull(),
  since: time('since').notNull(),
  /** Null: it goes on. */
  until: time('until'),
  orgId: text('org_id').notNull().references(() => organisations.id),
  userId: text('user_id').notNull(),
  provider: text('provider').notNull(),
  state: text('state').notNull(),
  /** Null: no price was known. */
  currency: text('currency'),
  microsPerHour: count('micros_per_hour'),
  /** Each begun piece of this length counts whole. */
  incrementMs: count('increment_ms').notNull(),
  /** At most, in a calendar month. Null: there is no such limit. */
  monthMicros: count('month_micros'),
  /** Of the pool it was made ahead for, until somebody took it. */
  poolId: text('pool_id'),
}, (table) => [
  primaryKey({ columns: [table.workspaceId, table.generation, table.since] }),
  uniqueIndex('cost_intervals_open').on(table.workspaceId, table.generation).where(sql`${table.until} is null`),
  index('cost_intervals_org').on(table.orgId, table.until),
  index('cost_intervals_pool').on(table.poolId).where(sql`${table.poolId} is not null`),
])

/** What may be spent in a month, and what may run at once. `subject`: a user, or the organisation itself. */
export const costLimits = pgTable('cost_limits', {
  orgId: text('org_id').notNull().references(() => organisations.id),
  scope: text('scope').notNull(),
  subject: text('subject').notNull(),
  currency: text('currency').notNull(),
  softMicros: count('soft_micros'),
  hardMicros: count('hard_micros'),
  hourlyMicros: count('hourly_micros'),
  running: integer('running'),
  /** The month in which its people were told of the soft limit. */
  toldIn: text('told_in'),
  updatedAt: time('updated_at').notNull(),
}, (table) => [primaryKey({ columns: [table.orgId, table.scope, table.subject] })])

/** What the last close look at a provider found, and whether it is meant when nobody names one. */
export const providerNotes = pgTable('provider_notes', {
  name: text('name').primaryKey(),
  chosen: boolean('chosen').notNull().default(false),
  report: jsonb('report'),
  updatedAt: time('updated_at').notNull(),
})
