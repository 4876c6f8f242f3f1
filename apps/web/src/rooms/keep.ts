/**
 * What was read last, kept in the browser for reading without a connection. It is a convenience: a browser that
 * refuses (private mode, full disk) only loses it. IndexedDB, because it exists without TLS too.
 */
const DATABASE = 'berth-rooms'
const STORE = 'kept'

export interface Kept<T> { readonly value: T; readonly at: number }

export async function keep(key: string, value: unknown): Promise<void> {
  try {
    await run('readwrite', (store) => store.put({ value, at: Date.now() }, key))
  } catch {
    // Not kept; the next reading needs a connection.
  }
}

/** The caller says what it kept under the key. */
export async function kept<T>(key: string): Promise<Kept<T> | null> {
  try {
    return ((await run('readonly', (store) => store.get(key))) as Kept<T> | undefined) ?? null
  } catch {
    return null
  }
}

async function run(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest): Promise<unknown> {
  const database = await done(indexedDB.open(DATABASE, 1), (request) => request.result.createObjectStore(STORE))
  try {
    return await done(work(database.transaction(STORE, mode).objectStore(STORE)))
  } finally {
    database.close()
  }
}

function done<R extends IDBRequest>(request: R, upgrade?: (request: R) => void): Promise<R['result']> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('the browser keeps nothing'))
    if (upgrade) (request as unknown as IDBOpenDBRequest).onupgradeneeded = () => upgrade(request)
  })
}
