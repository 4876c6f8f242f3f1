/** What can be done with a workspace as a whole: behind the bar's long presses, and all of it in one menu. */
import type { Workspace } from '@berth/wire'
import { workspaceCan } from '@berth/wire/workspace-can'
import { may } from '../state/may.ts'
import { attempt, client, go, offlineSince, pathTo, putWorkspace, route, workspaces } from '../state/session.ts'
import { sessionMeant } from '../state/sessions.ts'
import { stateOf } from '../ui/state.tsx'
import { lazySheet } from './sheets.ts'
import type { Action } from './menu.tsx'
import { say, sayThenDo } from './toast.tsx'

const change = (work: () => Promise<Workspace>) => attempt(work).then((workspace) => {
  if (workspace) putWorkspace(workspace)
  return workspace
})

/** What is made anew comes up again by itself, so that it is paused and not woken. */
export function canPause({ wish, phase, reason }: Workspace): boolean {
  return (wish.target === 'running' || reason === 'rebuild') && workspaceCan('stop', phase) && phase !== 'failed'
}

/** Saves the work and stops the machine; five seconds to think again. */
export async function pause(workspace: Workspace): Promise<void> {
  if (await change(() => client.stopWorkspace({ id: workspace.id }))) say(`${workspace.name} is being put to sleep`, () => void wake(workspace))
}

export async function wake(workspace: Workspace): Promise<void> {
  await change(() => client.startWorkspace({ id: workspace.id }))
}

export async function stopTurn(workspace: Workspace): Promise<void> {
  await attempt(() => client.interrupt({ id: workspace.id, ...sessionMeant(workspace) }))
}

/** Those that can; what is refused is said beside it. */
async function pauseAll(): Promise<void> {
  const awake = (workspaces.value ?? []).filter((each) => canPause(each) && may(each))
  await attempt(async () => {
    const asked = await Promise.allSettled(awake.map(({ id }) => client.stopWorkspace({ id })))
    const slept = asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    for (const workspace of slept) putWorkspace(workspace)
    if (slept.length > 0) say(`${slept.length} put to sleep`, () => { for (const workspace of slept) void wake(workspace) })
    for (const each of asked) if (each.status === 'rejected') throw each.reason
  })
}

async function quickCommit(workspace: Workspace): Promise<void> {
  await attempt(async () => (await import('./quick-commit.ts')).quickCommit(workspace.id))
}

/** No browser can bring it back, so it waits for five seconds before it is done. */
function takeOff({ id, name }: Workspace): void {
  sayThenDo(`${name} leaves the web. Back with: berth web ${name} --on`, () => void attempt(async () => {
    await client.setWeb({ id, on: false })
    workspaces.value = (workspaces.value ?? []).filter((other) => other.id !== id)
    if (route.value.at === 'workspace' && route.value.id === id) go('/')
  }))
}

/** What needs the server is grey while it is not heard, and what needs more rights than they have. */
const away = (workspace?: Workspace) => offlineSince.value !== null || !may(workspace)

export function pauseActions(workspace: Workspace): Action[] {
  const busy = stateOf(workspace).name === 'working' || workspace.agentState === 'waiting'
  return [
    { label: 'Stop the turn', icon: 'i-stop', off: away(workspace) || !busy || !workspaceCan('interrupt', workspace.phase), run: () => void stopTurn(workspace) },
    canPause(workspace) ? { label: 'Pause', icon: 'st-sleeping', detail: 'saves the work', off: away(workspace), run: () => void pause(workspace) } : { label: 'Wake', icon: 'i-moor', off: away(workspace) || !workspaceCan('start', workspace.phase), run: () => void wake(workspace) },
    { label: 'Pause all', icon: 'st-sleeping', off: away() || !(workspaces.value ?? []).some((each) => canPause(each) && may(each)), run: () => void pauseAll() },
  ]
}

export function commitActions(workspace: Workspace): Action[] {
  const off = away(workspace) || !workspaceCan('diff', workspace.phase)
  return [
    { label: 'Quick commit', icon: 'i-check', off, run: () => void quickCommit(workspace) },
    { label: 'Review & commit', icon: 'st-ready', run: () => go(pathTo(workspace.id, 'changes')) },
  ]
}

export function terminalActions(workspace: Workspace): Action[] {
  return [
    { label: 'Run a command', icon: 'i-run', off: !may(workspace), run: () => go(pathTo(workspace.id, 'terminal')) },
    { label: 'How to connect', icon: 'i-screen', detail: 'attach, SSH', run: () => lazySheet('connect', workspace) },
  ]
}

export function actionsOf(workspace: Workspace): Action[] {
  return [
    ...pauseActions(workspace), ...commitActions(workspace), ...terminalActions(workspace),
    { label: 'Sessions', icon: 'i-comment', detail: 'another agent, fork', off: away(workspace), run: () => lazySheet('sessions', workspace) },
    { label: 'Open on a phone', icon: 'i-screen', detail: 'QR code', run: () => lazySheet('qr', workspace) },
    { label: 'Keep awake for 2 h', icon: 'i-history', off: away(workspace) || !canPause(workspace), run: () => void change(() => client.keepAlive({ id: workspace.id, forMs: 2 * 3600_000 })) },
    { label: 'Take off the web', icon: 'i-globe', detail: 'command line only', off: away() || !may(workspace, 'own'), run: () => takeOff(workspace) },
    { label: 'Delete', icon: 'i-x', danger: true, off: away() || !may(workspace, 'own'), run: () => lazySheet('delete', workspace) },
  ]
}
