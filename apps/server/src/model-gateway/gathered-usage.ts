/**
 * What calls used, on its way to the store: the first at once, what comes in the moment after it together. An agent that
 * calls again and again would otherwise wait, with each call, for what the one before it has to write.
 */
import type { ModelUsageStore } from '@berth/core'

type Used = Parameters<ModelUsageStore['add']>[0]
export interface GatheredUsage {
  /** Resolves when it is written down. */
  add: ModelUsageStore['add']
  /** Writes down what is still here. */
  stop(): Promise<void>
}
interface Waiting { used: Used; now: number; readonly written: PromiseWithResolvers<void> }

/** Short enough that who looks sees it, and that a crash loses next to nothing. */
const GATHER_MS = 200

export function gatherUsage(store: Pick<ModelUsageStore, 'add'>, { ms = GATHER_MS } = {}): GatheredUsage {
  let waiting = new Map<string, Waiting>()
  let running: Promise<void> | null = null
  let stopped = false
  let hurry = (): void => {}

  async function write(): Promise<void> {
    const rows = [...waiting.values()]
    waiting = new Map()
    for (const { used, now, written } of rows) await store.add(used, now).then(written.resolve, written.reject)
  }
  const pause = (): Promise<void> => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    hurry = () => {
      clearTimeout(timer)
      resolve()
    }
  })
  async function run(): Promise<void> {
    while (waiting.size > 0) {
      await write()
      if (!stopped) await pause()
    }
    running = null
  }

  return {
    add(used, now) {
      const key = keyOf(used)
      const before = waiting.get(key)
      const one: Waiting = before === undefined ? { used, now, written: Promise.withResolvers() } : { ...before, used: sumOf(before.used, used), now }
      waiting.set(key, one)
      running ??= run()
      return one.written.promise
    },
    async stop() {
      stopped = true
      hurry()
      await running
    },
  }
}

/** Its numbers are counts; the rest says of what. */
const keyOf = (used: Used): string => JSON.stringify(Object.entries(used).filter(([, value]) => typeof value !== 'number').sort())
function sumOf(one: Used, other: Used): Used {
  const sums = Object.entries(other).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value + Number(Object.entries(one).find(([its]) => its === name)?.[1] ?? 0)]] : []))
  return { ...one, ...Object.fromEntries(sums) as Partial<Used> }
}
