/** What Berth itself costs inside a machine: the daemon, a while after it connected, and its supervisor beside it. */
import { readFileSync } from 'node:fs'
import { BerthError } from '@berth/wire/error'
import { MB, median, pssBytes, RUNS, spread } from './measure.ts'
import type { Bench } from './measure.ts'
import { startPlainWorkspace } from './plain-workspace.ts'

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

/** Every process of a machine carries its owner in the environment. */
function processOf(workspaceId: string, role: 'run' | 'supervise'): number {
  for (const pid of new Bun.Glob('[0-9]*').scanSync({ cwd: '/proc', onlyFiles: false })) {
    const words = read(pid, 'cmdline').split('\0')
    if (words[0]?.endsWith('/berth-daemon') && words[1] === role && read(pid, 'environ').includes(`/${workspaceId}/`)) return Number(pid)
  }
  throw new BerthError('not_found', `no daemon of ${workspaceId} is among this host's processes`, { hint: 'needs Linux, and the right to read /proc of the workspace\'s user' })
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
