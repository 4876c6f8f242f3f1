/**
 * The files in which agents keep a login, each in a form of its own. Read for its times only: no token, nor a part of
 * one, is given back. A login that renews itself ends when what renews it does; most do not say when that is.
 */
import { z } from 'zod'

export interface LoginFile {
  /** When a person has to sign in again; null: it renews itself, does not end, or does not say. */
  readonly endsAt: number | null
  /** When what is sent to the model has to be renewed; null: never, or it does not say. */
  readonly renewalDueAt: number | null
}
interface Times extends LoginFile { readonly renews: boolean }

const Ms = z.number().optional().catch(undefined)
const Word = z.string().optional().catch(undefined)
const Claude = z.looseObject({ claudeAiOauth: z.looseObject({ expiresAt: Ms, refreshToken: Word, refreshTokenExpiresAt: Ms }) })
const Google = z.looseObject({ access_token: z.string(), expiry_date: Ms, refresh_token: Word })
const Codex = z.looseObject({ tokens: z.looseObject({ access_token: z.string(), refresh_token: Word }), last_refresh: Word })
const CodexKey = z.looseObject({ OPENAI_API_KEY: z.string().min(1) })
const Opencode = z.record(z.string(), z.looseObject({ type: z.string(), refresh: Word, expires: Ms }))
const Filled = z.record(z.string(), z.unknown()).refine((fields) => Object.keys(fields).length > 0)
/** The part of a token that says what it is. It is read here and goes nowhere. */
const Claims = z.looseObject({ exp: z.number() })
/** Codex renews what is older, though it is good for longer. */
const CODEX_RENEWS_AFTER_MS = 8 * 24 * 3600_000

/** Null: the text is no login. Of a form that is not known it is one, and says nothing of its times. */
export function readLogin(text: string | null): LoginFile | null {
  const value = parse(text)
  const times = claude(value) ?? codex(value) ?? google(value) ?? opencode(value)
  if (times === null) return Filled.safeParse(value).success ? { endsAt: null, renewalDueAt: null } : null
  return { endsAt: times.endsAt, renewalDueAt: times.renews ? times.renewalDueAt : null }
}

const timesOf = (expiresAt: number | null, renewer: string | undefined, renewerEndsAt: number | null = null): Times =>
  ((renewer ?? '') === '' ? { endsAt: expiresAt, renewalDueAt: null, renews: false } : { endsAt: renewerEndsAt, renewalDueAt: expiresAt, renews: true })

function claude(value: unknown): Times | null {
  const { data } = Claude.safeParse(value)
  if (data === undefined) return null
  const { expiresAt, refreshToken, refreshTokenExpiresAt } = data.claudeAiOauth
  return timesOf(expiresAt ?? null, refreshToken, refreshTokenExpiresAt ?? null)
}
function google(value: unknown): Times | null {
  const { data } = Google.safeParse(value)
  return data === undefined ? null : timesOf(data.expiry_date ?? null, data.refresh_token)
}
function codex(value: unknown): Times | null {
  const { data } = Codex.safeParse(value)
  if (data === undefined) return CodexKey.safeParse(value).success ? timesOf(null, undefined) : null
  const claims = Claims.safeParse(parse(Buffer.from(data.tokens.access_token.split('.')[1] ?? '', 'base64url').toString()))
  const renewedAt = Date.parse(data.last_refresh ?? '')
  const ends = [claims.success ? claims.data.exp * 1000 : Number.NaN, ...((data.tokens.refresh_token ?? '') === '' ? [] : [renewedAt + CODEX_RENEWS_AFTER_MS])].filter((at) => !Number.isNaN(at))
  return timesOf(ends.length === 0 ? null : Math.min(...ends), data.tokens.refresh_token)
}
/** One for each maker of models; the first that ends counts. */
function opencode(value: unknown): Times | null {
  const { data } = Opencode.safeParse(value)
  if (data === undefined || Object.keys(data).length === 0) return null
  const all = Object.values(data).map(({ type, refresh, expires }) => (type === 'oauth' ? timesOf(expires ? expires : null, refresh) : timesOf(null, undefined)))
  const first = (times: readonly (number | null)[]): number | null => times.reduce<number | null>((least, at) => (at === null ? least : Math.min(at, least ?? at)), null)
  return { endsAt: first(all.map(({ endsAt }) => endsAt)), renewalDueAt: first(all.map(({ renewalDueAt }) => renewalDueAt)), renews: all.some(({ renews }) => renews) }
}

function parse(text: string | null): unknown {
  try { return JSON.parse(text ?? 'null') } catch { return null }
}
