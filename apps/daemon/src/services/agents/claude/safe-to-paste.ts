/** Whether a person's words may be pasted now. An Enter into an open dialog would answer it, so anything doubtful is a no. */
import type { AgentState } from '@berth/wire'
import type { SessionStatus } from './session-file.ts'

/** A person who types is not interrupted. */
const TYPING_MS = 2000

export interface Moment {
  /** The session has started, its terminal is there, and we are not about to leave. */
  readonly ready: boolean
  readonly base: AgentState
  /** Tool calls whose result is not known: each may open a dialog. */
  readonly outstandingCalls: number
  readonly openQuestions: number
  /** The Stop hook came and its last words did not yet. */
  readonly ending: boolean
  readonly status: SessionStatus['status'] | null
  readonly typedAgeMs: number | null
}

export function safeToPaste(moment: Moment): boolean {
  if (!moment.ready || (moment.base !== 'idle' && moment.base !== 'busy')) return false
  if (moment.outstandingCalls > 0 || moment.openQuestions > 0 || moment.status === 'waiting') return false
  if (moment.ending && moment.base === 'busy') return false
  return moment.typedAgeMs === null || moment.typedAgeMs > TYPING_MS
}
