/** Ends processes: asks, waits, kills, and looks again until nobody is left. */
import { carries, listProcesses, readProcess, uidOf } from './table.ts'
import type { ProcessEntry } from './table.ts'

const ASK_MS = 3000
const LOOK_MS = 25
/** Each round may meet children born in the round before; a fork bomb is the container's to end. */
const KILL_ROUNDS = 40

/**
 * Every process with that mark in its environment, but us, and everything of the agent's user where that user is the
 * machine's alone: another user's environment cannot be read. Hands are laid on nothing else.
 */
export async function endMarked(mark: string, agentUid: number | null = null): Promise<void> {
  await end((entry) => carries(entry.pid, mark) || (agentUid !== null && uidOf(entry.pid) === agentUid))
}

/** A session or process group leader, everybody in its session and group, and all their descendants. */
export async function endTree(leader: number, options: { askMs?: number } = {}): Promise<void> {
  const known = new Map<number, number>()
  await end((entry, all) => {
    const parentOurs = known.get(entry.parent) !== undefined && all.some((other) => other.pid === entry.parent && known.get(other.pid) === other.startTicks)
    const ours = entry.pid === leader || entry.session === leader || entry.group === leader || parentOurs || known.get(entry.pid) === entry.startTicks
    if (ours) known.set(entry.pid, entry.startTicks)
    return ours
  }, options.askMs)
}

async function end(isOurs: (entry: ProcessEntry, all: readonly ProcessEntry[]) => boolean, askMs = ASK_MS): Promise<void> {
  const find = (): ProcessEntry[] => {
    const all = listProcesses().filter((entry) => entry.pid !== process.pid && entry.state !== 'Z')
    // Twice, because a child may stand in the list before the parent that makes it ours.
    all.forEach((entry) => isOurs(entry, all))
    return all.filter((entry) => isOurs(entry, all))
  }
  let left = find()
  for (const entry of left) signal(entry, 'SIGTERM')
  for (const entry of left) signal(entry, 'SIGCONT')
  const until = performance.now() + askMs
  while (left.length > 0 && performance.now() < until) {
    await Bun.sleep(LOOK_MS)
    left = find()
  }
  for (let round = 0; round < KILL_ROUNDS && left.length > 0; round++) {
    for (const entry of left) signal(entry, 'SIGKILL')
    await Bun.sleep(LOOK_MS)
    left = find()
  }
}

/** The pid is still the process we saw, not a later one with its number. */
function signal(entry: ProcessEntry, name: NodeJS.Signals): void {
  if (readProcess(entry.pid)?.startTicks !== entry.startTicks) return
  try {
    process.kill(entry.pid, name)
  } catch {
    // Gone in between, or not ours to signal: the next look says which.
  }
}
