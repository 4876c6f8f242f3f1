import type { Clock } from '@berth/core'

/** What was said for so long, and of so many; the oldest goes first. */
export function createBook<T>({ clock, ms, limit }: { clock: Clock; ms: number; limit: number }): { get(key: string): T | null; put(key: string, value: T): void } {
  const entries = new Map<string, { readonly value: T; readonly until: number }>()
  return {
    get(key) {
      const entry = entries.get(key)
      return entry === undefined || entry.until <= clock.now() ? null : entry.value
    },
    put(key, value) {
      entries.delete(key)
      entries.set(key, { value, until: clock.now() + ms })
      for (const [first, { until }] of entries) {
        if (entries.size <= limit && until > clock.now()) break
        entries.delete(first)
      }
    },
  }
}
