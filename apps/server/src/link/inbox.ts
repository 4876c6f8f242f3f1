/** Texts of one daemon that wait for the store, taken one at a time and in order. */
export interface Inbox {
  add(size: number, work: () => Promise<void>): void
}

export function createInbox(deps: { limitBytes: number; onOverflow(): void; onError(error: unknown): void }): Inbox {
  let last: Promise<void> = Promise.resolve()
  let waitingBytes = 0
  return {
    add(size, work) {
      waitingBytes += size
      if (waitingBytes > deps.limitBytes) return deps.onOverflow()
      last = last.then(work).catch(deps.onError).finally(() => { waitingBytes -= size })
    },
  }
}
