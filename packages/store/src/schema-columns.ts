/** Numbers of the tables: times in ms since the epoch, and counts. */
import { bigint } from 'drizzle-orm/pg-core'

export const time = (name: string) => bigint(name, { mode: 'number' })
export const count = (name: string) => bigint(name, { mode: 'number' })
