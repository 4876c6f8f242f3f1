/** Work on one tree goes one after the other, whatever becomes of the one before. */
export interface OneAtATime {
  <T>(work: () => Promise<T>): Promise<T>
  /** Resolves when nothing is under way. */
  settled(): Promise<void>
}

export function createOneAtATime(): OneAtATime {
  let last: Promise<unknown> = Promise.resolve()
  const run = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work)
    last = next.catch(() => {})
    return next
  }
  return Object.assign(run, { settled: async () => { await last } })
}
