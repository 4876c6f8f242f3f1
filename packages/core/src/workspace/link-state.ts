/** What the stored row says of a machine's link. The rule stands here once, for the phase and for the decision. */
import { deadlines } from '../deadlines.ts'
import type { MachineRow, WorkspaceRecord } from './records.ts'

/** `dialling`: the daemon has not been heard since this start of the machine. `silent`: it was, and is not now. */
export type LinkState = { readonly is: 'linked' } | { readonly is: 'dialling' } | { readonly is: 'silent'; readonly since: number }

/**
 * A server that was killed leaves `linkedAt` behind, so an open link counts only while it is also heard:
 * reports come each minute, and one may be late.
 */
const HEARD_WITHIN_MS = deadlines.daemonReport + deadlines.linkSilent

export function linkState(machine: MachineRow, now: number): LinkState {
  const { linkedAt, lastSeenAt, ensuringSince } = machine
  const heardAt = Math.max(linkedAt ?? 0, lastSeenAt ?? 0)
  if (linkedAt !== null && now - heardAt <= HEARD_WITHIN_MS) return { is: 'linked' }
  if (heardAt === 0 || (ensuringSince !== null && heardAt < ensuringSince)) return { is: 'dialling' }
  return { is: 'silent', since: heardAt }
}

/**
 * A machine whose daemon holds a link to this server runs, whatever a vendor would say. Its provider is asked all the same
 * from time to time, when anything is under way, and when it may have to stop for idleness: each such verdict is counted
 * by a look of its own.
 */
export function speaksForItself({ workspace, machine }: WorkspaceRecord, { now, connected }: { readonly now: number; readonly connected: boolean }): boolean {
  if (!connected || machine === null || workspace.wish.target !== 'running' || workspace.readyAt === null) return false
  const isAtRest = machine.observed.state === 'running' && machine.poll === null && machine.stoppingSince === null && machine.saveState === 'none'
  const isIdle = workspace.autoStopMs !== 0 && now >= workspace.lastActiveAt + Math.min(workspace.autoStopMs, deadlines.idleCap)
  return isAtRest && !isIdle && machine.observedAt !== null && machine.observedAt > workspace.wish.at && now - machine.observedAt < deadlines.observeLinked
}

/** True while the vendor may be running it, or takes the price of that: everything but the states that are known to be still. */
export function mayRun(machine: MachineRow | null): boolean {
  if (machine === null || machine.endedAt !== null) return false
  const { observed } = machine
  if (observed.state === 'stopped') return observed.charged === true
  return observed.state !== 'absent' && observed.state !== 'failed'
}
