/**
 * Text from the agent's channel to a second client: from the moment the channel hands a piece over (its display hook's
 * request begins) until another process has it on its socket. The floor is a process that tells the same request to a
 * plain WebSocket.
 */
import { BerthError } from '@berth/wire/error'
import { openPage, startClaudeWorkspace } from './claude-workspace.ts'
import type { ClaudeWorkspace } from './claude-workspace.ts'
import { startFloorServer } from './floor-server.ts'
import type { FloorServer } from './floor-server.ts'
import { percentile, RUNS, within } from './measure.ts'
import type { Bench } from './measure.ts'

const GOAL = { p50: 15, p95: 50 }
const PIECES = 60
const ARRIVAL_MS = 30_000
/** Rendered lines, and the pace of a model's tokens. */
const PACES = { lines: 40, tokens: 6 } as const

interface Delivered { readonly ours: number[]; readonly plain: number[] }

export const socketDelivery: Bench = {
  name: 'socket-delivery',
  summary: 'text of the agent until a second client has it on its socket',
  async *run({ signal }) {
    const closers: (() => Promise<void>)[] = []
    try {
      const floor = await startFloorServer('socket-peer.ts')
      closers.unshift(() => floor.close())
      const workspace = await startClaudeWorkspace({})
      closers.unshift(() => workspace.close())
      for (const [pace, gapMs] of Object.entries(PACES)) {
        const { ours, plain } = await bothOf({ workspace, floor, gapMs, signal })
        const detail = `${ours.length} pieces, one each ${gapMs} ms, over hook, link and socket; floor: HTTP to WebSocket in one process`
        yield { name: `socket-delivery-${pace}-p50`, value: percentile(ours, 50), unit: 'ms', floor: percentile(plain, 50), goal: { valueAtMost: GOAL.p50 }, detail }
        yield { name: `socket-delivery-${pace}-p95`, value: percentile(ours, 95), unit: 'ms', floor: percentile(plain, 95), goal: { valueAtMost: GOAL.p95 }, detail }
      }
    } finally {
      for (const close of closers) await close()
    }
  },
}

async function bothOf(at: { workspace: ClaudeWorkspace; floor: FloorServer; gapMs: number; signal: AbortSignal }): Promise<Delivered> {
  const found: Delivered = { ours: [], plain: [] }
  // The first round only warms.
  for (let run = 0; run <= RUNS; run++) {
    at.signal.throwIfAborted()
    const plain = await throughFloor(at.floor, at.gapMs)
    const ours = await throughProduct(at.workspace, at.gapMs)
    if (run === 0) continue
    found.ours.push(...ours)
    found.plain.push(...plain)
  }
  return found
}

/** Hands pieces over at a steady pace, whatever becomes of them. */
async function atPace(gapMs: number, hand: (piece: number) => Promise<unknown>): Promise<number[]> {
  const handed: number[] = []
  const under: Promise<unknown>[] = []
  const begun = performance.now()
  for (let piece = 0; piece < PIECES; piece++) {
    const waitMs = begun + piece * gapMs - performance.now()
    if (waitMs > 0) await Bun.sleep(waitMs)
    handed.push(performance.now())
    under.push(hand(piece))
  }
  await Promise.all(under)
  return handed
}

async function throughProduct({ product, id, door }: ClaudeWorkspace, gapMs: number): Promise<number[]> {
  const { url, sessionId } = await door()
  const messageId = crypto.randomUUID()
  const text = (piece: number): string => `piece ${String(piece).padStart(4, '0')} of the text that the agent writes\n`
  const length = text(0).length
  const arrived: number[] = []
  const all = Promise.withResolvers<void>()
  const page = await openPage(product, id, (message) => {
    if (message.type !== 'live') return
    for (const item of message.items) {
      if (item.kind !== 'text' || item.messageId !== messageId) continue
      if (item.at !== arrived.length * length) all.reject(new BerthError('internal', `a piece is missing before ${item.at}`))
      for (let end = item.at + length; end <= item.at + item.append.length; end += length) arrived.push(performance.now())
    }
    if (arrived.length === PIECES) all.resolve()
  })
  try {
    const handed = await atPace(gapMs, (piece) => post(url, { hook_event_name: 'MessageDisplay', session_id: sessionId, message_id: messageId, index: piece, final: piece === PIECES - 1, delta: text(piece) }))
    await within(ARRIVAL_MS, 'the text', all.promise)
    return handed.map((at, piece) => (arrived[piece] ?? Number.POSITIVE_INFINITY) - at)
  } finally {
    page.close()
  }
}

async function throughFloor(floor: FloorServer, gapMs: number): Promise<number[]> {
  const socket = new WebSocket(floor.url.replace(/^http/, 'ws'))
  await new Promise((resolve) => { socket.onopen = resolve })
  const arrived: number[] = []
  const all = Promise.withResolvers<void>()
  socket.onmessage = ({ data }) => {
    arrived[(JSON.parse(String(data)) as { index: number }).index] = performance.now()
    if (arrived.filter((at) => at !== undefined).length === PIECES) all.resolve()
  }
  try {
    const handed = await atPace(gapMs, (piece) => post(floor.url, { index: piece, delta: 'x'.repeat(50) }))
    await within(ARRIVAL_MS, 'the text', all.promise)
    return handed.map((at, piece) => (arrived[piece] ?? Number.POSITIVE_INFINITY) - at)
  } finally {
    socket.close()
  }
}

async function post(url: string, body: object): Promise<void> {
  await (await fetch(url, { method: 'POST', body: JSON.stringify(body) })).text()
}
