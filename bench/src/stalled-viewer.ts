/**
 * A viewer that takes nothing any more (a phone in a pocket) while a gigabyte flows past it to one that reads: how much
 * the server grows. The terminal is kept by the holder, so that every byte comes to the server.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { BerthError } from '@berth/wire/error'
import { MB, median, pssBytes, RUNS, spread, within } from './measure.ts'
import type { Bench } from './measure.ts'
import { startHolderWorkspace } from './holder-workspace.ts'
import type { TerminalWorkspace } from './plain-workspace.ts'
import { viewOverServer } from './terminal-viewer.ts'
import type { Viewer } from './terminal-viewer.ts'
import { ready } from './terminal.ts'

const BYTES = 1000 * MB
const GOAL_MB = 32
const SAMPLE_MS = 200
const SETTLE_MS = 3000
const RUN_MS = 180_000
const CONNECT_MS = 30_000
/** A gigabyte takes its time. */
const FLOOR_RUNS = 2
const LINE = 'the quick brown fox jumps over the lazy dog and writes a line of this length'

export const stalledViewer: Bench = {
  name: 'stalled-viewer',
  summary: 'growth of the server while 1 GB flows past a viewer that does not read',
  async *run({ signal, note }) {
    const workspace = await startHolderWorkspace('exec cat')
    try {
      const growths: number[] = []
      const plain: number[] = []
      const shown: number[] = []
      for (let run = 0; run < RUNS; run++) {
        signal.throwIfAborted()
        if (run < FLOOR_RUNS) plain.push((await growth(workspace, `plain-${run}`, null)).grownMB)
        const stalled = await growth(workspace, `stalled-${run}`, openStalled)
        growths.push(stalled.grownMB)
        shown.push(stalled.shownMB)
        note(`${stalled.grownMB.toFixed(1)} MB`)
      }
      yield { name: 'stalled-viewer', value: median(growths), unit: 'MB', floor: median(plain), goal: { valueAtMost: GOAL_MB }, detail: `the most a fresh server's PSS grew; ${BYTES / MB} MB written, ${median(shown).toFixed(0)} MB of it sent to a viewer that reads; floor: the same without the stalled one; ${spread(growths, 'MB')}` }
    } finally {
      await workspace.close()
    }
  },
}

/** On a server that was just started, so that what an earlier run left is not hidden in where this one begins. */
async function growth(workspace: TerminalWorkspace, mark: string, stall: typeof openStalled | null): Promise<{ grownMB: number; shownMB: number }> {
  const { product, id } = workspace
  const open: { close(): void }[] = []
  try {
    await product.cli(['server', 'stop'])
    await product.cli(['server', 'start'])
    const reader = await viewWhenConnected(workspace)
    open.push(reader)
    await ready(reader)
    const { pid } = product.server()
    // What the code itself needs is not growth.
    await pour(reader, `warm-${mark}`, BYTES / 10)
    await Bun.sleep(SETTLE_MS)
    const before = pssBytes(pid)
    if (stall !== null) open.push(await stall({ product, id }))
    const received = reader.received()
    const most = await mostDuring(pid, () => pour(reader, mark, BYTES))
    return { grownMB: (most - before) / MB, shownMB: (reader.received() - received) / MB }
  } finally {
    for (const viewer of open) viewer.close()
  }
}

/** The daemon dials the new server by itself, within seconds. */
async function viewWhenConnected({ product, id }: TerminalWorkspace): Promise<Viewer> {
  const until = performance.now() + CONNECT_MS
  for (;;) {
    try {
      return await viewOverServer(product.endpoint(), { id, terminalId: 'shell' })
    } catch (error) {
      if (performance.now() > until) throw error
      await Bun.sleep(SAMPLE_MS)
    }
  }
}

async function pour(reader: Viewer, mark: string, bytes: number): Promise<void> {
  const seen = reader.until(`poured-${mark}`, RUN_MS)
  reader.write(`yes '${LINE}' | head -c ${bytes}; echo; echo poured''-${mark}\n`)
  await seen
}

async function mostDuring(pid: number, work: () => Promise<void>): Promise<number> {
  let most = pssBytes(pid)
  const timer = setInterval(() => { most = Math.max(most, pssBytes(pid)) }, SAMPLE_MS)
  try {
    await work()
    return Math.max(most, pssBytes(pid))
  } finally {
    clearInterval(timer)
  }
}

/** A WebSocket by hand, because every client reads: asked for, granted, and then left alone. */
async function openStalled({ product, id }: Pick<TerminalWorkspace, 'product' | 'id'>): Promise<{ close(): void }> {
  const { url, token } = product.endpoint()
  const { hostname, port } = new URL(url)
  const socket: Socket = connect({ host: hostname, port: Number(port) })
  const granted = new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('data', (answer: Buffer) => {
      socket.pause()
      if (answer.toString('latin1').startsWith('HTTP/1.1 101')) resolve()
      else reject(new BerthError('internal', `the terminal was refused: ${answer.toString('latin1').slice(0, 200)}`))
    })
  })
  socket.write([
    `GET /api/v1/workspaces/${id}/terminals/shell/attach?cols=80&rows=24&mode=watch HTTP/1.1`, `Host: ${hostname}:${port}`, `Authorization: Bearer ${token}`,
    'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64')}`, '', '',
  ].join('\r\n'))
  await within(10_000, 'the stalled viewer', granted)
  return { close: () => socket.destroy() }
}
