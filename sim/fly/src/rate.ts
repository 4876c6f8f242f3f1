/** How often each action may be asked for one app or machine: once a second, three at once; looking at a machine five times, ten at once. */
const SECOND = 1000
const LOOKING = { perSecond: 5, burst: 10 }
const OTHERS = { perSecond: 1, burst: 3 }

export function createRate(now: () => number) {
  const buckets = new Map<string, { tokens: number; at: number }>()
  return {
    /** False: too many. */
    take(operation: string, of: string): boolean {
      const { perSecond, burst } = operation === 'Machines_show' ? LOOKING : OTHERS
      const key = `${operation} ${of}`
      const before = buckets.get(key) ?? { tokens: burst, at: now() }
      const tokens = Math.min(burst, before.tokens + (now() - before.at) / SECOND * perSecond)
      buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now() })
      return tokens >= 1
    },
  }
}
