/** What Berth itself costs inside a machine: the daemon, a while after it connected, and its supervisor beside it. */
import { MB, median, pssBytes, RUNS, spread } from './measure.ts'
import type { Bench } from './measure.ts'
import { startPlainWorkspace } from './plain-workspace.ts'
import { processOf } from './workspace.ts'

const SETTLE_MS = 3000
const GOAL_MB = 40

export const daemonMemory: Bench = {
  name: 'daemon-memory',
  summary: 'PSS of the daemon in an idle workspace',
  async *run({ signal }) {
    const daemons: number[] = []
    const both: number[] = []
    for (let run = 0; run < RUNS; run++) {
      signal.throwIfAborted()
      const workspace = await startPlainWorkspace('sleep 1000')
      try {
        await Bun.sleep(SETTLE_MS)
        const daemon = pssBytes(processOf(workspace.id, 'run')) / MB
        daemons.push(daemon)
        both.push(daemon + pssBytes(processOf(workspace.id, 'supervise')) / MB)
      } finally {
        await workspace.close()
      }
    }
    yield { name: 'daemon-memory', value: median(daemons), unit: 'MB', floor: null, goal: { valueAtMost: GOAL_MB }, detail: `PSS of the daemon alone in its workspace, ${SETTLE_MS / 1000} s after the start; ${spread(daemons, 'MB')}` }
    yield { name: 'daemon-memory-supervised', value: median(both), unit: 'MB', floor: null, detail: `the same with its supervisor; ${spread(both, 'MB')}` }
  },
}
