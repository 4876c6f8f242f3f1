/** A workspace as clients see it. */
import { deadlines, describe } from '@berth/core'
import type { SessionRow, WorkspaceRecord } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { SessionId, Workspace, WorkspaceId } from '@berth/wire'
import type { ServiceDeps } from './deps.ts'

/** What somebody who shows many has read for all of them at once. */
export interface Known { readonly needsYou: number; readonly sessions?: readonly SessionRow[] }

export async function viewOf(deps: ServiceDeps, record: WorkspaceRecord, known?: Known): Promise<Workspace> {
  const { id } = record.workspace
  const now = deps.clock.now()
  const [waiting, viewers, tail, sessions] = await Promise.all([
    known?.needsYou ?? deps.store.approvals.list({ workspaceId: id, all: false }).then((approvals) => approvals.length),
    deps.store.viewers.count(id, now - deadlines.viewerGone),
    deps.store.events.tail(id),
    known?.sessions ?? sessionsOf(deps, id),
  ])
  const webUrl = `${deps.pageUrl}/workspaces/${id}`
  return { origin: deps.origins.of(id), ...describe(record, now, { needsYou: waiting, sessions, viewers, tail, webUrl, terminalUrl: `${webUrl}/terminal`, upSince: deps.upSince() }) }
}

export async function requireRecord(deps: Pick<ServiceDeps, 'store'>, id: WorkspaceId): Promise<WorkspaceRecord> {
  const record = await deps.store.getWorkspace(id)
  if (!record) throw new BerthError('not_found', `there is no workspace ${id}`, { hint: 'see `berth list`' })
  return record
}

export async function viewById(deps: ServiceDeps, id: WorkspaceId): Promise<Workspace> {
  return viewOf(deps, await requireRecord(deps, id))
}

/** Those that were not ended, the main one first. */
export async function sessionsOf(deps: Pick<ServiceDeps, 'store'>, id: WorkspaceId): Promise<readonly SessionRow[]> {
  return (await deps.store.sessions.list([id])).get(id) ?? []
}

export async function requireSession(deps: Pick<ServiceDeps, 'store'>, id: WorkspaceId, session: SessionId): Promise<SessionRow> {
  const row = (await sessionsOf(deps, id)).find((one) => one.id === session)
  if (row === undefined) throw new BerthError('not_found', `there is no session ${session} in this workspace`, { hint: 'see `berth session list <workspace>`' })
  return row
}
