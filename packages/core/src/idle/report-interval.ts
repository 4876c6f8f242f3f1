/** How often a daemon reports: each minute, and often enough for a stop after a short idle time to be on time. */
import { deadlines } from '../deadlines.ts'

const SHORTEST_MS = 5_000
/** Two reports in a row must say idle; with this many in the idle time they add a third of it at most. */
const REPORTS_PER_IDLE_TIME = 6

export function reportIntervalMs(autoStopMs: number): number {
  if (autoStopMs === 0) return deadlines.daemonReport
  return Math.min(deadlines.daemonReport, Math.max(SHORTEST_MS, Math.floor(autoStopMs / REPORTS_PER_IDLE_TIME)))
}
