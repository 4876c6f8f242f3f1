/**
 * Why a machine is still on, and since when it need not be. Pure.
 *
 * A reason is leased: it ends at `until` unless a new report renews it. A viewer, a heartbeat or an open socket is
 * no reason; a person who types is. Silence of the daemon is not idleness: without a recent report nothing stops.
 */
import type { IdleReason } from '@berth/wire'
import type { ActivityReport } from '@berth/wire/daemon'
import { deadlines } from '../deadlines.ts'
import type { WorkspaceRow } from '../workspace/records.ts'
import { reportIntervalMs } from './report-interval.ts'

/** Share of one core below which a machine does nothing worth keeping it on. */
export const BUSY_CORES = 0.05
/** Reports that must have come after a gap of the server before its word counts again. */
const REPORTS_AFTER_GAP = 2
const STALE_AFTER_MS = 2 * deadlines.daemonReport + deadlines.linkSilent

const UNCAPPED: ReadonlySet<IdleReason['kind']> = new Set(['turn', 'human', 'provisioning', 'keep-alive'])

export interface IdleInput {
  readonly workspace: Pick<WorkspaceRow, 'autoStopMs' | 'keepAliveUntil' | 'activity' | 'lastActiveAt' | 'startedAt' | 'readyAt' | 'wish'>
  readonly linked: boolean
  readonly approvalsWaiting: number
  readonly now: number
  readonly upSince: number
}
/** `held`: nothing says it is busy, and nothing may stop it either. */
export interface IdleDecision { readonly reasons: readonly IdleReason[]; readonly verdict: 'active' | 'idle' | 'held'; readonly stopsAt: number | null; readonly held: string | null }

/** When the workspace last did something by this report, or null. The store keeps the newest in `lastActiveAt`. */
export function lastActivity(report: ActivityReport, reportedAt: number): number | null {
  const ages = [report.humanInputAgeMs, report.turnProgressAgeMs, report.previewAgeMs, report.agent === 'busy' ? report.turnProgressAgeMs ?? 0 : null]
    .filter((age): age is number => age !== null)
  return ages.length === 0 ? null : reportedAt - Math.min(...ages)
}

export function decideIdle(input: IdleInput): IdleDecision {
  const { workspace, now, upSince } = input
  const base = lastWork(input)
  const capAt = Math.max(base, upSince) + deadlines.idleCap
  const reasons = reasonsOf(input, base)
    // The cap counts idle and waiting time: it ends what may hold a machine on without an agent or a person at work.
    // A keep-alive is a person's word with an end of its own, so it may be longer; the store refuses an idle stop then.
    .map((reason) => UNCAPPED.has(reason.kind) ? reason : { ...reason, until: Math.min(reason.until, capAt) })
    .filter(({ until }) => until > now)
  if (workspace.autoStopMs === 0) return { reasons, verdict: reasons.length > 0 ? 'active' : 'held', stopsAt: null, held: 'automatic stop is off' }
  const { activity } = workspace
  const previewAt = activity !== null && activity.previewAgeMs !== null ? activity.at - activity.previewAgeMs : 0
  const quietSince = Math.max(base, previewAt, upSince)
  const stopsAt = Math.max(Math.min(quietSince + workspace.autoStopMs, capAt), ...reasons.map(({ until }) => until))
  if (reasons.length > 0 || now < stopsAt) return { reasons, verdict: 'active', stopsAt, held: null }
  const held = whyHeld(input)
  return held === null ? { reasons, verdict: 'idle', stopsAt, held } : { reasons, verdict: 'held', stopsAt: null, held }
}

/** The last moment at which an agent or a person is known to have worked. An agent worked until it asked. */
function lastWork({ workspace }: IdleInput): number {
  const { activity, lastActiveAt, startedAt, wish, readyAt } = workspace
  const age = (ms: number | null | undefined) => (activity === null || ms === null || ms === undefined ? 0 : activity.at - ms)
  return Math.max(lastActiveAt, startedAt ?? 0, readyAt ?? 0, wish.at, age(activity?.turnProgressAgeMs), age(activity?.humanInputAgeMs), age(activity?.waitingSinceAgeMs))
}

function reasonsOf(input: IdleInput, base: number): IdleReason[] {
  const { workspace, now, approvalsWaiting } = input
  const { activity, keepAliveUntil, readyAt, wish } = workspace
  const reasons: IdleReason[] = []
  const add = (kind: IdleReason['kind'], detail: string, until: number) => reasons.push({ kind, detail, until })
  if (keepAliveUntil !== null) add('keep-alive', 'somebody asked to keep it on', keepAliveUntil)
  if (readyAt === null) add('provisioning', 'it is being set up', Math.max(wish.at, input.upSince) + deadlines.provision)
  if (approvalsWaiting > 0 || activity?.agent === 'waiting') {
    const age = activity?.waitingSinceAgeMs ?? null
    add('waiting', 'the agent waits for an answer', (activity !== null && age !== null ? activity.at - age : base) + deadlines.waitingSleep)
  }
  if (activity === null) return reasons
  addReported(add, activity, base)
  return reasons.filter(({ until }) => until > now)
}

function addReported(add: (kind: IdleReason['kind'], detail: string, until: number) => void, activity: NonNullable<WorkspaceRow['activity']>, base: number): void {
  if (activity.agent === 'busy') {
    // A turn is a lease renewed by progress; one that does not move is stalled and no better than waiting.
    add('turn', 'the agent works', activity.at - (activity.turnProgressAgeMs ?? 0) + deadlines.turnStalled)
  }
  if (activity.humanInputAgeMs !== null) add('human', 'somebody types', activity.at - activity.humanInputAgeMs + deadlines.humanInput)
  if (activity.previewAgeMs !== null) add('preview', 'its preview is in use', activity.at - activity.previewAgeMs + deadlines.previewTraffic)
  // These two alone hold for a limited time after real work: a forgotten watcher must not cost a month.
  const holdUntil = base + deadlines.backgroundHold
  if (activity.backgroundTasks > 0) add('background', `${activity.backgroundTasks} background ${activity.backgroundTasks === 1 ? 'task' : 'tasks'}`, holdUntil)
  if (activity.cpuCores > BUSY_CORES) add('cpu', `${activity.cpuCores.toFixed(2)} cores busy`, Math.min(holdUntil, activity.at + STALE_AFTER_MS))
}

function whyHeld({ workspace, linked, now, upSince }: IdleInput): string | null {
  const { activity } = workspace
  if (!linked) return 'its daemon is not connected'
  if (activity === null || now - activity.at > STALE_AFTER_MS) return 'no recent report from its daemon'
  if (activity.at < upSince || now - upSince < REPORTS_AFTER_GAP * reportIntervalMs(workspace.autoStopMs)) return 'the server was away; two reports are awaited'
  return null
}
