/** When the machine's memory runs out, the kernel ends what the workspace runs before it ends what keeps it. */
import { readFileSync, writeFileSync } from 'node:fs'

/** Half of the machine's memory, as the kernel counts: more than the daemon will ever hold. */
const BEFORE_THE_DAEMON = 500
const MOST = 1000

/**
 * Above the daemon's own, which a container may be given any value of. Inherited by its children; anybody may raise it,
 * and nobody in the machine may lower it below the daemon's.
 */
export function endFirst(pid: number | 'self'): void {
  try {
    const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'))
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(Math.min(MOST, own + BEFORE_THE_DAEMON)))
  } catch {
    // Not Linux, or already gone.
  }
}
