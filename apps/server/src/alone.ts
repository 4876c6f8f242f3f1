/** One at a time for each key. */
export function createAlone<K>(): <T>(key: K, work: () => Promise<T>) => Promise<T> {
  const last = new Map<K, Promise<unknown>>()
  return (key, work) => {
    const next = (last.get(key) ?? Promise.resolve()).then(work, work)
    const settled = next.then(() => undefined, () => undefined)
    last.set(key, settled)
    void settled.then(() => { if (last.get(key) === settled) last.delete(key) })
    return next
  }
}
