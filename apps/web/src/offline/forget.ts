/** Whoever is signed out keeps nothing of what was read here: a lost phone is revoked from elsewhere. Also run by the worker. */
import { DATABASES, within } from './database.ts'

/** Answers that the worker kept (`sw.ts`). */
export const SEEN = 'berth-seen'

export async function forgetAll(): Promise<void> {
  // One that is only looked for must not be made.
  const known = new Set((await indexedDB.databases()).map(({ name }) => name))
  await Promise.all([caches.delete(SEEN), ...DATABASES.filter((name) => known.has(name)).map((name) => within(name, 'readwrite', (store) => store.clear()))])
}
