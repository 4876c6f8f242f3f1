import { messageOf } from '../thrown.ts'

/** Worth a line in the log. */
const SLOW_STOP_MS = 250

/** What was started, ended in the opposite order; one that does not end does not keep the others. */
export function createClosers(log: (line: string) => void) {
  const closers: { name: string; close(): Promise<void> | void }[] = []
  return {
    add: (name: string, close: () => Promise<void> | void) => void closers.push({ name, close }),
    async closeAll() {
      for (let next = closers.pop(); next; next = closers.pop()) {
        const { name, close } = next
        const since = performance.now()
        await Promise.resolve(close()).catch((error: unknown) => log(`stopping ${name}: ${messageOf(error)}`))
        const tookMs = Math.round(performance.now() - since)
        if (tookMs > SLOW_STOP_MS) log(`stopping ${name} took ${tookMs} ms`)
      }
    },
  }
}
export type Closers = ReturnType<typeof createClosers>
