/** What goes on after an answer: an instance that boots, a disk that is attached. Settled before each request is looked at. */
interface Going { readonly dueAt: number; after(): void }

export function createTransitions({ now, durationMs }: { now: () => number; durationMs: number }) {
  const done = new Set<Going>()
  let stuck = false
  const failed: string[] = []
  return {
    failed,
    /** They never end, or do again. */
    stick(is: boolean) { stuck = is },
    /** `work`: what really happens; absent: nothing. */
    go(work: (() => Promise<void>) | undefined, after: () => void): void {
      const going = { dueAt: now() + durationMs, after }
      if (work === undefined) done.add(going)
      else work().then(() => done.add(going), (error: unknown) => failed.push(String(error)))
    },
    settle(): void {
      if (stuck) return
      for (const going of done) {
        if (going.dueAt > now()) continue
        done.delete(going)
        going.after()
      }
    },
  }
}
export type Transitions = ReturnType<typeof createTransitions>
