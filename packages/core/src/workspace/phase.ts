/** What people are told about a workspace: derived from the wish and the observation, stored nowhere. */
import type { Workspace, WorkspacePhase } from '@berth/wire'
import { deadlines } from '../deadlines.ts'
import { decideIdle } from '../idle/decide-idle.ts'
import { linkState, mayRun } from './link-state.ts'
import type { SessionRow } from '../ports/session-store.ts'
import { severalSessions } from '../session/sessions.ts'
import { isRebuilding, type MachineRow, type ReportedPhase, type WorkspaceRecord, type WorkspaceRow } from './records.ts'

export function phaseOf(record: WorkspaceRecord, now: number): ReportedPhase {
  const { workspace } = record
  const { wish, failure } = workspace
  const report = (phase: WorkspacePhase, over: Partial<ReportedPhase> = {}): ReportedPhase =>
    ({ phase, step: null, reason: null, statusMessage: workspace.statusMessage, ...over })
  if (workspace.deletedAt !== null) return report('deleted', { statusMessage: null })
  if (wish.target === 'deleted') return report('deleting', { reason: wish.reason ?? wish.by })
  if (isFailed(workspace)) {
    return report('failed', { step: workspace.steps.find(({ state }) => state === 'failed')?.step ?? null, reason: failure?.code ?? null, statusMessage: failure?.message ?? null })
  }
  return wish.target === 'stopped' ? phaseOfUnwanted(record, report) : phaseOfWanted(record, now, report)
}

type Report = (phase: WorkspacePhase, over?: Partial<ReportedPhase>) => ReportedPhase

function phaseOfUnwanted({ workspace, machine }: WorkspaceRecord, report: Report): ReportedPhase {
  const { wish } = workspace
  const reason = isRebuilding(workspace) ? 'rebuild' : (wish.reason ?? wish.by)
  if (mayRun(machine)) return report('stopping', { reason })
  if (isRebuilding(workspace)) return report('queued', { reason })
  return report(wish.by === 'idle' ? 'sleeping' : 'stopped', { reason })
}

function phaseOfWanted({ workspace, machine }: WorkspaceRecord, now: number, report: Report): ReportedPhase {
  if (machine === null || machine.endedAt !== null) return report('queued')
  const ready = workspace.readyAt !== null
  if (machine.observed.state !== 'running') {
    if (machine.ensuringSince === null) return report('queued')
    // It was up under this very wish: it is being brought back, nobody asked for a start.
    if (ready && workspace.startedAt !== null && workspace.startedAt > workspace.wish.at) return report('recovery', { step: 'machine' })
    return report(ready ? 'starting' : 'provisioning', { step: stepUnderWay(workspace, 'machine') })
  }
  const link = linkState(machine, now)
  switch (link.is) {
    case 'dialling': return report('starting', { step: 'dial' })
    case 'silent':
      // Every reconnect would flicker otherwise: a daemon that is replaced in place is back within a second.
      return now - link.since > deadlines.linkSilent ? report('unreachable', { reason: 'daemon-silent' }) : report(ready ? 'running' : 'starting')
    case 'linked': return ready ? report('running', { statusMessage: null }) : report('starting', { step: stepUnderWay(workspace, 'code') })
  }
}

/** A failure counts until somebody wishes again after it. */
export function isFailed({ failure, wish }: WorkspaceRow): boolean {
  return failure !== null && (wish.by === 'failure' || failure.at >= wish.at)
}

function stepUnderWay(workspace: WorkspaceRow, otherwise: string): string {
  return workspace.steps.find(({ state }) => state === 'started')?.step ?? otherwise
}

/** What a client needs and the record does not hold. */
export interface ViewExtras {
  readonly needsYou: number
  readonly sessions: readonly SessionRow[]
  readonly viewers: number
  readonly tail: number
  readonly webUrl: string
  readonly terminalUrl: string
  readonly upSince: number
}

