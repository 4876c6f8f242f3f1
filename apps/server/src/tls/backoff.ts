/**
 * When an authority is asked again after it refused. The largest public one allows five failures for a name in an
 * hour; a refused name that is asked for again and again, or by a server that starts again and again, is locked out.
 */
const MINUTE = 60_000
const FIRST_MS = 3 * MINUTE
const LONGEST_MS = 12 * 60 * MINUTE
/** Limits of authorities are counted by the hour, and by the week. */
const RATE_LIMITED_MS = 60 * MINUTE

export interface Refused { readonly failures: number; readonly kind: string; readonly retryAfterMs: number | null }

/** From now. After 0, 3, 9, 21, 45 minutes: five times in the first hour. */
export function waitAfter({ failures, kind, retryAfterMs }: Refused): number {
  const own = Math.min(FIRST_MS * 2 ** Math.max(0, failures - 1), LONGEST_MS)
  const limited = kind === 'rateLimited' ? Math.max(own, RATE_LIMITED_MS) : own
  return Math.max(limited, retryAfterMs ?? 0)
}
