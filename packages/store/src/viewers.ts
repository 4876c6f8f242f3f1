import type { ViewerStore } from '@berth/core'
import type { UserId, WorkspaceId } from '@berth/wire'
import type { StoreContext } from './context.ts'

/** A row that nobody has renewed for this long is of no use to anybody. */
const FORGET_MS = 24 * 60 * 60 * 1000

export function createViewers({ sql, ids }: StoreContext): ViewerStore {
  return {
    async join({ workspaceId, userId, client }, now) {
      const id = ids.viewer()
      await sql`delete from viewers where last_seen_at < ${now - FORGET_MS}`
      await sql`insert into viewers ${sql({ id, workspaceId, userId, client, joinedAt: now, lastSeenAt: now })}`
      return id
    },

    async heartbeat(id, input, now) {
      const [row] = await sql<{ workspaceId: string }[]>`
        update viewers set last_seen_at = ${now}, last_input_at = case when ${input} then ${now} else last_input_at end
        where id = ${id} returning workspace_id`
      if (row === undefined) return false
      // Looking is not activity; typing is.
      if (input) await sql`update workspaces set last_active_at = greatest(last_active_at, ${now}) where id = ${row.workspaceId}`
      return true
    },

    async get(id) {
      return (await sql<{ workspaceId: WorkspaceId; userId: UserId }[]>`select workspace_id, user_id from viewers where id = ${id}`)[0] ?? null
    },
    async leave(id) { await sql`delete from viewers where id = ${id}` },

    async count(workspaceId, after) {
      const [row] = await sql<{ count: number }[]>`select count(*) as count from viewers where workspace_id = ${workspaceId} and last_seen_at > ${after}`
      return row?.count ?? 0
    },

    async total(after) {
      const [row] = await sql<{ count: number }[]>`select count(*) as count from viewers where last_seen_at > ${after}`
      return row?.count ?? 0
    },
  }
}
