/** Whole workspaces saved, listed and removed. */
import type { Identity, SavedRow } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { SavedId, WorkspaceId } from '@berth/wire'
import type { SavedKind, SavedState } from '@berth/wire/saved'
import type { Gate } from '../access/gate.ts'
import type { StateBytes } from '../saved/state-bytes.ts'
import type { StateSaving } from '../saved/saving.ts'
import { reachable } from './code.ts'
import type { ServiceDeps } from './deps.ts'
import { requireRecord } from './view.ts'
import { requireCan } from './workspaces.ts'

export interface SavedDeps extends ServiceDeps {
  readonly saving: StateSaving
  readonly gate: Pick<Gate, 'may' | 'seenBy'>
  readonly stateBytes: StateBytes
  /** Of backups for which nobody says otherwise. */
  readonly keepBackupsMs: number
}
/** A fork is made of it right away. */
const KEEP_FORK_MS = 24 * 3600_000

export async function saveWorkspace(deps: SavedDeps, { id, kind, name, keepMs }: { id: WorkspaceId; kind: Exclude<SavedKind, 'move'>; name?: string | undefined; keepMs?: number | undefined }, caller: Identity): Promise<SavedState> {
  const record = await requireRecord(deps, id)
  requireCan(deps, record, 'attach')
  if (!(await reachable(deps, record))) throw new BerthError('workspace_not_running', `the machine of ${record.workspace.name} does not answer`, { hint: `start it with \`berth start ${record.workspace.name}\`` })
  if (kind === 'template' && name === undefined) throw new BerthError('bad_request', 'a template has a name')
  const keep = keepMs ?? (kind === 'fork' ? KEEP_FORK_MS : kind === 'template' ? 0 : deps.keepBackupsMs)
  return savedView(await deps.saving.start(record, { kind, name: kind === 'template' ? name ?? null : null, expiresAt: keep === 0 ? null : deps.clock.now() + keep, by: caller.userId }))
}

export async function listSaved(deps: SavedDeps, { orgId, userId, role }: Identity, seen: (id: WorkspaceId) => boolean): Promise<SavedState[]> {
  return (await deps.store.saved.list({ orgId })).filter(({ workspaceId, kind, createdBy }) => kind === 'template' || createdBy === userId || role === 'owner' || seen(workspaceId)).map(savedView)
}

export async function requireSaved(deps: SavedDeps, caller: Identity, id: SavedId): Promise<SavedRow> {
  const row = await deps.store.saved.get(id)
  if (row === null || row.state === 'removed' || row.orgId !== caller.orgId || !(await mayUse(deps, caller, row))) throw new BerthError('not_found', `there is no saved state ${id}`, { hint: 'see `berth backup list`' })
  return row
}

/** What stands in it is what stood in its workspace. A template was made for the whole organisation. */
async function mayUse(deps: SavedDeps, caller: Identity, row: SavedRow): Promise<boolean> {
  return row.kind === 'template' || row.createdBy === caller.userId || caller.role === 'owner' || deps.gate.may(caller, 'act', row.workspaceId)
}

export async function removeSaved(deps: SavedDeps, caller: Identity, id: SavedId): Promise<{ removed: boolean }> {
  const row = await requireSaved(deps, caller, id)
  if (row.createdBy !== caller.userId && caller.role !== 'owner' && !(await deps.gate.may(caller, 'own', row.workspaceId))) throw new BerthError('forbidden', 'access denied: you may not decide about this saved state', { hint: 'ask whoever made it, or an owner' })
  if (!(await deps.store.saved.remove(id))) throw new BerthError('conflict', 'a workspace begins with it just now', { hint: 'try again when that runs' })
  await deps.saving.collect()
  return { removed: true }
}

export function savedView({ id, kind, name, workspaceId, workspaceName, repository, state, detail, place, sizeBytes, files, leftOut, createdAt, verifiedAt, expiresAt }: SavedRow): SavedState {
  return { id, kind, name, workspaceId, workspaceName, repository, state: state === 'removed' ? 'failed' : state, detail, place, sizeBytes, files, leftOut: [...leftOut], createdAt, verifiedAt, expiresAt }
}
