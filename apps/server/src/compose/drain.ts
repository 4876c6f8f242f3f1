/**
 * Going away without a loss: whoever balances load is told first, then nothing new is taken, streams end where they
 * can be resumed elsewhere, and what was begun is finished. Everything else is ended by the closers after it.
 */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Drain {
  readonly draining: boolean
  /** Requests that are under way, streams among them. */
  pending(): number
  /** Fires when streams are to end. */
  readonly signal: AbortSignal
  /** Says so on each answer, so that its connection ends. */
  marked(response: Response): Response
  /** What takes new connections, and what is under way there. */
  add(listener: Draining): void
  /** Resolves when nothing is under way any more, or `withinMs` passed. */
  run(options?: { readonly noticeMs?: number; readonly withinMs?: number }): Promise<void>
}
export interface Draining { stopAccepting(): void; pending(): number }

/** Longer than a push of a repository to it takes, as a rule; a service manager waits for longer. */
const WITHIN_MS = 15_000
const LOOK_EVERY_MS = 20

export function createDrain(log: (line: string) => void): Drain {
  const ending = new AbortController()
  const listeners: Draining[] = []
  let draining = false
  const pending = (): number => listeners.reduce((sum, listener) => sum + listener.pending(), 0)
  return {
    get draining() { return draining },
    signal: ending.signal,
    pending,
    marked(response) {
      if (draining) response.headers.set('connection', 'close')
      return response
    },
    add: (listener) => void listeners.push(listener),
    async run({ noticeMs = 0, withinMs = WITHIN_MS } = {}) {
      draining = true
      if (noticeMs > 0) {
        log(`not ready any more; requests are taken for ${noticeMs / 1000} s still`)
        await sleep(noticeMs)
      }
      // What stands in front first.
      for (const listener of listeners.toReversed()) listener.stopAccepting()
      ending.abort(new DOMException('the server is going away', 'AbortError'))
      const end = performance.now() + withinMs
      while (pending() > 0 && performance.now() < end) await sleep(LOOK_EVERY_MS)
      if (pending() > 0) log(`stopping: ${pending()} requests are broken off after ${withinMs / 1000} s`)
    },
  }
}
