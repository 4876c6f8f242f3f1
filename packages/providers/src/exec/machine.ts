/** A command's words for a machine, as the provider port has them. What a command does not say is never guessed. */
import type { Isolation } from '@berth/wire'
import type { Leftover, Machine, Observed, Owner } from '@berth/core'
import type { LeftOver, Told } from './protocol.ts'

type Whose = Pick<Told, 'installation' | 'workspace' | 'generation'>

/** `foreign`: it says nothing of Berth. `ambiguous`: only a part. */
export function ownerIn({ installation, workspace, generation = null }: Whose): Owner | 'foreign' | 'ambiguous' {
  if (!installation && !workspace && generation === null) return 'foreign'
  if (!installation || !workspace || generation === null) return 'ambiguous'
  return { installation, workspaceId: workspace, generation }
}

export function observedIn({ state, startedAt, exitCode, detail }: Told): Observed {
  switch (state) {
    case 'creating': case 'starting': case 'stopping': case 'deleting': return { state }
    case 'running': return { state, startedAt: startedAt ?? null }
    case 'stopped': return { state, exitCode: exitCode ?? null, detail: detail ?? null }
    case 'failed': return { state, detail: detail ?? 'the command gives no reason' }
    default: return { state: 'unknown', raw: state }
  }
}

export const absent = (owner: Owner): Machine => ({ ref: {}, owner, observed: { state: 'absent' }, createdAt: 0, isolation: null })

export const machineIn = (told: Told, isolation: Isolation): Machine => ({ ref: { name: told.name }, owner: ownerIn(told), observed: observedIn(told), createdAt: told.createdAt, isolation })

export const leftoverIn = ({ kind, name, createdAt, ...whose }: LeftOver): Leftover => ({ kind, name, owner: ownerIn(whose), createdAt })
