/**
 * Typing while a sibling terminal of the same workspace floods: two viewers through the server, one on a program that
 * writes as fast as it may, one on a program that says back what is typed. How much the flood wrote is counted by itself,
 * in files of its workspace, because a keeper of terminals shows only what fits a screen.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MB, median, percentile, RUNS, spread } from './measure.ts'
import type { Bench, Figure, World } from './measure.ts'
import { startTmux } from './direct-tmux.ts'
import { startHolderWorkspace } from './holder-workspace.ts'
import { startPlainWorkspace } from './plain-workspace.ts'
import type { TerminalWorkspace } from './plain-workspace.ts'
import { viewOnPty, viewOverServer } from './terminal-viewer.ts'
import type { Viewer } from './terminal-viewer.ts'
import { ready, typeKeys } from './terminal.ts'

const GOAL = { echoMs: 150, floodMBs: 50 }
const PIECE = 4 * MB
const KEYS = 40
const STARTED_MS = 2000
const LINE = 'the quick brown fox jumps over the lazy dog and writes a line of this length'

export const terminalFlood: Bench = {
  name: 'terminal-flood',
  summary: 'echo while a sibling terminal floods',
  async *run(world) {
    yield* beside(world, await startPlainWorkspace('exec cat'), await directRate())
    yield* beside(world, await startHolderWorkspace('exec cat'), await barePtyRate())
  },
}

async function* beside({ signal }: World, workspace: TerminalWorkspace, plain: number): AsyncGenerator<Figure, void, void> {
  const open: Viewer[] = []
  const echoes: number[] = []
  const rates: number[] = []
  const delivered: number[] = []
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
    for (let run = 0; run <= RUNS; run++) {
      signal.throwIfAborted()
      const during = await floodDuring(workspace, flood, () => typeKeys(echo, run, KEYS))
      if (run === 0) continue
      echoes.push(...during.result)
      rates.push(during.written)
      delivered.push(during.delivered)
    }
  } finally {
    for (const viewer of open) viewer.close()
    await workspace.close()
  }
  const { keeper } = workspace
  yield { name: `terminal-flood-echo-${keeper}`, value: percentile(echoes, 99), unit: 'ms', floor: null, goal: { valueAtMost: GOAL.echoMs }, detail: `p99 of ${echoes.length} keys while the sibling wrote ${median(rates).toFixed(0)} MB/s, kept by ${keeper}; p50 ${percentile(echoes, 50).toFixed(1)} ms` }
  yield { name: `terminal-flood-rate-${keeper}`, value: median(rates), unit: 'MB/s', floor: plain, goal: { valueAtLeast: GOAL.floodMBs }, detail: `what the program could write, ${median(delivered).toFixed(1)} MB/s of it sent to its viewer; floor: the same in ${keeper === 'tmux' ? 'a tmux that nobody looks at' : 'a PTY whose bytes are thrown away'}; ${spread(rates, 'MB/s')}` }
}

/** Writes without end, and how often it wrote a piece into `counter`. */
function floodCommand(counter: string): string {
  return `n=0; while :; do yes '${LINE}' | head -c ${PIECE}; n=$((n+1)); echo $n > ${counter}.new && mv ${counter}.new ${counter}; done`
}

async function floodDuring<T>(workspace: TerminalWorkspace, shell: Viewer, work: () => Promise<T>): Promise<{ result: T; written: number; delivered: number }> {
  const count = async (): Promise<number> => Number((await workspace.readWork('flood-count')).trim() || 0)
  shell.write(`${floodCommand('flood-count')}\n`)
  await Bun.sleep(STARTED_MS)
  const since = performance.now()
  const before = { pieces: await count(), received: shell.received() }
  try {
    const result = await work()
    // Short work would count pieces too coarsely.
    await Bun.sleep(Math.max(0, STARTED_MS - (performance.now() - since)))
    const seconds = (performance.now() - since) / 1000
    return { result, written: ((await count() - before.pieces) * PIECE) / MB / seconds, delivered: (shell.received() - before.received) / MB / seconds }
  } finally {
    shell.write('\x03')
    await ready(shell)
  }
}

async function directRate(): Promise<number> {
  return counted((command) => startTmux({ flood: command }))
}

async function barePtyRate(): Promise<number> {
  return counted((command) => viewOnPty(['sh', '-c', command], { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }))
}

async function counted(start: (command: string) => { close(): void }): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-bench-flood-'))
  const counter = join(dir, 'count')
  const read = (): Promise<number> => readFile(counter, 'utf8').then(Number, () => 0)
  const flood = start(floodCommand(counter))
  try {
    await Bun.sleep(STARTED_MS)
    const since = performance.now()
    const before = await read()
    await Bun.sleep(2 * STARTED_MS)
    return ((await read() - before) * PIECE) / MB / ((performance.now() - since) / 1000)
  } finally {
    flood.close()
    rmSync(dir, { recursive: true, force: true })
  }
}
