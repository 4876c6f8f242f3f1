/** An agent that dies is started again, but not for ever: a broken one must not burn a machine. */
const WINDOW_MS = 10 * 60_000
const DELAYS_MS = [500, 5000, 30_000] as const

export interface Restarts { readonly limit: number; /** How long to wait before the next start; null: no more. */ next(): number | null }
export function createRestarts(now: () => number): Restarts {
  let times: number[] = []
  return {
    limit: DELAYS_MS.length,
    next() {
      times = times.filter((time) => now() - time < WINDOW_MS)
      const delay = DELAYS_MS[times.length]
      times.push(now())
      return delay ?? null
    },
  }
}
