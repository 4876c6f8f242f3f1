/**
 * What nobody needs any more is removed. Events are kept: they are the record of what agents did. Only a workspace
 * with more than the limit loses its oldest, whole prefixes at a time; `floor` says up to where, and a reader that
 * asks for what is below it is told so.
 */
import type { PruneLimits, Pruned, RetentionStore } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import type { StoreContext } from './context.ts'
import { lockStream } from './streams.ts'

/** A delete holds its locks for a moment only. */
const EVENTS_AT_ONCE = 10_000

export function createRetention({ sql }: StoreContext): RetentionStore {
  /** Moves the floor first: from then on nobody is promised what is below it. */
  const dropPrefix = async (workspaceId: WorkspaceId, keep: number): Promise<number> => {
    const floor = await sql.begin(async (tx) => {
      const stream = await lockStream(tx, workspaceId)
      const wanted = Math.max(stream.floor, stream.tail - keep)
      await tx`update streams set floor = ${wanted} where workspace_id = ${workspaceId}`
      return wanted
    })
    let dropped = 0
    for (;;) {
      const { count } = await sql`
        delete from events where workspace_id = ${workspaceId} and seq <= ${floor}
          and seq in (select seq from events where workspace_id = ${workspaceId} and seq <= ${floor} order by seq limit ${EVENTS_AT_ONCE})`
      dropped += count
      if (count < EVENTS_AT_ONCE) return dropped
    }
  }

  return {
    async prune({ keepMs, viewerMs, eventsPerWorkspace }: PruneLimits, now): Promise<Pruned> {
      const before = now - keepMs
      const links = await sql`
        delete from links l where l.closed_at < ${before} and l.epoch < (select link_epoch from streams s where s.workspace_id = l.workspace_id)`
      // The machine is gone, and its daemon with it: nothing will be uploaded from that journal again.
      const journals = await sql`
        delete from journals j using machines m
        where m.workspace_id = j.workspace_id and m.generation = j.generation and m.ended_at < ${before} and j.updated_at < ${before}`
      const viewers = await sql`delete from viewers where last_seen_at < ${now - viewerMs}`
      await sql`delete from sign_in_codes where expires_at < ${before}`
      await sql`delete from preview_grants where expires_at < ${now}`
      await sql`delete from sign_in_steps where expires_at < ${now}`
      await sql`delete from device_logins where expires_at < ${before}`
      await sql`delete from sign_in_failures where last_at < ${before}`
      await sql`delete from tokens where expires_at < ${before}`
      // A longer one also when a crash came between the floor and the rows.
      const long = await sql<{ workspaceId: WorkspaceId }[]>`
        select workspace_id from streams s where tail - floor > ${eventsPerWorkspace}
          or (floor > 0 and exists (select from events e where e.workspace_id = s.workspace_id and e.seq <= s.floor))`
      let events = 0
      for (const { workspaceId } of long) events += await dropPrefix(workspaceId, eventsPerWorkspace)
      return { links: links.count, journals: journals.count, viewers: viewers.count, events }
    },
  }
}
