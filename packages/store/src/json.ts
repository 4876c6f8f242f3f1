/**
 * What PostgreSQL can keep. jsonb refuses NUL characters, lone surrogates and very deep nesting, text refuses NUL;
 * a peer that sends them must not be able to stop its own stream of events, so they are replaced.
 */
import { EVENT_BODY_LIMIT } from '@berth/wire'
import type { JSONValue } from 'postgres'
import type { Queries } from './address.ts'

const DEPTH_LIMIT = 64
/** Whoever makes an event cuts it to EVENT_BODY_LIMIT; above this it did not. */
const STORED_BODY_LIMIT = 2 * EVENT_BODY_LIMIT

export const cleanText = (value: string): string => value.toWellFormed().replaceAll('\0', '\ufffd')

export function clean(value: unknown, depth = 0): JSONValue {
  if (typeof value === 'string') return cleanText(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value === 'boolean') return value
  if (typeof value !== 'object' || value === null || depth >= DEPTH_LIMIT) return null
  if (Array.isArray(value)) return value.map((item) => clean(item, depth + 1))
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(entries.map(([key, item]) => [cleanText(key), clean(item, depth + 1)]))
}

/** A parameter for a jsonb column; null is SQL's null, not JSON's. */
export const json = (sql: Queries, value: unknown) => (value === null ? null : sql.json(clean(value)))

/** Ages come from machines nobody trusts: nothing happened before the epoch, or after now. */
export const happenedAt = (now: number, ageMs: number): number => Math.floor(Math.min(now, Math.max(0, now - ageMs)))

export function boundedBody(body: { type: string }): JSONValue {
  const cleaned = clean(body)
  const bytes = Buffer.byteLength(JSON.stringify(cleaned))
  return bytes <= STORED_BODY_LIMIT ? cleaned : { type: cleanText(body.type), tooLarge: bytes }
}
