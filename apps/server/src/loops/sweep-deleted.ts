/**
 * What the server keeps on disk for a workspace goes when the workspace is gone, also after a crash between the two. What is
 * of a workspace that the database does not know, or whose row it cannot read, stays: it may be an older database.
 */
import { readdir } from 'node:fs/promises'
import type { WorkspaceStore } from '@berth/core'
import { WorkspaceId } from '@berth/wire'
import type { Repositories } from '../git-hosting/repositories.ts'
import type { ProjectCode } from '../project/project-code.ts'
import type { Uploads } from '../git-hosting/uploads.ts'

export interface SweepDeps {
  readonly store: Pick<WorkspaceStore, 'isDeleted'>
  readonly repositories: Repositories
  readonly uploads: Uploads
  readonly projects?: Pick<ProjectCode, 'forget'>
  readonly bootLogs?: { forget(id: WorkspaceId): Promise<void> }
}

export async function forgetFiles(deps: SweepDeps, id: WorkspaceId): Promise<boolean> {
  if (!(await deps.store.isDeleted(id))) return false
  await deps.repositories.remove(id)
  await deps.uploads.remove(id)
  await deps.projects?.forget(id)
  await deps.bootLogs?.forget(id)
  return true
}

export async function sweepDeleted(deps: SweepDeps, dirs: readonly string[]): Promise<void> {
  const ids = new Set<WorkspaceId>()
  for (const dir of dirs) {
    for (const name of await readdir(dir).catch(() => [])) {
      const id = WorkspaceId.safeParse(name.split('.')[0])
      if (id.success) ids.add(id.data)
    }
  }
  for (const id of ids) await forgetFiles(deps, id)
}
