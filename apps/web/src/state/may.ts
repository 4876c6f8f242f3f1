/** What this person may in a workspace, as the server says it; it asks again before it does anything. Here it spares them what would be refused. */
import type { Workspace } from '@berth/wire'

/** To act in it, or (`own`) to decide about it. */
export function may(workspace: Partial<Pick<Workspace, 'may'>> | undefined, what: 'act' | 'own' = 'act'): boolean {
  const given = workspace?.may
  return given === undefined || given === 'own' || given === what
}
