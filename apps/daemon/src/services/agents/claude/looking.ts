/** Looks at the agent again and again: one look at a time, soon when something is under way, seldom when it is idle. */
export interface Looking {
  /** Joins the look under way, if there is one. */
  now(): Promise<void>
  in(delayMs: number): void
  close(): void
  /** The look under way is over. */
  settled(): Promise<void>
}

export function createLooking(deps: { look: () => Promise<void>; paceMs: () => number; over: AbortSignal; log: (line: string) => void }): Looking {
  let timer: Timer | undefined
  let looking: Promise<void> | null = null
  const schedule = (delayMs: number): void => {
    clearTimeout(timer)
    if (!deps.over.aborted) timer = setTimeout(() => { void now() }, delayMs)
  }
  const now = (): Promise<void> => {
    looking ??= deps.look()
      .catch((error: unknown) => { deps.log(`claude: ${String(error)}`) })
      .finally(() => { looking = null; schedule(deps.paceMs()) })
    return looking
  }
  return {
    now,
    in: schedule,
    close() { clearTimeout(timer) },
    async settled() { await looking },
  }
}
