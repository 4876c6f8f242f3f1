/** What may be wished of a workspace. A wish is a row; the reconciler brings it about. */
import { isInPool, isWished, phaseOf } from '@berth/core'
import type { WorkspaceRecord } from '@berth/core'
import { BerthError, workspaceCan } from '@berth/wire'
import type { Workspace, WorkspaceAction, WorkspaceId, WishTarget } from '@berth/wire'
import type { Level } from '@berth/wire/access'
import type { Starting } from './cost-limits.ts'
import type { ServiceDeps } from './deps.ts'
import { requireRecord, viewById, viewOf } from './view.ts'

export async function listWorkspaces(deps: ServiceDeps, options: { deleted: boolean; /** Absent: all, and all of it. */ seen?: (id: WorkspaceId) => Level | null }): Promise<Workspace[]> {
  const { deleted, seen = () => 'own' as const } = options
  const [all, waiting] = await Promise.all([deps.store.listWorkspaces({ deleted }), deps.store.approvals.list({ all: false })])
  const records = all.filter(({ workspace }) => !isInPool(workspace) && seen(workspace.id) !== null)
  const needsYou = new Map<WorkspaceId, number>()
  for (const { workspaceId } of waiting) needsYou.set(workspaceId, (needsYou.get(workspaceId) ?? 0) + 1)
  const sessions = await deps.store.sessions.list(records.map(({ workspace }) => workspace.id))
  const views = await Promise.all(records.map((record) => viewOf(deps, record, { needsYou: needsYou.get(record.workspace.id) ?? 0, sessions: sessions.get(record.workspace.id) ?? [] })))
  return views.map((view) => {
    const may = seen(view.id)
    return may === null || may === 'own' ? view : { ...view, may }
  })
}

export async function wish(deps: ServiceDeps, id: WorkspaceId, target: WishTarget): Promise<Workspace> {
  const record = await requireRecord(deps, id)
  requireCan(deps, record, ACTION[target])
  if (!isWished(record.workspace, target)) await (target === 'running' ? deps.costLimits.admit(startOf(record), () => setWish(deps, record, target)) : setWish(deps, record, target))
  return viewById(deps, id)
}

export const startOf = ({ workspace: { id, orgId, creatorId, provider, resources } }: WorkspaceRecord): Starting => ({ id, orgId, userId: creatorId, provider, resources })

const ACTION = { running: 'start', stopped: 'stop', deleted: 'delete' } as const satisfies Record<WishTarget, WorkspaceAction>

async function setWish(deps: ServiceDeps, { workspace }: WorkspaceRecord, target: WishTarget): Promise<void> {
  await deps.store.setWish(workspace.id, { target, by: 'user', reason: null }, deps.clock.now())
  deps.poke(workspace.id)
}

export type WakeDeps = Pick<ServiceDeps, 'store' | 'clock' | 'poke'> & { readonly costLimits: Pick<ServiceDeps['costLimits'], 'admit'> }

/**
 * For what needs the machine. Only a stop by idleness is undone without being asked to: what a person, a budget or a
 * failure stopped stays so, and what came for it is kept.
 */
export async function wakeWorkspace(deps: WakeDeps, record: WorkspaceRecord, reason: string): Promise<void> {
  const { workspace } = record
  if (workspace.wish.target !== 'stopped' || workspace.wish.by !== 'idle') return
  const { version } = workspace.wish
  const now = deps.clock.now()
  try {
    await deps.costLimits.admit(startOf(record), () => deps.store.setWish(workspace.id, { target: 'running', by: 'user', reason, expectVersion: version }, now))
  } catch (error) {
    if (!(error instanceof BerthError) || error.code !== 'over_budget') throw error
    // What came for it is kept, and it is said why it waits.
    await deps.store.events.append(workspace.id, [{ body: { type: 'workspace.notice', level: 'warning', code: error.code, message: `it sleeps on: ${error.message}`, hint: error.hint ?? null } }], now)
  }
  deps.poke(workspace.id)
}

export function requireCan(deps: Pick<ServiceDeps, 'clock'>, record: WorkspaceRecord, action: WorkspaceAction): void {
  const { phase } = phaseOf(record, deps.clock.now())
  if (workspaceCan(action, phase)) return
  const { name } = record.workspace
  if (phase === 'deleted' || phase === 'deleting') throw new BerthError('not_found', `${name} is deleted`, { hint: 'see `berth list`', details: { phase } })
  const needsMachine = phase === 'sleeping' || phase === 'stopped' || phase === 'failed'
  throw new BerthError(needsMachine ? 'workspace_not_running' : 'workspace_busy', `${name} is ${phase}`, {
    hint: needsMachine ? `start it with \`berth start ${name}\`` : 'try again in a moment',
    details: { phase },
  })
}

export async function sourceReady(deps: ServiceDeps, id: WorkspaceId): Promise<Workspace> {
  const record = await requireRecord(deps, id)
  const { source } = record.workspace
  if (source.kind === 'archive' && !(await deps.uploads.exists(id))) throw new BerthError('conflict', 'no archive was uploaded yet', { hint: 'upload it first' })
  if (source.kind === 'hosted' && (await deps.repositories.resolve(id, 'refs/heads/berth/source')) === null) throw new BerthError('conflict', 'nothing was pushed yet', { hint: 'push refs/heads/berth/source first' })
  await deps.store.setSourceReady(id, deps.clock.now())
  deps.poke(id)
  await deps.daemons.reassign(id).catch((error: unknown) => deps.log(`${id}: no new assignment sent: ${String(error)}`))
  return viewById(deps, id)
}

export async function sourceFailed(deps: ServiceDeps, id: WorkspaceId, message: string): Promise<Workspace> {
  const record = await requireRecord(deps, id)
  if (record.workspace.sourceReady) throw new BerthError('conflict', 'the upload was complete already')
  await deps.store.failWorkspace(id, { code: 'clone_refused', message: `the code could not be uploaded: ${message}`, hint: 'run `berth up` again' }, deps.clock.now())
  deps.poke(id)
  return viewById(deps, id)
}

export async function setWeb(deps: ServiceDeps, id: WorkspaceId, on: boolean): Promise<Workspace> {
  await requireRecord(deps, id)
  await deps.store.setWeb(id, on, deps.clock.now())
  return viewById(deps, id)
}

export async function keepAlive(deps: ServiceDeps, id: WorkspaceId, forMs: number): Promise<Workspace> {
  await requireRecord(deps, id)
  const now = deps.clock.now()
  await deps.store.setKeepAlive(id, forMs === 0 ? null : now + forMs, now)
  return viewById(deps, id)
}
