/**
 * A shared terminal seen through the server (link, mux, WebSocket) against `tmux attach` on the same machine: how long a
 * program that writes much takes until its end is on the screen, and how long a key takes until its echo is.
 */
import { median, MB, percentile, RUNS, spread } from './measure.ts'
import type { Bench } from './measure.ts'
import { startTmux } from './direct-tmux.ts'
import { startPlainWorkspace } from './plain-workspace.ts'
import { viewOverServer } from './terminal-viewer.ts'
import type { Viewer } from './terminal-viewer.ts'

const BYTES = 50 * MB
const KEYS = 60
const RUN_MS = 60_000
const READY = 'the-shell-is-ready'

export const terminal: Bench = {
  name: 'terminal',
  summary: 'terminal throughput and echo against a direct tmux attach',
  async *run({ signal }) {
    const tmux = startTmux({ echo: 'exec cat', shell: 'exec sh' })
    try {
      const workspace = await startPlainWorkspace('exec cat')
      const open: Viewer[] = []
      try {
        const keep = (viewer: Viewer): Viewer => { open.push(viewer); return viewer }
        const endpoint = workspace.product.endpoint()
        const direct = { shell: keep(tmux.attach('shell')), echo: keep(tmux.attach('echo')) }
        const ours = { shell: keep(await viewOverServer(endpoint, { id: workspace.id, terminalId: 'shell' })), echo: keep(await viewOverServer(endpoint, { id: workspace.id, terminalId: 'agent' })) }
        await ready(direct.shell)
        await ready(ours.shell)
        const figures = await runs(signal, ours, direct)
        yield { name: 'terminal-throughput', value: median(figures.rates), unit: 'MB/s', floor: median(figures.plainRates), detail: `${BYTES / MB} MB written by a program until its end is seen; floor: tmux attach; ${spread(figures.rates, 'MB/s')}` }
        yield { name: 'terminal-echo-p50', value: percentile(figures.echoes, 50), unit: 'ms', floor: percentile(figures.plainEchoes, 50), detail: `${figures.echoes.length} keys; floor: tmux attach` }
        yield { name: 'terminal-echo-p99', value: percentile(figures.echoes, 99), unit: 'ms', floor: percentile(figures.plainEchoes, 99), detail: `${figures.echoes.length} keys; floor: tmux attach` }
      } finally {
        for (const viewer of open) viewer.close()
        await workspace.close()
      }
    } finally {
      tmux.close()
    }
  },
}

interface Pair { readonly shell: Viewer; readonly echo: Viewer }
interface Figures { readonly rates: number[]; readonly plainRates: number[]; readonly echoes: number[]; readonly plainEchoes: number[] }

/** Turn about; the first round only warms. */
async function runs(signal: AbortSignal, ours: Pair, direct: Pair): Promise<Figures> {
  const figures: Figures = { rates: [], plainRates: [], echoes: [], plainEchoes: [] }
  for (let run = 0; run <= RUNS; run++) {
    signal.throwIfAborted()
    const plainRate = await pour(direct.shell, run)
    const rate = await pour(ours.shell, run)
    const plainEchoes = await typeKeys(direct.echo, run)
    const echoes = await typeKeys(ours.echo, run)
    if (run === 0) continue
    figures.plainRates.push(plainRate)
    figures.rates.push(rate)
    figures.plainEchoes.push(...plainEchoes)
    figures.echoes.push(...echoes)
  }
  return figures
}

/** The mark stands in the command in two pieces, so that the echo of the command is not taken for it. */
export async function ready(shell: Viewer): Promise<void> {
  const seen = shell.until(READY, RUN_MS)
  shell.write(`PS1='$ '; echo ${READY.slice(0, 5)}''${READY.slice(5)}\n`)
  await seen
}

async function pour(shell: Viewer, run: number): Promise<number> {
  const line = 'the quick brown fox jumps over the lazy dog and writes a line of this length'
  const seen = shell.until(`poured-${run}`, RUN_MS)
  const since = performance.now()
  shell.write(`yes '${line}' | head -c ${BYTES}; echo; echo poured''-${run}\n`)
  await seen
  return BYTES / MB / ((performance.now() - since) / 1000)
}

export async function typeKeys(echo: Viewer, run: number, keys = KEYS): Promise<number[]> {
  const taken: number[] = []
  for (let key = 0; key < keys; key++) {
    // Unlike any before it, and on a line of its own.
    const mark = `k${run}.${key};`
    const seen = echo.until(mark, RUN_MS)
    const since = performance.now()
    echo.write(mark)
    await seen
    taken.push(performance.now() - since)
    const turned = echo.until(mark, RUN_MS)
    // `cat` says the line again: the screen is quiet before the next key.
    echo.write('\r')
    await turned
  }
  return taken
}
