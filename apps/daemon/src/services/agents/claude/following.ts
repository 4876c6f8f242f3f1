/** What the program says of itself in its file, as the session's condition. Each status is followed once. */
import type { Condition } from '../condition.ts'
import type { SessionStatus, SessionWatch } from './session-file.ts'
import type { TurnEnd } from './turn-end.ts'

export interface Following {
  follow(current: SessionStatus | null): void
  /** What the file says now is of before what was just heard: an `idle` of then must not end the turn that begins. */
  passOver(): void
}

export function createFollowing({ status, condition, turnEnd, ready }: { status: SessionWatch; condition: Condition; turnEnd: TurnEnd; ready: () => boolean }): Following {
  /** When the status that was followed last began. */
  let followedSince: number | null = null
  return {
    follow(current) {
      const news = current !== null && current.since !== followedSince
      followedSince = current?.since ?? followedSince
      if (current === null || condition.base === 'error' || condition.base === 'exited' || !ready()) return
      if (news && current.status !== 'waiting' && !turnEnd.ending && current.status !== condition.base) condition.enter(current.status)
      turnEnd.follow(current)
    },
    passOver() { followedSince = status.look()?.since ?? followedSince },
  }
}
