/** Answers that a person gives in the terminal itself: no hook tells them, the program's own status does. */
import type { ApprovalBook, ApprovalRecord } from '../approval-book.ts'
import type { SessionStatus } from './session-file.ts'

/** A status may be written a moment before what it stands for has happened. */
const STATUS_SETTLES_MS = 200
const TURNED_DOWN_WITHIN_MS = 3000

export interface TerminalAnswers {
  /** One question less is open: what the program said before that is about another one. */
  settled(): void
  /** The only open question was answered with yes, as it looks now: `waiting`, then `busy`, both newer than our last answer. */
  yes(open: readonly ApprovalRecord[], status: SessionStatus | null): ApprovalRecord | null
}
export function createTerminalAnswers(now: () => number): TerminalAnswers {
  let settledAt = 0
  let seenWaitingSince: number | null = null
  return {
    settled() { settledAt = now() },
    yes(open, status) {
      const only = open.length === 1 ? open[0] : undefined
      if (only === undefined || status === null) { seenWaitingSince = null; return null }
      if (status.status === 'waiting') {
        if (status.since >= settledAt) seenWaitingSince = status.since
        return null
      }
      if (seenWaitingSince === null || status.since <= seenWaitingSince || status.since + STATUS_SETTLES_MS >= now()) return null
      seenWaitingSince = null
      return only
    },
  }
}

/**
 * A hook that the agent ended means a no in the terminal, unless the agent itself ended: it must be seen alive and past
 * its dialog, and the question must not have been answered otherwise meanwhile.
 */
export async function turnedDownInTerminal(deps: {
  book: ApprovalBook; now: () => number; over: AbortSignal; everyMs: number
  look: () => Promise<void>
  alive: () => Promise<boolean>
  status: () => SessionStatus | null
}, record: ApprovalRecord): Promise<boolean> {
  const until = deps.now() + TURNED_DOWN_WITHIN_MS
  while (deps.now() < until && !deps.over.aborted) {
    await deps.look()
    if (deps.book.get(record.approvalId)?.state !== 'open') return false
    await Bun.sleep(deps.everyMs)
  }
  if (deps.over.aborted || !(await deps.alive())) return false
  const current = deps.status()
  return current !== null && current.status !== 'waiting'
}
