/** A workspace as clients see it. */
import { deadlines, describe } from '@berth/core'
import type { WorkspaceRecord } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { Workspace, WorkspaceId } from '@berth/wire'
import type { ServiceDeps } from './deps.ts'

export async function viewOf(deps: ServiceDeps, record: WorkspaceRecord, needsYou?: number): Promise<Workspace> {
  const { id } = record.workspace
  const now = deps.clock.now()
  const [waiting, viewers, tail] = await Promise.all([
    needsYou ?? deps.store.approvals.list({ workspaceId: id, all: false }).then((approvals) => approvals.length),
    deps.store.viewers.count(id, now - deadlines.viewerGone),
    deps.store.events.tail(id),
  ])
  const webUrl = `${deps.pageUrl}/workspaces/${id}`
  return describe(record, now, { needsYou: waiting, viewers, tail, webUrl, terminalUrl: `${webUrl}/terminal`, upSince: deps.upSince() })
}

export async function requireRecord(deps: Pick<ServiceDeps, 'store'>, id: WorkspaceId): Promise<WorkspaceRecord> {
  const record = await deps.store.getWorkspace(id)
  if (!record) throw new BerthError('not_found', `there is no workspace ${id}`, { hint: 'see `berth list`' })
  return record
}

export async function viewById(deps: ServiceDeps, id: WorkspaceId): Promise<Workspace> {
  return viewOf(deps, await requireRecord(deps, id))
}
