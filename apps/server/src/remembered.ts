/** What was looked up a moment ago, for who asks a hundred times a second. Those who ask at once share one look. */
import type { Clock } from '@berth/core'

export interface Remembered<T> {
  /** At once when it is remembered; a promise only while somebody looks. What failed is not remembered. */
  get(key: string, look: () => Promise<T>): T | Promise<T>
  /** What fits is looked up again, and what is being looked up too. */
  forget(fits?: (value: T) => boolean): void
}
interface Entry<T> { readonly until: number; readonly looking: Promise<T>; found?: { readonly value: T } }

/** `limit`: above so many keys everything is forgotten, which costs one look each. */
export function remembered<T>({ clock, ms, limit }: { clock: Clock; ms: number; limit: number }): Remembered<T> {
  const known = new Map<string, Entry<T>>()
  return {
    get(key, look) {
      const now = clock.now()
      const present = known.get(key)
      if (present !== undefined && present.until > now) return present.found === undefined ? present.looking : present.found.value
      if (known.size >= limit) known.clear()
      const entry: Entry<T> = { until: now + ms, looking: look() }
      known.set(key, entry)
      entry.looking.then((value) => { entry.found = { value } }, () => { if (known.get(key) === entry) known.delete(key) })
      return entry.looking
    },
    forget(fits = () => true) {
      for (const [key, { found }] of known) if (found === undefined || fits(found.value)) known.delete(key)
    },
  }
}
