/** A command in a workspace: its daemon runs it, here is only who may. */
import type { ByteStream } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import type { ServiceDeps } from './deps.ts'
import { requireRecord } from './view.ts'
import { requireCan } from './workspaces.ts'

export async function openRun(deps: ServiceDeps, id: WorkspaceId): Promise<ByteStream> {
  requireCan(deps, await requireRecord(deps, id), 'attach')
  return deps.daemons.openStream(id, { service: 'run' })
}
