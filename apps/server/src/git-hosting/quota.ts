/**
 * How much the repositories of this server may hold: each of them, and all of one person together. What pushes bring
 * counts from the moment it comes, so that several at once have no more room than one after another.
 */
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
  const [ofRepositories, ofPersons] = [createUnderWay<WorkspaceId | RepositoryId>(), createUnderWay<UserId>()]
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
      const owner = await ownerOf(id)
      const [repository, person] = [ofRepositories.enter(id), owner === null ? null : ofPersons.enter(owner)]
      let own = 0
      const over = (kept: boolean): void => {
        if (own > 0) repositories.changed(id)
        repository.leave(kept)
        person?.leave(kept)
      }
      try {
        const [size, ofPerson] = [(await repositories.sizeBytes(id)) ?? 0, owner === null ? 0 : await usedBy(owner)]
        const used = () => ({ here: size + repository.others(), together: ofPerson + (person?.others() ?? 0) })
        const left = () => ({ here: repositories.quotaBytes - used().here - own, together: personBytes - used().together - own })
        return {
          leftBytes: () => Math.max(0, Math.min(left().here, left().together)),
          refusal: () => (left().here <= left().together
            ? `the repository is full: ${used().here} of ${repositories.quotaBytes} bytes are used, and this does not fit`
            : `all repositories of its owner together are full: ${used().together} of ${personBytes} bytes are used, and this does not fit`),
          took(bytes) {
            own += bytes
            repository.took(bytes)
            person?.took(bytes)
          },
          over,
        }
      } catch (error) {
        over(false)
        throw error
      }
    },
  }
}

/** Bytes of pushes that are not over. */
function createUnderWay<K>() {
  const counts = new Map<K, { passed: number; underWay: number; pushes: number }>()
  return {
    /** Before anything is measured: what ends meanwhile is counted twice rather than not at all. */
    enter(key: K) {
      const count = counts.get(key) ?? { passed: 0, underWay: 0, pushes: 0 }
      counts.set(key, count)
      count.pushes += 1
      const before = count.underWay - count.passed
      let own = 0
      return {
        /** What the others have brought that was under way when this one came, or came later: ended since or not, it was not measured. */
        others: () => before + count.passed - own,
        took(bytes: number): void {
          own += bytes
          count.passed += bytes
          count.underWay += bytes
        },
        leave(kept: boolean): void {
          count.underWay -= own
          if (!kept) count.passed -= own
          count.pushes -= 1
          if (count.pushes === 0) counts.delete(key)
        },
      }
    },
  }
}
