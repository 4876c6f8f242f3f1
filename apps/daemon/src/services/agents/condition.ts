/** What clients are told about the agent: one word and its reason, and an event whenever the word changes. */
import type { AgentState, SessionId } from '@berth/wire'
import type { Journal } from '../../contracts.ts'

export interface Condition {
  /** What the program does, questions left aside. */
  readonly base: AgentState
  readonly detail: string | null
  state(): AgentState
  enter(next: AgentState, why?: string | null): void
  /** Found so, not entered: nothing is announced until the next `show`. */
  assume(found: AgentState): void
  /** Something that decides the word may have changed. */
  show(): void
  waitingSinceAgeMs(): number | null
}

export function createCondition(deps: { journal: Journal; sessionId: SessionId; now: () => number; /** A person is asked something. */ asks: () => boolean; changed: () => void }): Condition {
  const { journal, sessionId, now } = deps
  let base: AgentState = 'starting'
  let detail: string | null = null
  let shown: AgentState | null = null
  let waitingAt: number | null = null

  const state = (): AgentState => {
    if (base === 'error' || base === 'exited' || base === 'starting') return base
    return deps.asks() ? 'waiting' : base
  }
  const show = (): void => {
    const current = state()
    if (current === 'waiting') waitingAt ??= now()
    else waitingAt = null
    if (current === shown) return
    shown = current
    journal.append({ type: 'session.state', sessionId, state: current, detail })
    deps.changed()
  }
  return {
    get base() { return base },
    get detail() { return detail },
    state,
    show,
    enter(next, why = null) { base = next; detail = why; show() },
    assume(found) { base = found },
    waitingSinceAgeMs: () => (waitingAt === null ? null : now() - waitingAt),
  }
}
