/** So much at once; the rest waits its turn. */
export type AtMost = <T>(work: () => Promise<T>) => Promise<T>

export function createAtMost(atOnce: number): AtMost {
  let free = atOnce
  const waiting: (() => void)[] = []
  return async (work) => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => { waiting.push(resolve) })
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}
