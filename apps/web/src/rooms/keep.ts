/** What a room read last, for reading it without a connection. It is a convenience: a browser that refuses only loses it. */
import { serverNow } from '../state/session.ts'
import { tooMany, within } from '../offline/database.ts'

/** A review is up to megabytes. */
const LIMIT = 30

export interface Kept<T> { readonly value: T; readonly at: number }

export async function keep(key: string, value: unknown): Promise<void> {
  try {
    await within('berth-rooms', 'readwrite', (store) => store.put({ value, at: serverNow() }, key))
    for (const gone of await tooMany('berth-rooms', key, LIMIT)) await within('berth-rooms', 'readwrite', (store) => store.delete(gone))
  } catch {
    // Not kept; the next reading needs a connection.
  }
}

/** The caller says what it kept under the key. */
export async function kept<T>(key: string): Promise<Kept<T> | null> {
  try {
    return ((await within('berth-rooms', 'readonly', (store) => store.get(key))) as Kept<T> | undefined) ?? null
  } catch {
    return null
  }
}
