/**
 * The rules of a workspace's life. Pure: the same record, time and context always give the same step.
 *
 * Three things hold in every branch, and the test walks the whole finite space for them: a machine is started
 * only under the wish `running`; a machine that may run and is not wanted always gets a next step; nothing is
 * concluded from an observation that is not fresh.
 */
import type { ErrorCode } from '@berth/wire'
import { deadlines } from '../deadlines.ts'
import { linkState } from './link-state.ts'
import { isRebuilding, nextGeneration, type MachineRow, type WorkspaceRecord } from './records.ts'

export interface DecideContext {
  /** The machine was observed in this tick. Without it, looking comes first. */
  readonly fresh: boolean
  /** Since when the server has ticked without a gap. Time before it counts for no deadline. */
  readonly upSince: number
  /** This server holds the daemon's link now; the row may lag behind. */
  readonly connected: boolean
}

export interface Refusal { readonly code: ErrorCode; readonly message: string; readonly hint: string | null }

export type Step =
  /** `againInMs` null: only a new wish changes anything. */
  | { readonly do: 'nothing'; readonly againInMs: number | null }
  | { readonly do: 'begin'; readonly generation: number }
  | { readonly do: 'observe' }
  /** `start`: a new start, counted as an attempt. Otherwise one under way goes on. */
  | { readonly do: 'ensure'; readonly start: boolean }
  | { readonly do: 'wait'; readonly until: number; readonly why: string }
  | { readonly do: 'prepare-stop'; readonly withinMs: number }
  | { readonly do: 'stop' }
  | { readonly do: 'destroy' }
  | { readonly do: 'fail'; readonly refusal: Refusal }
  /** The machine that is to be made anew stands still: from now on it is wanted again. */
  | { readonly do: 'want' }
  /** Bookkeeping only: the wish is met. */
  | { readonly do: 'settle'; readonly as: 'running' | 'stopped' | 'deleted' }

/** Starts in a row that did not lead to a lasting link. */
export const MAX_STARTS = 5

export function decide(record: WorkspaceRecord, now: number, context: DecideContext): Step {
  const { workspace } = record
  if (workspace.deletedAt !== null) return { do: 'nothing', againInMs: null }
  switch (workspace.wish.target) {
    case 'deleted': return decideDeleted(record, now)
    case 'stopped': {
      const step = decideStopped(record, now, context)
      return step.do === 'nothing' && isRebuilding(workspace) ? { do: 'want' } : step
    }
    case 'running': return decideRunning(record, now, context)
  }
}

/** The wish the machine's clocks belong to: what began before the newest wish is another matter. */
function beganUnderThisWish(since: number | null, record: WorkspaceRecord): since is number {
  return since !== null && since >= record.workspace.wish.at
}

function decideDeleted(record: WorkspaceRecord, now: number): Step {
  const { machine } = record
  if (machine === null || machine.endedAt !== null || neverTouched(machine)) return { do: 'settle', as: 'deleted' }
  // An absent machine may have left volumes, and destroy is safe in every state, so it always runs at least once.
  if (beganUnderThisWish(machine.stoppingSince, record) && later(machine.retryAt, now)) return { do: 'wait', until: machine.retryAt, why: 'retry' }
  return { do: 'destroy' }
}

/** No call to a provider was ever made for it: `observedAt` and `ensuringSince` are written before the first one. */
function neverTouched(machine: MachineRow): boolean {
  return machine.ensuringSince === null && machine.ref === null && machine.observedAt === null
}

function decideStopped(record: WorkspaceRecord, now: number, context: DecideContext): Step {
  const { machine } = record
  if (machine === null || machine.endedAt !== null) return { do: 'nothing', againInMs: null }
  if (!context.fresh) return { do: 'observe' }
  switch (machine.observed.state) {
    case 'absent': case 'stopped': case 'failed':
      if (hasMoreToStop(record, machine)) return decideStopping(record, now, context)
      return isSettledStopped(machine) ? { do: 'nothing', againInMs: deadlines.tickIdle } : { do: 'settle', as: 'stopped' }
    case 'deleting':
      return { do: 'wait', until: now + deadlines.tickBusy, why: 'deleting' }
    case 'running': case 'creating': case 'starting': case 'stopping': case 'unknown':
      return decideStopping(record, now, context)
  }
}

