/** Slow work on images: one job for each key, whoever waits for it, over as many calls as it takes. */
import type { CallContext, ProjectContext } from '@berth/core'

export interface Job<T> {
  readonly key: string
  /** Its result is kept until it is forgotten; else it goes when the job ends. A failure always goes. */
  readonly keep: boolean
  /** So long one call waits; then the caller polls. */
  readonly patienceMs: number
  make(context: ProjectContext): Promise<T>
}
export interface Jobs<T> {
  /** The result, or the newest line of what is said while it goes on. */
  wait(job: Job<T>, context: CallContext): Promise<{ readonly value: T } | { readonly detail: string }>
  forget(key: string): void
  /** Ends those under way, and forgets them: nobody wants what they make. */
  end(isOver: (key: string) => boolean): void
}
interface Running<T> { readonly work: Promise<T>; readonly stop: AbortController; lastLine: string; readonly listeners: Set<(line: string) => void>; waiters: number; /** Ends it when nobody comes back. */ unwatched: Timer | null; over: boolean }

const JOBS_LIMIT = 500
/** Each change of the detail is an event. */
const DETAIL_LIMIT = 160
/** Whoever wants it asks again every few seconds: nobody does any more, since the workspace was stopped or deleted. */
const UNWATCHED_MS = 60_000

export function createJobs<T>(deps: { readonly log: (line: string) => void; readonly first: string; readonly unwatchedMs?: number }): Jobs<T> {
  const jobs = new Map<string, Running<T>>()
  const begin = (job: Job<T>): Running<T> => {
    const listeners = new Set<(line: string) => void>()
    const log = (line: string): void => {
      mine.lastLine = line.slice(0, DETAIL_LIMIT)
      deps.log(`docker: ${line}`)
      for (const listener of listeners) listener(line)
    }
    const stop = new AbortController()
    const work = Promise.resolve().then(() => job.make({ signal: stop.signal, log }))
    const mine: Running<T> = { work, stop, lastLine: deps.first, listeners, waiters: 0, unwatched: null, over: false }
    if (jobs.size >= JOBS_LIMIT) jobs.clear()
    jobs.set(job.key, mine)
    const forget = (): void => { if (jobs.get(job.key) === mine) jobs.delete(job.key) }
    const over = (): void => {
      mine.over = true
      if (mine.unwatched !== null) clearTimeout(mine.unwatched)
    }
    work.then(() => {
      over()
      if (!job.keep) forget()
    }, () => {
      over()
      forget()
    })
    return mine
  }
  const giveUp = (key: string, running: Running<T>): void => {
    if (jobs.get(key) === running) jobs.delete(key)
    running.stop.abort(new DOMException('nobody wants it any more', 'AbortError'))
  }
  const left = (key: string, running: Running<T>): void => {
    running.waiters -= 1
    if (running.waiters > 0 || running.over) return
    running.unwatched = setTimeout(() => { giveUp(key, running) }, deps.unwatchedMs ?? UNWATCHED_MS)
    running.unwatched.unref()
  }
  return {
    forget: (key) => void jobs.delete(key),
    end(isOver) {
      for (const [key, running] of jobs) if (isOver(key)) giveUp(key, running)
    },
    async wait(job, { signal, log }) {
      const running = jobs.get(job.key) ?? begin(job)
      if (running.unwatched !== null) clearTimeout(running.unwatched)
      running.waiters += 1
      if (log !== undefined) running.listeners.add(log)
      let timer: ReturnType<typeof setTimeout> | undefined
      let onAbort = (): void => {}
      try {
        return await Promise.race([
          running.work.then((value) => ({ value })),
          new Promise<{ detail: string }>((resolve) => { timer = setTimeout(() => resolve({ detail: running.lastLine }), job.patienceMs) }),
          new Promise<never>((_, reject) => {
            onAbort = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
            signal.addEventListener('abort', onAbort, { once: true })
          }),
        ])
      } finally {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        if (log !== undefined) running.listeners.delete(log)
        left(job.key, running)
      }
    },
  }
}
