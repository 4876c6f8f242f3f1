/** Says before it happens that somebody will have to sign in again, and when it has happened: each once for a login. */
import type { AgentKind } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import { signInEnds, signInEndsIn } from '@berth/wire/sign-in-rules'
import type { Journal } from '../../contracts.ts'

export function warnOfEnds(journal: Pick<Journal, 'append'>, logins: readonly { readonly agent: AgentKind; readonly expiresAt: number | null }[], now: number): void {
  for (const { agent, expiresAt } of logins) {
    const ends = signInEnds(expiresAt, now)
    if (ends === 'later' || expiresAt === null) continue
    journal.append({
      type: 'workspace.notice', level: 'warning', code: 'sign_in_ends', message: `${AGENT_KINDS[agent].title}: ${signInEndsIn(expiresAt, now)}`,
      hint: `sign in again: \`berth sign-in <workspace> --agent ${agent}\``,
    }, { key: `sign-in-ends.${AGENT_KINDS[agent].program}.${expiresAt}.${ends}` })
  }
}
