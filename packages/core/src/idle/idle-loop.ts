/** Applies the verdict of `decide-idle`: two in a row, each from a report of its own, are a wish to stop. */
import { deadlines } from '../deadlines.ts'
import type { Store } from '../ports/store.ts'
import type { WorkspaceRecord } from '../workspace/records.ts'
import { decideIdle } from './decide-idle.ts'
import { reportIntervalMs } from './report-interval.ts'

export const VERDICTS_TO_STOP = 2

export interface IdleDeps { readonly store: Pick<Store, 'setWish' | 'approvals'> }
export interface IdleLook { readonly now: number; readonly upSince: number; readonly linked: boolean; /** The tick before this one. */ readonly lastTickAt: number }
/** `lookAt`: when the next look may change something; null: any time will do. */
export interface IdleOutcome { readonly idleVerdicts: number; readonly stopped: boolean; readonly lookAt: number | null }

/** `look.now` was read before the record: activity from then on refuses the stop, in the store's own transaction. */
export async function applyIdle(deps: IdleDeps, record: WorkspaceRecord, look: IdleLook): Promise<IdleOutcome> {
  const { workspace } = record
  const { now, upSince, linked } = look
  const waiting = (await deps.store.approvals.list({ workspaceId: workspace.id, all: false })).length
  const { verdict, stopsAt, reasons } = decideIdle({ workspace, now, upSince, approvalsWaiting: waiting, linked })
  const nextReport = workspace.autoStopMs === 0 ? null : now + reportIntervalMs(workspace.autoStopMs) / 2
  // A reason may be gone with the next report; mere time runs out at a known moment.
  if (verdict === 'active') return { idleVerdicts: 0, stopped: false, lookAt: reasons.length > 0 ? nextReport : stopsAt }
  if (verdict === 'held') return { idleVerdicts: 0, stopped: false, lookAt: nextReport }
  // A tick may come twice within a millisecond; a verdict counts once for each report.
  const newReport = (workspace.activity?.at ?? 0) > look.lastTickAt
  const idleVerdicts = workspace.idleVerdicts + (newReport || workspace.idleVerdicts === 0 ? 1 : 0)
  if (idleVerdicts < VERDICTS_TO_STOP) return { idleVerdicts, stopped: false, lookAt: nextReport }
  const reason = waiting > 0 ? `nobody answered for ${deadlines.waitingSleep / 3_600_000} hours` : `idle for ${spanOf(workspace.autoStopMs)}`
  const wish = await deps.store.setWish(workspace.id, { target: workspace.ephemeral === true ? 'deleted' : 'stopped', by: 'idle', reason, expectVersion: workspace.wish.version, unlessActiveSince: now }, now)
  return { idleVerdicts: 0, stopped: wish !== null, lookAt: null }
}

function spanOf(ms: number): string {
  const [count, unit] = ms < 60_000 ? [Math.round(ms / 1000), 'second'] : [Math.round(ms / 60_000), 'minute']
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
