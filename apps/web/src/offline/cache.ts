/**
 * What was seen, kept in this browser for reading without a connection: the list, and the last events of the sessions
 * that were opened. Bounded; a browser that keeps nothing only loses the convenience.
 */
import type { Approval, StoredEvent, Workspace, WorkspaceId } from '@berth/wire'
import { tooMany, within } from './database.ts'

const SESSIONS_LIMIT = 30
const EVENTS_LIMIT = 200
/** Of one session, as JSON. */
const SESSION_BYTES = 512 * 1024

interface KeptList { readonly at: number; readonly workspaces: readonly Workspace[]; readonly approvals: readonly Approval[] }
interface KeptSession { readonly at: number; readonly events: readonly StoredEvent[]; readonly after: number }

export async function keepList(list: KeptList): Promise<void> {
  await write('list', list)
}
export const readList = () => read<KeptList>('list')
export const readSession = (id: WorkspaceId) => read<KeptSession>(`session ${id}`)

export async function keepSession(id: WorkspaceId, session: KeptSession): Promise<void> {
  let events = session.events.slice(-EVENTS_LIMIT)
  while (events.length > 1 && JSON.stringify(events).length > SESSION_BYTES) events = events.slice(Math.ceil(events.length / 2))
  await write(`session ${id}`, { ...session, events })
  for (const gone of await tooMany('berth', id, SESSIONS_LIMIT)) await within('berth', 'readwrite', (store) => store.delete(`session ${gone}`))
}

async function write(key: string, value: unknown): Promise<void> {
  await within('berth', 'readwrite', (store) => store.put(value, key))
}

async function read<T>(key: string): Promise<T | null> {
  return ((await within('berth', 'readonly', (store) => store.get(key))) as T | undefined) ?? null
}
