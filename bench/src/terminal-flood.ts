/**
 * Typing while a sibling terminal of the same workspace floods: two viewers through the server, one on a program that
 * writes as fast as it may, one on a program that says back what is typed. How much the flood wrote is counted by itself,
 * in files of its workspace, because a keeper of terminals shows only what fits a screen.
 */
import { readFileSync } from 'node:fs'
import { MB, median, percentile, RUNS, spread } from './measure.ts'
import type { Bench } from './measure.ts'
import { startTmux } from './direct-tmux.ts'
import { startPlainWorkspace } from './plain-workspace.ts'
import type { PlainWorkspace } from './plain-workspace.ts'
import { viewOverServer } from './terminal-viewer.ts'
import type { Viewer } from './terminal-viewer.ts'
import { ready, typeKeys } from './terminal.ts'

const GOAL = { echoMs: 150, floodMBs: 50 }
const PIECE = 2 * MB
const KEYS = 40
const STARTED_MS = 2000
const LINE = 'the quick brown fox jumps over the lazy dog and writes a line of this length'

export const terminalFlood: Bench = {
  name: 'terminal-flood',
  summary: 'echo while a sibling terminal floods',
  async *run({ signal }) {
    const workspace = await startPlainWorkspace('exec cat')
    const open: Viewer[] = []
    try {
      const endpoint = workspace.product.endpoint()
      const view = async (terminalId: string): Promise<Viewer> => {
        const viewer = await viewOverServer(endpoint, { id: workspace.id, terminalId })
        open.push(viewer)
        return viewer
      }
      const flood = await view('shell')
      const echo = await view('agent')
      await ready(flood)
      const echoes: number[] = []
      const rates: number[] = []
      const delivered: number[] = []
      for (let run = 0; run <= RUNS; run++) {
        signal.throwIfAborted()
        const during = await floodDuring(workspace, flood, () => typeKeys(echo, run, KEYS))
        if (run === 0) continue
        echoes.push(...during.result)
        rates.push(during.written)
        delivered.push(during.delivered)
      }
      const plain = await directRate()
      yield { name: 'terminal-flood-echo-p99', value: percentile(echoes, 99), unit: 'ms', floor: null, goal: { valueAtMost: GOAL.echoMs }, detail: `${echoes.length} keys while the sibling wrote ${median(rates).toFixed(0)} MB/s; p50 ${percentile(echoes, 50).toFixed(1)} ms` }
      yield { name: 'terminal-flood-rate', value: median(rates), unit: 'MB/s', floor: plain, goal: { valueAtLeast: GOAL.floodMBs }, detail: `what the program could write, ${median(delivered).toFixed(1)} MB/s of it shown; floor: the same in a tmux that nobody looks at; ${spread(rates, 'MB/s')}` }
    } finally {
      for (const viewer of open) viewer.close()
      await workspace.close()
    }
  },
}

/** Writes without end, and how often it wrote a piece into `counter`. */
function floodCommand(counter: string): string {
  return `n=0; while :; do yes '${LINE}' | head -c ${PIECE}; n=$((n+1)); echo $n > ${counter}; done`
}

async function floodDuring<T>(workspace: PlainWorkspace, shell: Viewer, work: () => Promise<T>): Promise<{ result: T; written: number; delivered: number }> {
  const count = (): number => readCount(workspace.workFile('flood-count'))
  shell.write(`${floodCommand('flood-count')}\n`)
  await Bun.sleep(STARTED_MS)
  const since = performance.now()
  const before = { pieces: count(), received: shell.received() }
  try {
    const result = await work()
    // Short work would count pieces too coarsely.
    await Bun.sleep(Math.max(0, STARTED_MS - (performance.now() - since)))
    const seconds = (performance.now() - since) / 1000
    return { result, written: ((count() - before.pieces) * PIECE) / MB / seconds, delivered: (shell.received() - before.received) / MB / seconds }
  } finally {
    shell.write('\x03')
    await ready(shell)
  }
}

async function directRate(): Promise<number> {
  const counter = `${process.env['TMPDIR'] ?? '/tmp'}/berth-bench-flood-${process.pid}`
  const tmux = startTmux({ flood: floodCommand(counter) })
  try {
    await Bun.sleep(STARTED_MS)
    const since = performance.now()
    const before = readCount(counter)
    await Bun.sleep(2 * STARTED_MS)
    return ((readCount(counter) - before) * PIECE) / MB / ((performance.now() - since) / 1000)
  } finally {
    tmux.close()
    await Bun.file(counter).delete().catch(() => {})
  }
}

function readCount(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8').trim() || 0)
  } catch {
    return 0
  }
}
