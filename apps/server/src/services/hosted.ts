/** The repositories that this server keeps for workspaces. Each is made when its code first comes, and goes with its workspace. */
import type { WorkspaceId } from '@berth/wire'
import type { HostedRepository } from '@berth/wire/git-access'
import type { ServiceDeps } from './deps.ts'

export type HostedDeps = Pick<ServiceDeps, 'store' | 'repositories' | 'pageUrl'>

/** `hidden`: those that are not on the web, too. */
export async function listHosted({ store, repositories, pageUrl }: HostedDeps, { seen, hidden }: { seen: (id: WorkspaceId) => boolean; hidden: boolean }): Promise<HostedRepository[]> {
  const records = (await store.listWorkspaces({ deleted: false })).filter(({ workspace }) => seen(workspace.id) && (hidden || workspace.web !== false))
  const sizes = await Promise.all(records.map(({ workspace }) => repositories.sizeBytes(workspace.id)))
  return records.flatMap(({ workspace: { id, name, repository, lastActiveAt } }, at) => {
    const sizeBytes = sizes[at] ?? null
    return sizeBytes === null ? [] : [{ workspaceId: id, name, label: repository, url: `${pageUrl}/git/${id}`, sizeBytes, quotaBytes: repositories.quotaBytes, lastActiveAt }]
  })
}