/** It stands still and is paid for, or the provider still works on it, an image perhaps, and nobody wants it any more. */
const hasMoreToStop = (record: WorkspaceRecord, { observed, poll }: MachineRow): boolean => (observed.state === 'stopped' && observed.charged === true) || isWaste(record) || (poll !== null && poll['op'] === 'ensure')

/** Paid for, and nobody ever worked on it: what failed before it was ready leaves no bill. */
export function isWaste({ workspace, machine }: WorkspaceRecord): boolean {
  return workspace.wish.by === 'failure' && workspace.readyAt === null && workspace.generation === 1 && workspace.saved === null && (machine?.charge?.price?.microsPerHour ?? 0) > 0
}

function isSettledStopped(machine: MachineRow): boolean {
  return machine.ensuringSince === null && machine.stoppingSince === null && machine.poll === null
    && machine.attempts === 0 && machine.retryAt === null && machine.saveState === 'none'
}

function decideStopping(record: WorkspaceRecord, now: number, context: DecideContext): Step {
  const machine = record.machine as MachineRow // callers looked: it is there
  const began = beganUnderThisWish(machine.stoppingSince, record)
  const save = began ? machine.saveState : 'none'
  if (machine.observed.state === 'running' && isLinked(machine, now, context)) {
    if (save === 'none') return { do: 'prepare-stop', withinMs: deadlines.stopSave }
    // A crash in the middle of a save: what is left of its time is tried again, then the stop goes on without it.
    const left = deadlines.stopSave - (now - (machine.stoppingSince ?? now))
    if (save === 'trying' && left > 0) return { do: 'prepare-stop', withinMs: left }
  }
  if (began && later(machine.retryAt, now)) return { do: 'wait', until: machine.retryAt, why: 'retry' }
  // Also for `unknown`: a stop is safe in every state and nothing is concluded from it.
  return { do: 'stop' }
}

function decideRunning(record: WorkspaceRecord, now: number, context: DecideContext): Step {
  const { workspace, machine } = record
  const { failure, wish } = workspace
  // Failing is also a wish to stop; a crash between the two must not leave it charging.
  if (failure !== null && failure.at > wish.at) return { do: 'fail', refusal: { code: failure.code as ErrorCode, message: failure.message, hint: failure.hint } }
  const missing = missingCode(record, now, context)
  if (missing !== null) return { do: 'fail', refusal: missing }
  if (machine === null || machine.endedAt !== null) return { do: 'begin', generation: nextGeneration(record) }
  const overdue = overdueRefusal(record, machine, { now, context })
  if (overdue !== null) return { do: 'fail', refusal: overdue }
  if (!context.fresh) return { do: 'observe' }
  return decideSeen(record, machine, { now, context })
}

function decideSeen(record: WorkspaceRecord, machine: MachineRow, { now, context }: { now: number; context: DecideContext }): Step {
  const { observed } = machine
  switch (observed.state) {
    case 'unknown': return { do: 'wait', until: now + deadlines.tickIdle, why: `the provider says "${observed.raw}"` }
    case 'stopping': case 'deleting': return { do: 'wait', until: now + deadlines.tickBusy, why: observed.state }
    case 'absent': case 'stopped': case 'failed': case 'creating': case 'starting': return decideStart(record, machine, now)
    case 'running': return decideUp(record, machine, { now, context })
  }
}

function decideStart(record: WorkspaceRecord, machine: MachineRow, now: number): Step {
  const underThisWish = beganUnderThisWish(machine.ensuringSince, record) && machine.stoppingSince === null
  if (!underThisWish) return { do: 'ensure', start: true }
  if (later(machine.retryAt, now)) return { do: 'wait', until: machine.retryAt, why: 'retry' }
  const { observed } = machine
  if (machine.poll !== null || observed.state === 'creating' || observed.state === 'starting') return { do: 'ensure', start: false }
  if (machine.attempts >= MAX_STARTS) {
    const detail = observed.state === 'failed' ? observed.detail : observed.state === 'stopped' ? observed.detail ?? `exit code ${observed.exitCode ?? 'unknown'}` : 'it is gone'
    return { do: 'fail', refusal: { code: 'provider_unavailable', message: `the machine does not stay up: ${detail}`, hint: 'see what it wrote with `berth logs <workspace> machine`' } }
  }
  return { do: 'ensure', start: true }
}

