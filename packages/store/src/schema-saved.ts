/** The table of saved states. Part of `schema.ts`. */
import { sql } from 'drizzle-orm'
import { integer, index, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { count, time } from './schema-columns.ts'
import { organisations } from './schema-people.ts'

/** Whole workspaces as they were. The bytes are kept elsewhere, sealed; only a `verified` one counts. */
export const savedStates = pgTable('saved_states', {
  id: text('id').primaryKey(),
  orgId: text('org_id').notNull().references(() => organisations.id),
  /** It may be another installation's, or gone. */
  workspaceId: text('workspace_id').notNull(),
  workspaceName: text('workspace_name').notNull(),
  repository: text('repository').notNull(),
  kind: text('kind').notNull(),
  /** Of a template. */
  name: text('name'),
  state: text('state').notNull(),
  detail: text('detail'),
  place: text('place').notNull(),
  sizeBytes: count('size_bytes').notNull(),
  plainBytes: count('plain_bytes').notNull(),
  files: integer('files').notNull(),
  sha256: text('sha256'),
  leftOut: jsonb('left_out').notNull(),
  manifest: jsonb('manifest').notNull(),
  createdBy: text('created_by').notNull(),
  createdAt: time('created_at').notNull(),
  verifiedAt: time('verified_at'),
  expiresAt: time('expires_at'),
}, (table) => [
  index('saved_states_org').on(table.orgId, table.createdAt),
  uniqueIndex('saved_states_template').on(table.orgId, table.name).where(sql`${table.name} is not null and ${table.state} in ('saving', 'verified')`),
])
