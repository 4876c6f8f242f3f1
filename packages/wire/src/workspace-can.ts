/** What may be done to a workspace in which phase. No run-time dependencies: the page carries it. */
import type { WorkspacePhase } from './workspace.ts'

export type WorkspaceAction = 'start' | 'stop' | 'delete' | 'send' | 'interrupt' | 'attach' | 'decide' | 'diff' | 'pull'

const LIVE: readonly WorkspacePhase[] = ['running', 'recovery']
const KEPT: readonly WorkspacePhase[] = ['queued', 'provisioning', 'starting', 'running', 'unreachable', 'recovery', 'stopping', 'sleeping', 'stopped', 'failed']
const ALLOWED: Record<WorkspaceAction, readonly WorkspacePhase[]> = {
  start: KEPT,
  stop: KEPT,
  delete: [...KEPT, 'deleting', 'deleted'],
  // A message to a sleeping or starting workspace is kept and wakes it.
  send: ['queued', 'provisioning', 'starting', 'running', 'recovery', 'sleeping', 'stopped'],
  interrupt: LIVE,
  attach: LIVE,
  decide: KEPT,
  diff: LIVE,
  pull: KEPT,
}
/** The server refuses with it; the interfaces disable the button with it. */
export function workspaceCan(action: WorkspaceAction, phase: WorkspacePhase): boolean {
  return ALLOWED[action].includes(phase)
}
