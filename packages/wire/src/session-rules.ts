/** Rules of sessions that hold on both sides of the link and on the page. No run-time dependencies. */
import type { SessionId } from './ids.ts'
import type { AgentState } from './workspace.ts'

/** Each is a program of some hundred megabytes. */
export const SESSION_LIMIT = 8
export const SESSION_TITLE_LIMIT = 60

/** What the workspace as a whole does: somebody is waited for, else somebody works, else as the main one is. */
export function foldAgentStates(main: AgentState, others: readonly AgentState[]): AgentState {
  const all = [main, ...others]
  return (['waiting', 'busy', 'starting'] as const).find((state) => all.includes(state)) ?? main
}

/** The main session's screen is the terminal `agent`. A session's own id is good for a terminal's name. */
export function sessionTerminalId(session: { readonly id: SessionId; readonly main: boolean }): string {
  return session.main ? 'agent' : `agent-${session.id.slice('ses_'.length)}`
}
