/** Hands bytes to one viewer, one piece at a time. A viewer that does not keep up loses bytes, never the program or the daemon. */
export interface Pump { push(bytes: Uint8Array): void; /** Resolves when everything pushed was taken. */ settled(): Promise<void>; close(): void }

/** What may wait for a slow viewer: some seconds of a busy screen. */
export const VIEWER_QUEUE_BYTES = 4 * 1024 * 1024

export function createPump(deps: {
  readonly onBytes: (bytes: Uint8Array) => void | Promise<void>
  /** The queue overflowed and was emptied: whoever feeds the pump stops, and paints anew when `onCaughtUp` comes. */
  readonly onOverflow: () => void
  readonly onCaughtUp: () => void
  readonly limitBytes?: number
}): Pump {
  const limit = deps.limitBytes ?? VIEWER_QUEUE_BYTES
  let queue: Uint8Array[] = []
  let queued = 0
  let closed = false
  let lost = false
  let running: Promise<void> | null = null

  const run = async (): Promise<void> => {
    // Never done before `running` holds it.
    await Promise.resolve()
    for (;;) {
      const next = queue.shift()
      if (next === undefined || closed) break
      queued -= next.length
      await deps.onBytes(next)
    }
    running = null
    if (!lost || closed) return
    lost = false
    deps.onCaughtUp()
  }
  const start = (): void => {
    running ??= run().catch(() => {
      closed = true
      running = null
    })
  }
  return {
    push(bytes) {
      if (closed || lost) return
      if (queued + bytes.length > limit) {
        lost = true
        queue = []
        queued = 0
        deps.onOverflow()
        return start()
      }
      // A copy: the terminal's buffer is used again.
      queue.push(bytes.slice())
      queued += bytes.length
      start()
    },
    settled: async () => { await running },
    close() {
      closed = true
      queue = []
    },
  }
}
