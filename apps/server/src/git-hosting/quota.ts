/** How much the repositories of this server may hold: each of them, and all of one person together. */
import type { Store } from '@berth/core'
import { RepositoryId } from '@berth/wire'
import type { UserId, WorkspaceId } from '@berth/wire'
import type { Repositories } from './repositories.ts'
import type { Room } from './smart-http.ts'

export interface QuotaDeps {
  readonly store: Pick<Store, 'listWorkspaces' | 'hostedRepositories' | 'getWorkspace'>
  readonly repositories: Pick<Repositories, 'sizeBytes' | 'changed' | 'quotaBytes'>
  /** Of all that are one person's. */
  readonly personBytes: number
}
export interface Quota {
  readonly repositoryBytes: number
  readonly personBytes: number
  /** What all repositories of that person hold, in whatever organisation. */
  usedBy(owner: UserId): Promise<number>
  /** What a push to it may still bring. */
  roomIn(id: WorkspaceId | RepositoryId): Promise<Room>
}

/** Of one person. */
export const PERSON_BYTES = 64 * 1024 ** 3

export function createQuota({ store, repositories, personBytes }: QuotaDeps): Quota {
  const ownerOf = async (id: WorkspaceId | RepositoryId): Promise<UserId | null> => {
    const task = RepositoryId.safeParse(id)
    if (task.success) return (await store.hostedRepositories.get(task.data))?.ownerId ?? null
    return (await store.getWorkspace(id as WorkspaceId))?.workspace.creatorId ?? null
  }
  const usedBy = async (owner: UserId): Promise<number> => {
    const [workspaces, tasks] = await Promise.all([store.listWorkspaces({ deleted: false }), store.hostedRepositories.list(null)])
    const ids = [...workspaces.filter(({ workspace }) => workspace.creatorId === owner).map(({ workspace }) => workspace.id), ...tasks.filter(({ ownerId }) => ownerId === owner).map(({ id }) => id)]
    const sizes = await Promise.all(ids.map((id) => repositories.sizeBytes(id)))
    return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
  }
  return {
    repositoryBytes: repositories.quotaBytes, personBytes, usedBy,
    async roomIn(id) {
      const [size, owner] = [(await repositories.sizeBytes(id)) ?? 0, await ownerOf(id)]
      const ofPerson = owner === null ? 0 : await usedBy(owner)
      const [here, together] = [repositories.quotaBytes - size, personBytes - ofPerson]
      const refusal = here <= together
        ? `the repository is full: ${size} of ${repositories.quotaBytes} bytes are used, and this does not fit`
        : `all repositories of its owner together are full: ${ofPerson} of ${personBytes} bytes are used, and this does not fit`
      return { leftBytes: Math.max(0, Math.min(here, together)), refusal, over: () => repositories.changed(id) }
    },
  }
}
