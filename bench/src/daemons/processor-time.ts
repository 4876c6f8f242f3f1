/** What processes have used of processors so far. */
import { readFileSync } from 'node:fs'

const TICKS_A_SECOND = 100

export function processorMs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ticksOf(pid) * (1000 / TICKS_A_SECOND), 0)
}

/** 0 for one that is gone. */
function ticksOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name stands in brackets and may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  } catch {
    return 0
  }
}
