/** What pages keep in the browser. IndexedDB, because it exists without TLS too; a browser may refuse it (private mode, full disk). */
export const DATABASES = ['berth', 'berth-rooms'] as const
type Database = (typeof DATABASES)[number]
const STORE = 'kept'

export async function within(name: Database, mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest): Promise<unknown> {
  const opening = indexedDB.open(name, 1)
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE)
  const database = await answered(opening)
  try {
    return await answered(work(database.transaction(STORE, mode).objectStore(STORE)))
  } finally {
    database.close()
  }
}

const ORDER = 'order'

/** Those that are too many once this one is the newest of its database; whoever keeps them lets them go. */
export async function tooMany(name: Database, id: string, limit: number): Promise<string[]> {
  const known = ((await within(name, 'readonly', (store) => store.get(ORDER))) as string[] | undefined) ?? []
  const order = [...known.filter((other) => other !== id), id]
  await within(name, 'readwrite', (store) => store.put(order.slice(-limit), ORDER))
  return order.slice(0, -limit)
}

function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('the browser keeps nothing'))
  })
}
