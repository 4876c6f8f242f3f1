/** What the stored row says of a machine's link. The rule stands here once, for the phase and for the decision. */
import { deadlines } from '../deadlines.ts'
import type { MachineRow } from './records.ts'

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

/** True while the vendor may be running it: everything but the states that are known to be still. */
export function mayRun(machine: MachineRow | null): boolean {
  if (machine === null || machine.endedAt !== null) return false
  const { state } = machine.observed
  return state !== 'absent' && state !== 'stopped' && state !== 'failed'
}
