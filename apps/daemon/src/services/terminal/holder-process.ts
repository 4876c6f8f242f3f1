/**
 * `holder SPEC`: keeps one terminal where there is no tmux. It owns the PTY, remembers the last bytes, serves
 * viewers over a unix socket that only the daemon's user can reach, and lives on when the daemon dies. After the
 * program ended it stays, so that its last screen and exit code can still be read, until it is told to go.
 */
import { appendFileSync, chmodSync, readFileSync, rmSync } from 'node:fs'
import type { Socket } from 'bun'
import { endTree } from '../processes/end.ts'
import { createHolderDecoder, encodeBytes, encodeJson } from './holder-frames.ts'
import type { FromHolder, HolderFrame, ToHolder } from './holder-frames.ts'
import { createRing } from './ring.ts'
import { HOLDER_RING_BYTES, LOG_LIMIT_BYTES } from './spec.ts'

export interface HolderSpec {
  readonly socket: string
  readonly title: string
  readonly launch: readonly string[]
  readonly cols: number
  readonly rows: number
  readonly logFile: string | null
}
interface Viewer { readonly socket: Socket<Client>; cols: number; rows: number; mode: 'control' | 'watch'; usedAt: number }
interface Client { readonly decode: ReturnType<typeof createHolderDecoder<ToHolder>>; waiting: Uint8Array[]; waitingBytes: number; lagging: boolean; viewer: Viewer | null }

/** A viewer whose socket does not take this much is painted anew when it has caught up. */
const CLIENT_QUEUE_BYTES = 2 * 1024 * 1024
const CLEAR = new TextEncoder().encode('\u001bc')

export async function holderMain(argv: readonly string[]): Promise<number> {
  const path = argv[0]
  if (path === undefined) return 2
  // Ours: nobody else writes into the daemon's 0700 directory.
  const spec = JSON.parse(readFileSync(path, 'utf8')) as HolderSpec
  rmSync(path, { force: true })
  process.on('SIGHUP', () => {})
  const gone = Promise.withResolvers<void>()
  serveTerminal(spec, gone.resolve)
  await gone.promise
  rmSync(spec.socket, { force: true })
  return 0
}

function serveTerminal(spec: HolderSpec, leave: () => void): void {
  const ring = createRing(HOLDER_RING_BYTES)
  const clients = new Set<Socket<Client>>()
  const modes = createModeWatch()
  let size = { cols: spec.cols, rows: spec.rows }
  let exit: { code: number | null } | null = null
  let logged = 0

  const onOutput = (bytes: Uint8Array): void => {
    ring.push(bytes)
    modes.see(bytes)
    if (spec.logFile !== null && logged < LOG_LIMIT_BYTES) {
      logged += bytes.length
      appendFileSync(spec.logFile, bytes)
    }
    const frame = encodeBytes(bytes)
    for (const socket of clients) if (socket.data.viewer !== null) send(socket, frame, true)
  }
  const program = Bun.spawn([...spec.launch], { cwd: '/', terminal: { cols: size.cols, rows: size.rows, data: (_, bytes) => onOutput(bytes) } })
  const closed = program.exited.then(async (code) => {
    // What it wrote last may still be on its way through the PTY.
    await Bun.sleep(20)
    exit = { code: program.signalCode === null ? code : signalExit(code) }
    for (const socket of clients) send(socket, encodeJson({ say: 'exit', code: exit.code }), false)
  })

  const resizeToLatest = (): void => {
    const control = [...clients].flatMap((socket) => (socket.data.viewer?.mode === 'control' ? [socket.data.viewer] : []))
    const latest = control.sort((one, other) => other.usedAt - one.usedAt)[0]
    if (latest === undefined || (latest.cols === size.cols && latest.rows === size.rows)) return
    size = { cols: latest.cols, rows: latest.rows }
    if (exit === null) program.terminal?.resize(size.cols, size.rows)
  }
  const { send, flush } = createSender((socket) => send(socket, encodeBytes(Buffer.concat([CLEAR, ring.read()])), false))
  const info = (): FromHolder => ({ say: 'info', title: spec.title, ...size, bracketedPaste: modes.bracketedPaste(), exited: exit !== null, code: exit?.code ?? null })
  const onJson = async (socket: Socket<Client>, json: ToHolder): Promise<void> => {
    switch (json.do) {
      case 'attach':
        socket.data.viewer = { socket, cols: json.cols, rows: json.rows, mode: json.mode, usedAt: performance.now() }
        resizeToLatest()
        send(socket, encodeBytes(ring.read()), false)
        if (exit !== null) send(socket, encodeJson({ say: 'exit', code: exit.code }), false)
        return
      case 'resize':
        if (socket.data.viewer !== null) Object.assign(socket.data.viewer, { cols: json.cols, rows: json.rows, usedAt: performance.now() })
        return resizeToLatest()
      case 'info': return send(socket, encodeJson(info()), false)
      case 'ring':
        send(socket, encodeBytes(ring.read()), false)
        return send(socket, encodeJson({ say: 'done' }), false)
      case 'kill':
        await endTree(program.pid)
        await closed
        send(socket, encodeJson({ say: 'done' }), false)
        leave()
    }
  }
  const onInput = (socket: Socket<Client>, bytes: Uint8Array): void => {
    if (socket.data.viewer !== null) {
      socket.data.viewer.usedAt = performance.now()
      resizeToLatest()
    }
    if (exit === null) program.terminal?.write(bytes as Uint8Array<ArrayBuffer>)
  }
  Bun.listen<Client>({
    unix: spec.socket,
    socket: {
      open(socket) {
        socket.data = { decode: createHolderDecoder<ToHolder>(), waiting: [], waitingBytes: 0, lagging: false, viewer: null }
        clients.add(socket)
      },
      data(socket, chunk) {
        const frames = framesIn(socket, chunk)
        for (const frame of frames) {
          if (frame.kind === 'bytes') onInput(socket, frame.bytes)
          else void onJson(socket, frame.json)
        }
      },
      drain: flush,
      close(socket) {
        clients.delete(socket)
        resizeToLatest()
      },
    },
  })
  chmodSync(spec.socket, 0o600)
}

