/** The tables that all others belong to. Part of `schema.ts`. */
import { pgTable, text } from 'drizzle-orm/pg-core'
import { time } from './schema-columns.ts'

export const users = pgTable('users', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  createdAt: time('created_at').notNull(),
})

export const organisations = pgTable('organisations', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  /** The user whose personal organisation this is. */
  personalOf: text('personal_of').references(() => users.id),
  createdAt: time('created_at').notNull(),
})
