import type { Workspace } from '@berth/wire'
import { stateOf, type StateName } from '../ui/state.tsx'

export const GROUPS: readonly (readonly [title: string, states: readonly StateName[]])[] = [
  ['Working', ['working', 'starting']], ['Ready to review', ['ready']], ['Resting', ['idle', 'sleeping', 'failed', 'offline']],
]

/** In the order of the inbox: the keyboard walks it. */
export function ordered(list: readonly Workspace[]): Workspace[] {
  const rank = (workspace: Workspace) => {
    const { name } = stateOf(workspace)
    return name === 'needs' ? -1 : GROUPS.findIndex(([, states]) => states.includes(name))
  }
  return [...list].sort((a, b) => rank(a) - rank(b) || b.lastActiveAt - a.lastActiveAt)
}
