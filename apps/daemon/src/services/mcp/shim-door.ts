/** The daemon's side of the shim. */
import type { Socket } from 'node:net'
import type { McpAnswer } from '@berth/wire/mcp-server'
import { z } from 'zod'
import { listenForAgent, type AgentSocket } from '../agents/agent-socket.ts'
import { lineReader, parseLine } from '../agents/json-lines.ts'
import { SHIM_LINE_LIMIT, type ToShim } from './shim-protocol.ts'

/** Enough for every sub-agent at once. */
const CONNECTION_LIMIT = 64

const FromShim = z.discriminatedUnion('say', [
  z.object({ say: z.literal('call'), session: z.string().max(64), requestId: z.string().min(1).max(64), tool: z.string().max(100), args: z.record(z.string(), z.unknown()) }),
  z.object({ say: z.literal('withdrawn') }),
  z.object({ say: z.literal('delivered') }),
])
export type ShimCall = Omit<Extract<z.infer<typeof FromShim>, { say: 'call' }>, 'say'>
export interface Answered { readonly answer: McpAnswer; /** Called when the shim has it. */ readonly onDelivered?: () => void }
/** `signal` aborts when nobody waits any more; its reason is `withdrawn` (by the agent) or `lost`. */
export type ShimHandler = (call: ShimCall, signal: AbortSignal) => Promise<Answered>

export async function openShimDoor(options: { path: string; owner: { uid: number; gid: number } | null; handle: ShimHandler; log: (line: string) => void }): Promise<AgentSocket> {
  return listenForAgent({ path: options.path, owner: options.owner, connectionLimit: CONNECTION_LIMIT, onConnection: (socket) => { serveShim(socket, options) } })
}

function serveShim(socket: Socket, { handle, log }: { handle: ShimHandler; log: (line: string) => void }): void {
  const gone = new AbortController()
  let asked = false
  let onDelivered: (() => void) | undefined
  const answer = async (call: ShimCall): Promise<void> => {
    const answered = await handle(call, gone.signal).catch((error: unknown): Answered => {
      log(`mcp ${call.tool}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      return { answer: { text: 'something went wrong in the machine; its log says what', refused: true } }
    })
    onDelivered = answered.onDelivered
    const message: ToShim = { answer: answered.answer }
    if (!gone.signal.aborted) socket.write(`${JSON.stringify(message)}\n`)
  }
  socket.on('error', () => { gone.abort('lost') })
  socket.on('close', () => { gone.abort('lost') })
  socket.on('data', lineReader((line) => {
    const message = parseLine(FromShim, line)
    if (message === null) { socket.destroy(); return }
    if (message.say === 'withdrawn') gone.abort('withdrawn')
    if (message.say === 'delivered') { onDelivered?.(); onDelivered = undefined }
    if (message.say !== 'call' || asked) return
    asked = true
    void answer(message)
  }, () => { socket.destroy() }, SHIM_LINE_LIMIT))
}
