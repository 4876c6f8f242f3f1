/** So many in a span of time, and no more. */
export function createAllowance({ most, withinMs, now }: { most: number; withinMs: number; now: () => number }): { /** False: not now. */ take(): boolean } {
  let taken: number[] = []
  return {
    take() {
      const at = now()
      taken = taken.filter((before) => at - before < withinMs)
      if (taken.length >= most) return false
      taken.push(at)
      return true
    },
  }
}
