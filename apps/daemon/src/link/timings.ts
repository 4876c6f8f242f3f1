/** How patient the link is. Tests make it hurry. */
import { REPORT_INTERVAL_MS } from '@berth/wire/daemon'

export interface LinkTimings {
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  /** Another link of this workspace took over, or this daemon is too old: nothing we do helps soon. */
  readonly longWaitMs: number
  /** Three missed pings: the connection is half open. */
  readonly silenceMs: number
  readonly welcomeMs: number
  readonly reportMs: number
  /** Changes within this time are one report. */
  readonly reportSoonMs: number
  /** A link that stood this long was a good one: the next failure starts from the shortest wait. */
  readonly stableMs: number
}
export const LINK_TIMINGS: LinkTimings = {
  backoffMinMs: 200, backoffMaxMs: 15_000, longWaitMs: 60_000, silenceMs: 45_000, welcomeMs: 20_000,
  reportMs: REPORT_INTERVAL_MS, reportSoonMs: 200, stableMs: 10_000,
}

/** Wait before attempt 0, 1, 2 …: doubling, half of it by chance, so that a thousand daemons do not come back as one. */
export function backoffMs(attempt: number, timings: LinkTimings, random: () => number): number {
  const top = Math.min(timings.backoffMaxMs, timings.backoffMinMs * 2 ** Math.min(attempt, 20))
  return Math.max(timings.backoffMinMs, top / 2 + (top / 2) * random())
}
