/** When a turn is over. The Stop hook says so, a little before the last lines are in the transcript, or it is lost. */
import type { HookPayload } from '../hook-protocol.ts'
import type { SessionStatus } from './session-file.ts'
import type { Turns } from './turns.ts'

/** The last lines of a turn reach the transcript a little after the hook that ends it. */
const LAST_LINES_MS = 1000
/** A program that said what its last words are writes them down, on a machine under load some seconds later. */
const KNOWN_LAST_LINES_MS = 6000
/** An idle program with an open turn: its Stop hook never reached us. */
const LOST_STOP_MS = 3000

export interface TurnEnd {
  /** The agent did something. */
  progressed(): void
  progressAgeMs(): number | null
  readonly backgroundTasks: number
  /** The Stop hook came; the turn ends when its last words were read. */
  stopped(payload: HookPayload): void
  readonly ending: boolean
  /** A new prompt is in: an earlier interruption is history. */
  prompted(): void
  /** We pressed Escape, or tried to. */
  interrupted(byUs: boolean): void
  /** The transcript says that the turn was interrupted: there is no ending to wait for. */
  cutShort(): void
  follow(status: SessionStatus): void
  /** Ends the turn if it is over; true: it did. `idle`: nothing else is under way. */
  settle(idle: boolean): boolean
}

export function createTurnEnd(deps: { turns: Turns; now: () => number }): TurnEnd {
  const { turns, now } = deps
  let ending: { at: number; message: string | null } | null = null
  let backgroundTasks = 0
  let progressAt: number | null = null
  let idleSince: number | null = null
  let interruptedByUs = false

  /** The last words may be of several parts, of which the transcript gives one after the other. */
  const isLast = (said: string, message: string | null): boolean => said !== '' && message !== null && message.trim().endsWith(said)
  const saidAll = (): boolean => ending !== null && (isLast(turns.lastAgentText().trim(), ending.message) || now() - ending.at > ((ending.message ?? '') === '' ? LAST_LINES_MS : KNOWN_LAST_LINES_MS))
  const stopWasLost = (idle: boolean): boolean => ending === null && turns.current() !== null && idle && idleSince !== null && now() - idleSince > LOST_STOP_MS
  return {
    progressed() { progressAt = now() },
    progressAgeMs: () => (progressAt === null ? null : now() - progressAt),
    get backgroundTasks() { return backgroundTasks },
    stopped(payload) {
      backgroundTasks = payload.background_tasks?.length ?? 0
      ending = { at: now(), message: payload.last_assistant_message ?? null }
    },
    get ending() { return ending !== null },
    prompted() { interruptedByUs = false },
    // A second press that found nothing to interrupt takes nothing back.
    interrupted(byUs) { interruptedByUs ||= byUs },
    cutShort() { ending = null },
    follow(status) { idleSince = status.status === 'idle' ? (idleSince ?? now()) : null },
    settle(idle) {
      const lost = stopWasLost(idle)
      if (!saidAll() && !lost) return false
      const failure = turns.apiError()
      const outcome = lost && interruptedByUs ? 'interrupted' : failure === null ? 'done' : 'error'
      turns.end(outcome, { message: failure ?? (ending?.message ?? turns.lastAgentText()), background: backgroundTasks })
      ending = null
      interruptedByUs = false
      return true
    },
  }
}
