/** What one session has to itself in a machine that it shares with others. The main one's names are those of before there were others. */
import type { SessionId } from '@berth/wire'
import { sessionTerminalId } from '@berth/wire/session-rules'
import type { SessionPlace } from '../../contracts.ts'

export function sessionPlace(session: { id: SessionId; main: boolean } & Partial<Pick<SessionPlace, 'screen' | 'takenOver' | 'forkedFrom'>>): SessionPlace {
  const { id, main, screen = true, takenOver = false, forkedFrom = null } = session
  const own = id.slice('ses_'.length)
  return {
    agentTerminal: sessionTerminalId({ id, main }),
    serverTerminal: main ? 'agent-server' : `agent-server-${own}`,
    named: (name) => (main ? name : name.replace(/(\.\w+)?$/, `-${own}$1`)),
    screen, takenOver, forkedFrom,
  }
}
