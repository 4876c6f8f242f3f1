/** What may be done with a session, and how people see it. */
import { BerthError, type AgentKind, type Session, type SessionMode } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import { sessionTerminalId } from '@berth/wire/session-rules'
import type { SessionRow } from '../ports/session-store.ts'

/** The mode of an agent that was not told otherwise. Those that are spoken to over standard input have our own viewer for a screen. */
export function modeOf(agent: AgentKind): SessionMode {
  return agent === 'claude-headless' ? 'headless' : 'terminal'
}

/** The same conversation in the other mode. For Claude Code that is another driver, for the others the same one without its screen. */
export function inMode(agent: AgentKind, mode: SessionMode): Pick<SessionRow, 'agent' | 'mode'> {
  if (!AGENT_KINDS[agent].handsOver && mode !== modeOf(agent)) throw new BerthError('unsupported', `${AGENT_KINDS[agent].title} works in one way only`, { hint: 'hand over is for claude, codex and opencode' })
  if (agent === 'claude' || agent === 'claude-headless') return { agent: mode === 'headless' ? 'claude-headless' : 'claude', mode }
  return { agent, mode }
}

export function requireForkable({ agent }: Pick<SessionRow, 'agent'>): void {
  if (!AGENT_KINDS[agent].forks) throw new BerthError('unsupported', `the conversation of ${AGENT_KINDS[agent].title} cannot be forked`, { hint: 'claude, codex and opencode can' })
}

/** Null: there is the main one alone, as its workspace says it. */
export function severalSessions(rows: readonly SessionRow[]): Session[] | null {
  const told = rows.length > 1 || rows.some(({ agent, mode }) => mode !== modeOf(agent))
  return told ? describeSessions(rows) : null
}

/** As clients see them. Two of the same name are told apart by a number. */
export function describeSessions(rows: readonly SessionRow[]): Session[] {
  const seen = new Map<string, number>()
  return rows.map(({ id, agent, mode, main, state, detail, wantsLogin, forkedFrom, createdAt, title }) => {
    const name = title ?? AGENT_KINDS[agent].title
    const nth = (seen.get(name) ?? 0) + 1
    seen.set(name, nth)
    const screen = mode === 'terminal' || agent === 'claude-headless'
    return { id, title: nth === 1 ? name : `${name} ${nth}`, agent, mode, main, state, detail, ...(wantsLogin ? { wantsLogin } : {}), terminalId: screen ? sessionTerminalId({ id, main }) : null, forkedFrom, createdAt }
  })
}
