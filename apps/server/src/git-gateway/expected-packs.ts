/** What is about to be asked ahead, by its repository: who asks meanwhile waits for a moment, so as not to have it twice. */
export function createExpected(mostMs: number): { add(key: string): () => void; /** False: nothing was expected. */ waited(key: string): Promise<boolean> } {
  const expected = new Map<string, Promise<void>>()
  return {
    add(key) {
      const { promise, resolve } = Promise.withResolvers<void>()
      expected.set(key, promise)
      return () => {
        resolve()
        if (expected.get(key) === promise) expected.delete(key)
      }
    },
    async waited(key) {
      const coming = expected.get(key)
      if (coming === undefined) return false
      const late = Promise.withResolvers<void>()
      const timer = setTimeout(late.resolve, mostMs)
      await Promise.race([coming, late.promise])
      clearTimeout(timer)
      return true
    },
  }
}
