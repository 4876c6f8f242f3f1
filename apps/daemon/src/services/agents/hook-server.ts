/** The daemon's side of the hooks: a unix socket the agent's user may connect to. What arrives is the agent's word. */
import { chmodSync, chownSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { FromHook, HookPayload, lineReader } from './hook-protocol.ts'

/** Enough for every sub-agent asking at once; a hostile agent cannot hold more of our memory. */
const CONNECTION_LIMIT = 256

export interface HookAsk { readonly run: string; readonly requestId: string; readonly payload: HookPayload }
export interface HookAnswer {
  readonly output: Record<string, unknown>
  /** Called when the hook process has handed the answer to the agent. */
  readonly onDelivered?: () => void
}
/** `signal` aborts when the hook process goes away; its reason is `withdrawn` (answered in the terminal) or `lost`. */
export type HookHandler = (ask: HookAsk, signal: AbortSignal) => Promise<HookAnswer>
export interface HookServer { close(): Promise<void> }

export async function startHookServer(options: { path: string; owner: { uid: number; gid: number } | null; handle: HookHandler; log: (line: string) => void }): Promise<HookServer> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => { sockets.delete(socket) })
    serveHook(socket, options)
  })
  server.maxConnections = CONNECTION_LIMIT
  // A socket file of a daemon that died is in the way; two daemons of one workspace are excluded by the supervisor.
  rmSync(options.path, { force: true })
  await listen(server, options.path)
  // Root keeps the file, the agent's group may use it.
  if (options.owner !== null) chownSync(options.path, process.getuid?.() ?? 0, options.owner.gid)
  chmodSync(options.path, 0o660)
  return {
    close: () => new Promise((resolve) => {
      server.close(() => { resolve() })
      for (const socket of sockets) socket.destroy()
    }),
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => { server.off('error', reject); resolve() })
  })
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
    const message = parse(line)
    if (message?.say === 'withdrawn') gone.abort('withdrawn')
    if (message?.say === 'delivered') { onDelivered?.(); onDelivered = undefined }
    if (message?.say !== 'ask' || asked) return
    const payload = HookPayload.safeParse(message.payload)
    asked = true
    if (payload.success) void answer({ run: message.run, requestId: message.requestId, payload: payload.data })
    else socket.write('{"output":{}}\n')
  }, () => { socket.destroy() }))
}

function parse(line: string): FromHook | null {
  try {
    const parsed = FromHook.safeParse(JSON.parse(line))
    return parsed.success ? parsed.data : null
  } catch { return null }
}
