/**
 * The counter row of a workspace's events. Any transaction that writes events of a workspace takes this row's lock
 * before any other of that workspace, so seqs have no holes and two transactions never wait for each other in a ring.
 */
import { BerthError, type EventId, type StoredEvent, type UserId, type WorkspaceId } from '@berth/wire'
import type { Transaction } from './address.ts'
import { boundedBody } from './json.ts'

export const EVENTS_CHANNEL = 'berth_events'
const RIGHTS = 'rights '
/** Null: it tells of events. */
export const rightsIn = (payload: string): UserId | null => (payload.startsWith(RIGHTS) ? (payload.slice(RIGHTS.length) as UserId) : null)
/** In the transaction that changes what that person may. */
export async function tellRights(tx: Transaction, userId: UserId): Promise<void> {
  await tx`select pg_notify(${EVENTS_CHANNEL}, ${RIGHTS + userId})`
}

export interface StreamRow { readonly tail: number; readonly floor: number; readonly linkEpoch: number }
export interface NewEvent { readonly id: EventId; readonly at: number; readonly source: StoredEvent['source']; readonly body: StoredEvent['body'] }

export async function lockStream(tx: Transaction, workspaceId: WorkspaceId): Promise<StreamRow> {
  const [row] = await tx<StreamRow[]>`select tail, floor, link_epoch from streams where workspace_id = ${workspaceId} for update`
  if (row === undefined) throw new BerthError('not_found', `there is no workspace ${workspaceId}`)
  return row
}

export async function appendEvents(tx: Transaction, workspaceId: WorkspaceId, events: readonly NewEvent[]): Promise<StoredEvent[]> {
  if (events.length === 0) return []
  const [row] = await tx<{ tail: number }[]>`update streams set tail = tail + ${events.length} where workspace_id = ${workspaceId} returning tail`
  if (row === undefined) throw new BerthError('not_found', `there is no workspace ${workspaceId}`)
  const first = row.tail - events.length + 1
  const stored = events.map((event, index) => ({ workspaceId, seq: first + index, ...event, body: boundedBody(event.body) as StoredEvent['body'] }))
  await tx`insert into events ${tx(stored.map((event) => ({ ...event, body: tx.json(event.body as never) })))}`
  // The workspace's name only: a notification holds at most 8000 bytes, and the reader reads the table anyway.
  await tx`select pg_notify(${EVENTS_CHANNEL}, ${workspaceId})`
  return stored
}
