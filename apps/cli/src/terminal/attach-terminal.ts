/** The shared terminal on this one: raw keys out, bytes in, and this terminal as it was when it ends, however it ends. */
import type { Client, Endpoint } from '@berth/client'
import type { WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { Context } from '../context.ts'
import { onAbort } from '../on-abort.ts'
import { ATTACH_PATH } from '../source/hosted.ts'
import { createDetachKeys } from './detach-keys.ts'

interface Attach { readonly client: Client; readonly endpoint: Endpoint & { token: string }; readonly id: WorkspaceId; readonly name: string; readonly terminalId: string; readonly mode: 'control' | 'watch' }
type Ending = { why: 'detached' } | { why: 'exited'; code: number | null } | { why: 'lost'; reason: string }

/** Everything a full-screen program may have switched on: mouse, paste, keys, scroll region, no wrapping, other screen, colours, hidden cursor. */
const RESTORE = '\u001b[?1000l\u001b[?1002l\u001b[?1003l\u001b[?1006l\u001b[?1004l\u001b[?2004l\u001b[?1l\u001b>\u001b[<u\u001b[>4m\u001b[r\u001b[?6l\u001b[?7h\u001b(B\u001b[?1049l\u001b[?25h\u001b[0m'
/** Below everything that was painted, wherever that left the cursor. */
const LAST_ROW = '\u001b[9999;1H\r\n'

/** The exit code of the program in the terminal; null when we left or it has none. */
export async function attachTerminal(context: Context, attach: Attach): Promise<number | null> {
  const { stdin, stdout } = process
  if (!stdin.isTTY || !stdout.isTTY) throw new BerthError('not_a_terminal', 'attach needs a terminal', { hint: `berth events ${attach.name} shows what happens in any place` })
  context.io.note(context.io.noteStyle.dim(`${attach.mode === 'watch' ? 'watching' : 'attached to'} ${attach.name} · Ctrl-] then d to leave`))
  const viewer = await attach.client.joinViewer({ id: attach.id, client: 'cli' }, context.signal).catch(() => null)
  let typed = false
  const heartbeat = viewer && setInterval(() => {
    void attach.client.heartbeatViewer({ viewerId: viewer.viewerId, input: typed }).catch(() => undefined)
    typed = false
  }, viewer.heartbeatMs)
  // The first paint covers the line above; the title stays.
  process.stdout.write(`\u001b]2;${attach.name} · Ctrl-] d leaves\u0007`)
  const socket = open(attach, stdout.columns, stdout.rows)
  let restored = false
  // Once: leaving the other screen twice would move the cursor back to where it was before.
  const restore = (): void => {
    if (restored) return
    restored = true
    if (stdin.isTTY) stdin.setRawMode(false)
    stdout.write(RESTORE)
  }
  process.once('exit', restore)
  stdin.setRawMode(true)
  stdin.resume()
  try {
    const ending = await bridge(context, { socket, mode: attach.mode, onTyped: () => (typed = true) })
    restore()
    stdout.write(LAST_ROW)
    return report(context, attach, ending)
  } finally {
    process.off('exit', restore)
    restore()
    stdin.pause()
    socket.close()
    if (heartbeat) clearInterval(heartbeat)
    if (viewer) await attach.client.leaveViewer({ viewerId: viewer.viewerId }, AbortSignal.timeout(1000)).catch(() => undefined)
  }
}

function open({ endpoint, id, terminalId, mode }: Attach, columns: number, rows: number): WebSocket {
  const url = `${endpoint.url.replace(/^http/, 'ws')}${ATTACH_PATH(id, terminalId)}?cols=${columns}&rows=${rows}&mode=${mode}`
  // Bun's client takes headers; the DOM's types do not know.
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${endpoint.token}` } } as unknown as string[])
  socket.binaryType = 'arraybuffer'
  return socket
}

function bridge(context: Context, ends: { socket: WebSocket; mode: Attach['mode']; onTyped(): void }): Promise<Ending> {
  const { socket, mode } = ends
  const { stdin, stdout } = process
  const keys = createDetachKeys()
  return new Promise((resolve) => {
    const onKeys = (chunk: Buffer): void => {
      const { send, detach } = keys(chunk)
      if (send.length > 0 && mode === 'control' && socket.readyState === WebSocket.OPEN) {
        ends.onTyped()
        socket.send(send)
      }
      if (detach) end({ why: 'detached' })
    }
    const onResize = (): void => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: 'resize', cols: stdout.columns, rows: stdout.rows }))
    }
    let listenNoMore = (): void => {}
    const end = (ending: Ending): void => {
      stdin.off('data', onKeys)
      stdout.off('resize', onResize)
      listenNoMore()
      resolve(ending)
    }
    stdin.on('data', onKeys)
    stdout.on('resize', onResize)
    socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer | string>) => {
      if (typeof data !== 'string') return void stdout.write(new Uint8Array(data))
      const control = readControl(data)
      if (control?.type === 'exit') end({ why: 'exited', code: control.code ?? null })
    })
    socket.addEventListener('close', ({ reason, code }) => end({ why: 'lost', reason: reason || `code ${code}` }))
    socket.addEventListener('error', () => end({ why: 'lost', reason: 'the connection was refused' }))
    listenNoMore = onAbort(context.signal, () => end({ why: 'detached' }))
  })
}

function readControl(text: string): { type?: string; code?: number | null } | null {
  try {
    return JSON.parse(text) as { type?: string; code?: number | null }
  } catch {
    return null
  }
}

function report(context: Context, attach: Attach, ending: Ending): number | null {
  const { io } = context
  if (ending.why === 'lost') throw new BerthError('daemon_unreachable', `the terminal was lost: ${ending.reason}`, { hint: `berth attach ${attach.name}, once \`berth list\` shows it running` })
  if (ending.why === 'exited') {
    io.note(io.noteStyle.dim(`the terminal ended${ending.code === null ? '' : ` with code ${ending.code}`}`))
    return ending.code
  }
  io.note(io.noteStyle.dim(`left; ${attach.name} goes on`))
  return null
}
