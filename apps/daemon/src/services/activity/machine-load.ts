/** CPU and memory of the workspace: its processes, without the daemon's own two. */
import { readFileSync } from 'node:fs'
import { listProcesses } from '../processes/table.ts'
import type { ProcessEntry } from '../processes/table.ts'

const TICKS_PER_SECOND = 100
const PAGE_BYTES = 4096
/** Shorter spans say nothing: the answer is the one before. */
const SPAN_MS = 1000

export interface MachineLoad { /** Mean cores used since the last call. */ cores(): number; memoryBytes(): number }

/** `isOurs`: the process belongs to this workspace. In a container everything does; on a shared machine, what we started. */
export function createMachineLoad(deps: { isOurs: (entry: ProcessEntry) => boolean; /** The machine has a cgroup of its own, whose root files speak of it alone. */ ownCgroup: boolean; list?: () => ProcessEntry[]; now?: () => number }): MachineLoad {
  const list = deps.list ?? listProcesses
  const now = deps.now ?? (() => performance.now())
  let last = { at: now(), ticks: ticksOf(list().filter(deps.isOurs)) }
  let cores = 0
  return {
    cores() {
      const at = now()
      if (at - last.at < SPAN_MS) return cores
      const ticks = ticksOf(list().filter(deps.isOurs))
      let used = 0
      // Processes that ended in between take their last part with them: a small loss against reading every cgroup layout.
      for (const [key, value] of ticks) used += value - (last.ticks.get(key) ?? 0)
      cores = Math.max(0, used / TICKS_PER_SECOND / ((at - last.at) / 1000))
      last = { at, ticks }
      return cores
    },
    memoryBytes: () => (deps.ownCgroup ? cgroupMemory() : null) ?? list().filter(deps.isOurs).reduce((sum, entry) => sum + entry.residentPages * PAGE_BYTES, 0),
  }
}

function ticksOf(entries: readonly ProcessEntry[]): Map<string, number> {
  return new Map(entries.map((entry) => [`${entry.pid}/${entry.startTicks}`, entry.cpuTicks]))
}

function cgroupMemory(): number | null {
  for (const path of ['/sys/fs/cgroup/memory.current', '/sys/fs/cgroup/memory/memory.usage_in_bytes']) {
    try {
      return Number(readFileSync(path, 'utf8'))
    } catch {
      continue
    }
  }
  return null
}