export function describe(record: WorkspaceRecord, now: number, extras: ViewExtras): Workspace {
  const { workspace, machine } = record
  const { needsYou, sessions, viewers, tail, webUrl, terminalUrl, upSince } = extras
  const { phase, step, reason, statusMessage } = phaseOf(record, now)
  const idle = decideIdle({ workspace, now, upSince, approvalsWaiting: needsYou, linked: isLive(machine, now) })
  const several = severalSessions(sessions)
  return {
    id: workspace.id, name: workspace.name, orgId: workspace.orgId, creatorId: workspace.creatorId,
    phase, step, reason, statusMessage,
    error: workspace.failure === null ? null : { code: workspace.failure.code, message: workspace.failure.message, hint: workspace.failure.hint },
    wish: workspace.wish, provider: workspace.provider, isolation: machine?.isolation ?? null,
    repository: workspace.repository, branch: workspace.branch, image: workspace.image, resources: workspace.resources,
    agent: workspace.agent, approvalMode: workspace.approvalMode, web: workspace.web !== false, ephemeral: workspace.ephemeral === true, move: moveOf(workspace), agentState: workspace.agentState, sessionId: workspace.sessionId,
    ...(workspace.agentState === 'error' && sessions.some(({ main, wantsLogin }) => main && wantsLogin) ? { wantsLogin: true } : {}),
    ...(several === null ? {} : { sessions: several }),
    exposures: [...workspace.exposures], needsYou, viewers, generation: workspace.generation,
    recovery: recoveryOf(record),
    ...sessionFacts(workspace, phase),
    ...costOf(machine),
    daemonVersion: machine?.daemonVersion ?? null, steps: [...workspace.steps],
    idle: phase === 'running'
      ? { autoStopMs: workspace.autoStopMs, reasons: [...idle.reasons], stopsAt: idle.stopsAt }
      : { autoStopMs: workspace.autoStopMs, reasons: [], stopsAt: null },
    createdAt: workspace.createdAt, updatedAt: workspace.updatedAt, startedAt: workspace.startedAt, lastActiveAt: workspace.lastActiveAt,
    webUrl, terminalUrl, tail,
  }
}

/** Not said of what is free. */
function costOf(machine: MachineRow | null): Pick<Workspace, 'cost'> {
  const charge = machine?.charge ?? null
  if (charge === null || charge.price?.microsPerHour === 0) return {}
  return { cost: { state: charge.state, currency: charge.price?.currency ?? '', microsPerHour: charge.price?.microsPerHour ?? null } }
}

function moveOf({ move }: WorkspaceRow): Workspace['move'] {
  return move === null || move === undefined ? null : { to: move.to.provider, step: move.step, since: move.askedAt }
}

/** Kept in the machine's ref by a provider that had to make another machine than the project asked for. */
function recoveryOf({ workspace, machine }: WorkspaceRecord): Workspace['recovery'] {
  const why = machine === null || machine.endedAt !== null ? undefined : machine.ref?.['recovery']
  return typeof why === 'string' ? { why, hint: `repair it in the workspace, then \`berth rebuild ${workspace.name}\`` } : null
}

/** A call of a machine that does not run is over, whether anybody said so or not. */
function sessionFacts({ work, usage, changes, report }: WorkspaceRow, phase: WorkspacePhase): Pick<Workspace, 'work' | 'usage' | 'changes' | 'report'> {
  const runs = phase === 'running' || phase === 'unreachable'
  const call = runs ? work?.at(-1) : undefined
  return {
    work: call === undefined ? null : { verb: call.verb, object: call.object, since: call.since },
    ...(usage === null || usage === undefined ? {} : { usage }),
    changes: changes ?? null,
    report: runs ? (report ?? null) : null,
  }
}

function isLive(machine: MachineRow | null, now: number): boolean {
  return machine !== null && machine.endedAt === null && linkState(machine, now).is === 'linked'
}
