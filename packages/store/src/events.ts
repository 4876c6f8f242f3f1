import type { EventStore } from '@berth/core'
import { BerthError, StoredEvent, type UserId, type WorkspaceId } from '@berth/wire'
import type { DatabaseAddress } from './address.ts'
import type { StoreContext } from './context.ts'
import { listenTo } from './listen.ts'
import { shareReads } from './shared-read.ts'
import { appendEvents, EVENTS_CHANNEL, rightsIn } from './streams.ts'

const PAGE_LIMIT = 1000
const APPEND_LIMIT = 1000

export async function createEventStore({ sql, ids, log }: StoreContext, address: DatabaseAddress): Promise<{ events: EventStore; close(): Promise<void> }> {
  const listeners = new Set<(workspaceId: WorkspaceId) => void>()
  const rightsListeners = new Set<(userId: UserId | null) => void>()
  const tellRights = (userId: UserId | null) => {
    for (const listener of rightsListeners) {
      try { listener(userId) } catch (error) { log(`events: a listener threw: ${String(error)}`) }
    }
  }
  const tell = (workspaceId: string) => {
    for (const listener of listeners) {
      // NOTIFY carries what we sent; a listener compares it, nobody trusts it.
      try { listener(workspaceId as WorkspaceId) } catch (error) { log(`events: a listener threw: ${String(error)}`) }
    }
  }
  const tellAll = async () => {
    if (listeners.size === 0) return
    for (const { workspaceId } of await sql<{ workspaceId: string }[]>`select workspace_id from streams`) tell(workspaceId)
  }

  const close = await listenTo(address, {
    channel: EVENTS_CHANNEL, log,
    onMessage: (payload) => {
      const userId = rightsIn(payload)
      if (userId === null) tell(payload)
      else tellRights(userId)
    },
    // Everybody looks again.
    onMissed: () => {
      tellRights(null)
      tellAll().catch((error: unknown) => log(`events: ${String(error)}`))
    },
  })

  const events: EventStore = {
    async append(workspaceId, added, now) {
      if (added.length > APPEND_LIMIT) throw new BerthError('too_many', `at most ${APPEND_LIMIT} events at once`)
      return sql.begin((tx) => appendEvents(tx, workspaceId, added.map(({ id, body }) => ({ id: id ?? ids.event(), at: now, source: 'server', body }))))
    },

    read: shareReads(async (workspaceId, after, limit) => {
      const rows = await sql`
        select workspace_id, seq, id, at, source, body from events
        where workspace_id = ${workspaceId} and seq > ${after} order by seq limit ${Math.max(1, Math.min(limit, PAGE_LIMIT))}`
      // Read after the page: a prefix dropped between the two is seen here.
      const [stream] = await sql<{ floor: number; tail: number }[]>`select floor, tail from streams where workspace_id = ${workspaceId}`
      if (stream === undefined) throw new BerthError('not_found', `there is no workspace ${workspaceId}`)
      if (after < stream.floor) {
        throw new BerthError('cursor_gone', `events up to ${stream.floor} are no longer kept`, { hint: `read on from ${stream.floor}`, details: { floor: stream.floor } })
      }
      // Whoever waited here for the stream to pass this place would never see what came before it.
      if (after > stream.tail) {
        throw new BerthError('cursor_gone', `the stream ends at ${stream.tail}, before ${after}`, { hint: 'the server was restored from a backup: read again from the beginning', details: { floor: stream.floor } })
      }
      return rows.map((row) => readable(row))
    }),

    async tail(workspaceId) {
      const [row] = await sql<{ tail: number }[]>`select tail from streams where workspace_id = ${workspaceId}`
      if (row === undefined) throw new BerthError('not_found', `there is no workspace ${workspaceId}`)
      return row.tail
    },

    async ofTypes(workspaceId, types, { after, since = 0, limit, newest = false }) {
      const bounded = Math.max(1, Math.min(limit, PAGE_LIMIT))
      const wanted = sql`workspace_id = ${workspaceId} and seq > ${after} and at >= ${since} and body ->> 'type' = any(${[...types]})`
      const rows = newest
        ? (await sql`select workspace_id, seq, id, at, source, body from events where ${wanted} order by seq desc limit ${bounded}`).toReversed()
        : await sql`select workspace_id, seq, id, at, source, body from events where ${wanted} order by seq limit ${bounded}`
      return rows.map((row) => readable(row))
    },

    onRights(listener) {
      rightsListeners.add(listener)
      return () => rightsListeners.delete(listener)
    },

    onAppend(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }

  /** A row that cannot be read is said to be a gap: the seqs stay without holes. */
  function readable(row: Record<string, unknown>): StoredEvent {
    const parsed = StoredEvent.safeParse(row)
    if (parsed.success) return parsed.data
    const { workspaceId, seq, id, at } = row as unknown as Pick<StoredEvent, 'workspaceId' | 'seq' | 'id' | 'at'>
    log(`events: ${workspaceId} ${seq} cannot be read: ${parsed.error.message}`)
    return { workspaceId, seq, id, at, source: 'server', body: { type: 'gap', from: seq, to: seq, why: 'this event cannot be read' } }
  }

  return { events, close }
}
