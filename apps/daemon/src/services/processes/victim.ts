/** When the machine's memory runs out, the kernel ends what the workspace runs before it ends what keeps it. */
import { writeFileSync } from 'node:fs'

/** Half of the machine's memory, as the kernel counts: more than the daemon will ever hold. */
const BEFORE_THE_DAEMON = '500'

/** Inherited by its children. Anybody may raise it, and nobody in the machine may lower it below the daemon's. */
export function endFirst(pid: number | 'self'): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, BEFORE_THE_DAEMON)
  } catch {
    // Not Linux, or already gone.
  }
}
