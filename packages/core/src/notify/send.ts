/** Whether a row that is due is sent now: the world may have changed since it was written. Pure. */
import type { Approval } from '@berth/wire'
import type { NotifySettings } from '@berth/wire/settings'
import type { ClaimedNotification, SendOutcome } from '../ports/notify-store.ts'
import { quietUntil } from './quiet.ts'

export interface SendFacts {
  readonly row: Pick<ClaimedNotification, 'createdAt' | 'attempts'> & { readonly message: Pick<ClaimedNotification['message'], 'reason' | 'withdraw' | 'approvalId'> }
  readonly settings: NotifySettings
  /** Null: there is none, or it is gone. */
  readonly approval: Pick<Approval, 'state'> | null
  /** That very card is on a focused screen. */
  readonly seen: boolean
  /** What it tells of does not hold any more: it was kept. */
  readonly over: boolean
}

/** Looked at again: whoever has the card before them may leave without an answer. */
export const SEEN_AGAIN_MS = 10_000
export const GIVE_UP_MS = 24 * 3600_000
const FIRST_RETRY_MS = 5_000
const LONGEST_RETRY_MS = 30 * 60_000

export function decideSend({ row, settings, approval, seen, over }: SendFacts, now: number): { readonly do: 'send' } | SendOutcome {
  const { reason, withdraw, approvalId } = row.message
  // Taking a card away is silent, and of no use later.
  if (withdraw) return now - row.createdAt > GIVE_UP_MS ? { do: 'drop', why: 'too late' } : { do: 'send' }
  if (over) return { do: 'drop', why: 'it is kept' }
  // What is lost for good has no switch.
  if (reason !== 'ending' && (!settings.reasons[reason] || (reason === 'reminder' && settings.reminderMs === 0))) return { do: 'drop', why: 'switched off' }
  if (approvalId !== null && approval?.state !== 'open' && approval?.state !== 'orphaned') return { do: 'drop', why: 'answered' }
  const quiet = quietUntil(settings.quiet, now)
  if (quiet !== null) return { do: 'later', at: quiet, counts: false }
  if (seen) return { do: 'later', at: now + SEEN_AGAIN_MS, counts: false }
  return { do: 'send' }
}

/** After a try that did not work. `firstTryAt`: how long it was held back before does not count. */
export function decideRetry(row: Pick<ClaimedNotification, 'attempts' | 'dueAt'>, refusal: { readonly gone: boolean; readonly why: string; readonly afterMs: number | null }, now: number): SendOutcome {
  if (refusal.gone) return { do: 'drop', why: refusal.why }
  const pauseMs = Math.min(LONGEST_RETRY_MS, Math.max(refusal.afterMs ?? 0, FIRST_RETRY_MS * 2 ** Math.min(20, row.attempts - 1)))
  return triedForMs(row.attempts) + pauseMs > GIVE_UP_MS ? { do: 'drop', why: refusal.why } : { do: 'later', at: now + pauseMs, counts: true }
}

/** How long so many tries took, pauses only. */
function triedForMs(attempts: number): number {
  let total = 0
  for (let tried = 1; tried < attempts; tried++) total += Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(20, tried - 1))
  return total
}
