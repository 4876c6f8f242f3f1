/** How often somebody may try, by whatever they have in common. Kept in memory: what must outlive the server is in the store. */
import type { Clock } from '@berth/core'

export interface Pace { allows(key: string): boolean }

/** For those without a credential, and for whoever types codes. */
export const SIGN_IN_PACE = { burst: 20, everyMs: 3000 } as const
const KEYS_LIMIT = 10_000

/** `burst` at once, then one each `everyMs`. */
export function createPace({ clock, burst, everyMs }: { clock: Clock; burst: number; everyMs: number }): Pace {
  const full = new Map<string, number>()
  return {
    allows(key) {
      const now = clock.now()
      // When the bucket of this key would be full again.
      const at = Math.max(full.get(key) ?? now, now)
      if (at - now > (burst - 1) * everyMs) return false
      full.delete(key)
      full.set(key, at + everyMs)
      if (full.size > KEYS_LIMIT) forgetOldest(full, now)
      return true
    },
  }
}

/** Those that are full again; if none is, the one that was asked for longest ago. */
function forgetOldest(full: Map<string, number>, now: number): void {
  for (const [key, at] of full) if (at <= now) full.delete(key)
  const [oldest] = full.keys()
  if (full.size > KEYS_LIMIT && oldest !== undefined) full.delete(oldest)
}
