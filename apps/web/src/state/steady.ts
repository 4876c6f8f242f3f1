import { computed } from '@preact/signals'
import { useMemo } from 'preact/hooks'

/** What is read out of signals. Whoever uses it is drawn again only when that is another: most events change little of a page. */
export function useSteady<T>(read: () => T, of: readonly unknown[], isSame: (one: T, other: T) => boolean = Object.is): T {
  const kept = useMemo(() => {
    let last: { readonly value: T } | null = null
    return computed(() => {
      const value = read()
      if (last === null || !isSame(last.value, value)) last = { value }
      return last.value
    })
  }, of)
  return kept.value
}

export function areSame<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index])
}