/** Where the agent runs as the daemon's own user it can reach the socket too; its garbage must not end the terminal. */
function framesIn(socket: Socket<Client>, chunk: Uint8Array): HolderFrame<ToHolder>[] {
  try {
    return socket.data.decode(chunk)
  } catch {
    socket.terminate()
    return []
  }
}

/** Writes to viewers without waiting for any: one whose queue is full misses bytes, and is painted anew when it is empty. */
function createSender(repaint: (socket: Socket<Client>) => void): { send(socket: Socket<Client>, frame: Uint8Array, mayDrop: boolean): void; flush(socket: Socket<Client>): void } {
  const send = (socket: Socket<Client>, frame: Uint8Array, mayDrop: boolean): void => {
    const client = socket.data
    if (client.lagging && mayDrop) return
    if (mayDrop && client.waitingBytes + frame.length > CLIENT_QUEUE_BYTES) {
      client.lagging = true
      return
    }
    client.waiting.push(frame)
    client.waitingBytes += frame.length
    flush(socket)
  }
  const flush = (socket: Socket<Client>): void => {
    const client = socket.data
    for (let next = client.waiting[0]; next !== undefined; next = client.waiting[0]) {
      const taken = socket.write(next)
      if (taken < 0) return
      client.waitingBytes -= taken
      if (taken < next.length) {
        client.waiting[0] = next.subarray(taken)
        return
      }
      client.waiting.shift()
    }
    if (!client.lagging) return
    client.lagging = false
    repaint(socket)
  }
  return { send, flush }
}

/** A program ended by a signal has 128 and its number, as shells say it. */
function signalExit(code: number | null): number | null { return code === null || code >= 128 ? code : 128 + code }

/** Escape, `[?2004`, and on or off. */
const BRACKETED = new RegExp(`${String.fromCharCode(27)}\\[\\?2004([hl])`, 'g')

/** Whether the program asked that pastes be bracketed; its request may be cut by the edge of a chunk. */
function createModeWatch(): { see(bytes: Uint8Array): void; bracketedPaste(): boolean } {
  let tail = ''
  let bracketed = false
  return {
    see(bytes) {
      const text = tail + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
      for (const match of text.matchAll(BRACKETED)) bracketed = match[1] === 'h'
      tail = text.slice(-7)
    },
    bracketedPaste: () => bracketed,
  }
}
