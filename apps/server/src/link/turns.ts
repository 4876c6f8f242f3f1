/** At most so many at once; who comes then waits in line, first come first served. */

export interface Turns {
  /** What it gives ends the turn, and may be called twice. Rejects with the signal's reason for who does not wait. */
  take(signal: AbortSignal): Promise<() => void>
}

/** `waitMs`: after so long nobody waits any more, lest one waits for another that waits for it. */
export function createTurns({ atOnce, waitMs }: { atOnce: number; waitMs: number }): Turns {
  const line = new Set<() => void>()
  let under = 0
  const begin = (): (() => void) => {
    under++
    let over = false
    return () => {
      if (over) return
      over = true
      under--
      const [next] = line
      next?.()
    }
  }
  return {
    async take(signal) {
      signal.throwIfAborted()
      if (under < atOnce) return begin()
      const { promise, resolve, reject } = Promise.withResolvers<() => void>()
      const go = (): void => {
        leave()
        resolve(begin())
      }
      const onAbort = (): void => {
        leave()
        reject(signal.reason as Error)
      }
      const timer = setTimeout(go, waitMs)
      const leave = (): void => {
        clearTimeout(timer)
        line.delete(go)
        signal.removeEventListener('abort', onAbort)
      }
      line.add(go)
      signal.addEventListener('abort', onAbort, { once: true })
      return await promise
    },
  }
}
