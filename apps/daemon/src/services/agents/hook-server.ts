/** The daemon's side of the hooks. */
import type { Socket } from 'node:net'
import { listenForAgent, type AgentSocket } from './agent-socket.ts'
import { FromHook, HOOK_LINE_LIMIT, HookPayload } from './hook-protocol.ts'
import { lineReader, parseLine } from './json-lines.ts'

/** Enough for every sub-agent asking at once. */
const CONNECTION_LIMIT = 256

export interface HookAsk { readonly run: string; readonly requestId: string; readonly payload: HookPayload }
export interface HookAnswer {
  readonly output: Record<string, unknown>
  /** Called when the hook process has handed the answer to the agent. */
  readonly onDelivered?: () => void
}
/** `signal` aborts when the hook process goes away; its reason is `withdrawn` (answered in the terminal) or `lost`. */
export type HookHandler = (ask: HookAsk, signal: AbortSignal) => Promise<HookAnswer>

export async function startHookServer(options: { path: string; owner: { uid: number; gid: number } | null; handle: HookHandler; log: (line: string) => void }): Promise<AgentSocket> {
  return listenForAgent({ path: options.path, owner: options.owner, connectionLimit: CONNECTION_LIMIT, onConnection: (socket) => { serveHook(socket, options) } })
}

function serveHook(socket: Socket, options: { handle: HookHandler; log: (line: string) => void }): void {
  const gone = new AbortController()
  let asked = false
  let onDelivered: (() => void) | undefined
  const answer = async (ask: HookAsk): Promise<void> => {
    try {
      const result = await options.handle(ask, gone.signal)
      onDelivered = result.onDelivered
      if (!gone.signal.aborted) socket.write(`${JSON.stringify({ output: result.output })}\n`)
    } catch (error) {
      options.log(`hook ${ask.payload.hook_event_name}: ${String(error)}`)
      if (!gone.signal.aborted) socket.write('{"output":{}}\n')
    }
  }
  socket.on('error', () => { gone.abort('lost') })
  socket.on('close', () => { gone.abort('lost') })
  socket.on('data', lineReader((line) => {
    const message = parseLine(FromHook, line)
    if (message?.say === 'withdrawn') gone.abort('withdrawn')
    if (message?.say === 'delivered') { onDelivered?.(); onDelivered = undefined }
    if (message?.say !== 'ask' || asked) return
    const payload = HookPayload.safeParse(message.payload)
    asked = true
    if (payload.success) void answer({ run: message.run, requestId: message.requestId, payload: payload.data })
    else socket.write('{"output":{}}\n')
  }, () => { socket.destroy() }, HOOK_LINE_LIMIT))
}