function decideUp(record: WorkspaceRecord, machine: MachineRow, at: { now: number; context: DecideContext }): Step {
  const { now } = at
  if (machine.poll !== null && machine.poll['op'] === 'ensure' && machine.stoppingSince === null) {
    return later(machine.retryAt, now) ? { do: 'wait', until: machine.retryAt, why: 'retry' } : { do: 'ensure', start: false }
  }
  if (!isSettledUp(record, machine)) return { do: 'settle', as: 'running' }
  if (isLinked(machine, now, at.context)) {
    const lasting = machine.linkedAt !== null && now - machine.linkedAt >= deadlines.dialHome
    if (lasting && (machine.attempts > 0 || machine.retryAt !== null)) return { do: 'settle', as: 'running' }
    return { do: 'nothing', againInMs: record.workspace.readyAt === null ? deadlines.tickBusy * 5 : deadlines.tickIdle }
  }
  return { do: 'wait', until: now + deadlines.tickBusy * 5, why: 'link' }
}

/** Nothing is left of a stop or of a start whose end was never written. */
function isSettledUp({ workspace: { startedAt } }: WorkspaceRecord, machine: MachineRow): boolean {
  return machine.stoppingSince === null && machine.saveState === 'none' && machine.poll === null
    && machine.ensuringSince !== null && startedAt !== null && startedAt >= machine.ensuringSince
}

/** Deadlines of a wanted machine. None of them counts time in which the server itself was away. */
function overdueRefusal(record: WorkspaceRecord, machine: MachineRow, at: { now: number; context: DecideContext }): Refusal | null {
  const { now, context } = at
  const { wish, readyAt } = record.workspace
  const elapsed = (since: number) => now - Math.max(since, context.upSince)
  if (readyAt === null && elapsed(wish.at) > deadlines.provision) {
    return { code: 'timeout', message: `the workspace was not ready ${deadlines.provision / 60_000} minutes after it was asked for`, hint: 'see `berth logs <workspace>`, then `berth start <workspace>`' }
  }
  if (isLinked(machine, now, context)) return null
  const link = linkState(machine, now)
  const silentSince = link.is === 'silent' ? Math.max(link.since, wish.at) : null
  if (silentSince !== null && elapsed(silentSince) > deadlines.unreachable) {
    return { code: 'daemon_unreachable', message: `nothing was heard from the machine for ${deadlines.unreachable / 60_000} minutes; its disk is kept`, hint: '`berth start` tries again' }
  }
  return link.is === 'dialling' ? overdueDial(record, machine, { fresh: context.fresh, elapsed }) : null
}

/** Whoever was sending the code went away without a word. */
function missingCode({ workspace }: WorkspaceRecord, now: number, context: DecideContext): Refusal | null {
  const { sourceReady, lastActiveAt, wish } = workspace
  if (sourceReady || now - Math.max(lastActiveAt, wish.at, context.upSince) <= deadlines.uploadIdle) return null
  return { code: 'timeout', message: `nothing of the code arrived for ${deadlines.uploadIdle / 60_000} minutes`, hint: 'run `berth up` again' }
}

/** The machine was asked for and its daemon has not been heard yet. */
function overdueDial(record: WorkspaceRecord, machine: MachineRow, at: { fresh: boolean; elapsed: (since: number) => number }): Refusal | null {
  const { wish, startedAt } = record.workspace
  const { ensuringSince, observed } = machine
  if (ensuringSince === null) return null
  if (at.elapsed(Math.max(ensuringSince, wish.at)) > deadlines.provision) {
    return { code: 'timeout', message: `the machine was not up within ${deadlines.provision / 60_000} minutes`, hint: '`berth start` tries again' }
  }
  const upAt = at.fresh && observed.state === 'running' && startedAt !== null && startedAt >= ensuringSince ? startedAt : null
  const withinMs = observed.state === 'running' && observed.slow === true ? deadlines.dialHomeSlow : deadlines.dialHome
  if (upAt === null || at.elapsed(Math.max(upAt, wish.at)) <= withinMs) return null
  return { code: 'daemon_unreachable', message: `the machine runs, but its daemon did not call home within ${withinMs / 60_000} minutes`, hint: 'see what it wrote with `berth logs <workspace> machine`' }
}

function isLinked(machine: MachineRow, now: number, context: DecideContext): boolean {
  return context.connected || linkState(machine, now).is === 'linked'
}

function later(at: number | null, now: number): at is number {
  return at !== null && at > now
}
