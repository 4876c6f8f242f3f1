/** Wakes one loop: a ring while it is at work is kept, several count once. */
export interface Bell {
  ring(): void
  /** Resolves at the next ring, at once if it rang since the last wait, or after `withinMs`. */
  wait(withinMs: number): Promise<void>
}

export function createBell(): Bell {
  let rung = false
  let wake: (() => void) | null = null
  return {
    ring() {
      rung = true
      wake?.()
    },
    async wait(withinMs) {
      if (!rung) {
        let timer: ReturnType<typeof setTimeout> | undefined
        await new Promise<void>((resolve) => {
          wake = resolve
          timer = setTimeout(resolve, withinMs)
        })
        clearTimeout(timer)
        wake = null
      }
      rung = false
    },
  }
}
