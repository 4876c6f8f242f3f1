/** Bytes that mean nothing, sent to a socket until its owner has had enough or all are sent. */
import { connect, type NetConnectOpts } from 'node:net'
import { once } from 'node:events'

export const GARBAGE_BYTES = 100 * 1024 * 1024
const STALL_MS = 15_000
const CHUNK_BYTES = 1024 * 1024

/** `noise`: bytes without any meaning. `line`: one text that never ends. `numbers`: huge lengths, as a length prefix would be read. */
export type GarbageKind = 'noise' | 'line' | 'numbers'

export function garbageChunk(kind: GarbageKind, seed = 1): Buffer {
  const chunk = Buffer.alloc(CHUNK_BYTES, kind === 'line' ? 'a' : 0xff)
  if (kind !== 'noise') return chunk
  // A fixed sequence, so that what failed once fails again.
  let state = seed
  for (let at = 0; at < CHUNK_BYTES; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    chunk.writeUInt32LE(state, at)
  }
  return chunk
}

export interface Flooded { readonly sent: number; readonly connections: number; /** what the first connection was told */ readonly answer: string }

/** Sends 100 MB, each connection beginning with `prefix`, on as many connections as the owner hangs up on. */
export async function flood(to: NetConnectOpts, kind: GarbageKind, options: { prefix?: string; bytes?: number } = {}): Promise<Flooded> {
  const total = options.bytes ?? GARBAGE_BYTES
  let sent = 0
  let connections = 0
  let answer = ''
  while (sent < total) {
    const one = await floodOnce(to, garbageChunk(kind), { prefix: options.prefix ?? '', bytes: total - sent })
    if (connections++ === 0) answer = one.answer
    sent += one.sent
  }
  return { sent, connections, answer }
}

async function floodOnce(to: NetConnectOpts, chunk: Buffer, { prefix, bytes }: { prefix: string; bytes: number }): Promise<{ sent: number; answer: string }> {
  const socket = connect(to)
  const answer: Buffer[] = []
  let closed = false
  const gone = new Promise<void>((resolve) => {
    socket.once('close', () => { closed = true; resolve() })
  })
  // Being hung up on is an outcome, not a failure of the test.
  socket.on('error', () => {})
  socket.on('data', (data) => { if (answer.length < 64) answer.push(Buffer.from(data)) })
  await Promise.race([once(socket, 'connect').catch(() => {}), gone])
  let sent = 0
  if (prefix !== '' && !closed) socket.write(prefix)
  while (sent < bytes && !closed) {
    const room = socket.write(chunk)
    sent += chunk.length
    if (!room && !closed) await Promise.race([once(socket, 'drain').catch(() => {}), gone, stalled(to)])
  }
  socket.end(() => socket.destroySoon())
  await gone
  if (sent === 0) throw new Error(`nobody listens at ${JSON.stringify(to)}`)
  return { sent, answer: Buffer.concat(answer).toString('latin1') }
}

/** An owner that neither reads nor hangs up keeps a connection for ever. */
function stalled(to: NetConnectOpts): Promise<never> {
  return new Promise((_, reject) => { setTimeout(reject, STALL_MS, new Error(`${JSON.stringify(to)} neither reads nor hangs up`)).unref() })
}
