/** Two ways to look at a terminal, seen alike: a browser's socket on the server, and a plain client on a PTY. */
import type { Endpoint } from '@berth/client'
import type { WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { within } from './measure.ts'

export interface Viewer {
  write(text: string): void
  /** Resolves at the first bytes from now on that hold `mark`; with how many bytes came until then. */
  until(mark: string, withinMs: number): Promise<number>
  received(): number
  close(): void
}

/** A mark may come in two pieces. */
const KEPT = 256

function createSeeker() {
  let seek: { mark: string; seen: number; text: string; found(seen: number): void } | null = null
  let received = 0
  return {
    received: () => received,
    push(bytes: Uint8Array): void {
      received += bytes.length
      if (seek === null) return
      seek.seen += bytes.length
      const text = seek.text + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
      if (text.includes(seek.mark)) {
        seek.found(seek.seen)
        seek = null
      } else seek.text = text.slice(-KEPT)
    },
    until: (mark: string, withinMs: number): Promise<number> =>
      within(withinMs, `"${mark}" on the terminal`, new Promise<number>((found) => { seek = { mark, seen: 0, text: '', found } })),
  }
}

export async function viewOverServer(endpoint: Endpoint & { token: string }, at: { id: WorkspaceId; terminalId: string; mode?: 'control' | 'watch' }): Promise<Viewer> {
  const seeker = createSeeker()
  const url = `${endpoint.url.replace(/^http/, 'ws')}/api/v1/workspaces/${at.id}/terminals/${at.terminalId}/attach?cols=80&rows=24&mode=${at.mode ?? 'control'}`
  // Bun's client takes headers; the DOM's types do not know.
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${endpoint.token}` } } as unknown as string[])
  socket.binaryType = 'arraybuffer'
  const ready = Promise.withResolvers<void>()
  socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer | string>) => {
    if (typeof data === 'string') ready.resolve()
    else seeker.push(new Uint8Array(data))
  })
  socket.addEventListener('close', ({ code, reason }) => ready.reject(new BerthError('daemon_unreachable', `the terminal was refused: ${reason || code}`)))
  await within(30_000, 'the terminal', ready.promise)
  return {
    write: (text) => socket.send(new TextEncoder().encode(text)),
    until: seeker.until, received: seeker.received,
    close: () => socket.close(),
  }
}

export function viewOnPty(argv: readonly string[], env: Readonly<Record<string, string>>): Viewer {
  const seeker = createSeeker()
  const child: Bun.Subprocess = Bun.spawn([...argv], { cwd: '/', env: { ...env }, terminal: { cols: 80, rows: 24, data: (_, bytes) => seeker.push(bytes) } })
  return {
    write: (text) => void child.terminal?.write(text),
    until: seeker.until, received: seeker.received,
    close() {
      child.terminal?.close()
      child.kill()
    },
  }
}
