/** Since when the server has been up without a gap: a laptop that slept must not stop its agents for their silence. */
import { deadlines } from './deadlines.ts'

export interface Uptime { readonly since: number; readonly lastTickAt: number }

/** Called by the loop on each pass, at least every few seconds. */
export function nextUptime(before: Uptime | null, now: number): Uptime {
  if (before === null || now - before.lastTickAt > deadlines.serverGap) return { since: now, lastTickAt: now }
  return { since: before.since, lastTickAt: Math.max(now, before.lastTickAt) }
}
