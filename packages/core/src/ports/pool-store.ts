/** Workspaces made ahead of those who will ask for them. A member is a workspace like any other until it is taken. */
import type { OrgId, PoolId, Resources, UserId, WorkspaceId } from '@berth/wire'
import type { WorkspaceRecord } from '../workspace/records.ts'
import type { NewWorkspace } from './store.ts'

export interface Pool {
  readonly id: PoolId
  readonly orgId: OrgId
  /** Whose limits members count against, until they are taken. */
  readonly creatorId: UserId
  readonly url: string
  /** Null: the repository's own. */
  readonly branch: string | null
  readonly provider: string
  readonly resources: Resources
  readonly count: number
  /** Of a month, of members only. */
  readonly budgetMicros: number
  readonly currency: string
  /** None is made before. */
  readonly retryAt: number
  /** Why there are fewer than there should be; null: there are not, or they are on their way. */
  readonly problem: string | null
  readonly createdAt: number
}

export interface PoolStore {
  list(orgId?: OrgId): Promise<Pool[]>
  /** The same code, branch, provider and size is the same pool. */
  put(pool: Omit<Pool, 'id' | 'retryAt' | 'problem' | 'createdAt'>, now: number): Promise<Pool>
  remove(orgId: OrgId, id: PoolId): Promise<boolean>
  note(id: PoolId, note: Pick<Pool, 'retryAt' | 'problem'>): Promise<void>
  /** Not taken and not deleted, also of pools that are gone. */
  members(): Promise<WorkspaceRecord[]>
  /** One more. Null: there are `atMost` already, or the pool is gone. */
  add(id: PoolId, row: NewWorkspace, atMost: number, now: number): Promise<WorkspaceRecord | null>
  /**
   * A member that is ready becomes the workspace of that row, all at once and once; it keeps its id, its machine and its
   * main session. Null: none is ready. Throws `name_taken`.
   */
  take(id: PoolId, row: NewWorkspace, now: number): Promise<WorkspaceRecord | null>
  /** It is wished to be deleted, unless somebody took it. */
  end(member: WorkspaceId, reason: string, now: number): Promise<boolean>
  /** What members came to in the month of `at`, by then. */
  monthMicros(id: PoolId, at: number): Promise<number>
}
