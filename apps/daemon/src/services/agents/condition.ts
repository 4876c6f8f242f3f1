/** What clients are told about the agent: one word and its reason, and an event whenever the word changes. */
import type { AgentState, SessionId } from '@berth/wire'
import type { Journal } from '../../contracts.ts'

export interface Condition {
  /** What the program does, questions left aside. */
  readonly base: AgentState
  readonly detail: string | null
  state(): AgentState
  /** `lacks`: what a person has to give before it can go on. */
  enter(next: AgentState, why?: string | null, lacks?: 'login'): void
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
  let wantsLogin = false
  let shown: string | null = null
  let waitingAt: number | null = null

  const state = (): AgentState => {
    if (base === 'error' || base === 'exited' || base === 'starting') return base
    return deps.asks() ? 'waiting' : base
  }
  const show = (): void => {
    const current = state()
    if (current === 'waiting') waitingAt ??= now()
    else waitingAt = null
    const look = `${current}${wantsLogin ? ', wants a login' : ''}`
    if (look === shown) return
    shown = look
    journal.append({ type: 'session.state', sessionId, state: current, detail, ...(wantsLogin ? { wantsLogin } : {}) })
    deps.changed()
  }
  return {
    get base() { return base },
    get detail() { return detail },
    state,
    show,
    enter(next, why = null, lacks) { base = next; detail = why; wantsLogin = lacks === 'login'; show() },
    assume(found) { base = found },
    waitingSinceAgeMs: () => (waitingAt === null ? null : now() - waitingAt),
  }
}
