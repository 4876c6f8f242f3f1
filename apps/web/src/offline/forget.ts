/** Whoever is signed out keeps nothing of what was read here: a lost phone is revoked from elsewhere. Also run by the worker. */
const DATABASES = ['berth', 'berth-rooms']
const STORE = 'kept'
/** Answers that the worker kept (`sw.ts`). */
export const SEEN = 'berth-seen'

export async function forgetAll(): Promise<void> {
  // One that is only looked for must not be made.
  const known = new Set((await indexedDB.databases()).map(({ name }) => name))
  await Promise.all([caches.delete(SEEN), ...DATABASES.filter((name) => known.has(name)).map(empty)])
}

function empty(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(name)
    opening.onerror = () => reject(opening.error ?? new Error('the browser keeps it'))
    opening.onsuccess = () => {
      const database = opening.result
      const emptied = database.transaction(STORE, 'readwrite').objectStore(STORE).clear()
      emptied.onsuccess = () => resolve(database.close())
      emptied.onerror = () => reject(emptied.error ?? new Error('the browser keeps it'))
    }
  })
}
