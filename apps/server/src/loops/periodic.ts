import { messageOf } from '../thrown.ts'

/** Something done every so often, one at a time; what it throws is logged and it is done again. */
export interface Periodic { stop(): Promise<void> }

export function startPeriodic(work: { name: string; everyMs: number; firstAfterMs: number; log: (line: string) => void; run(signal: AbortSignal): Promise<unknown> }): Periodic {
  const stopping = new AbortController()
  let timer: ReturnType<typeof setTimeout>
  let current: Promise<void> = Promise.resolve()
  const turn = async () => {
    try {
      await work.run(stopping.signal)
    } catch (error) {
      if (!stopping.signal.aborted) work.log(`${work.name}: ${messageOf(error)}`)
    }
    if (!stopping.signal.aborted) plan(work.everyMs)
  }
  const plan = (afterMs: number) => {
    timer = setTimeout(() => {
      current = turn()
    }, afterMs)
  }
  plan(work.firstAfterMs)
  return {
    async stop() {
      stopping.abort(new DOMException('the server stops', 'AbortError'))
      clearTimeout(timer)
      await current
    },
  }
}
