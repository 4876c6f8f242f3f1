/**
 * `berth-daemon relay --socket <path> --run <id> -- <agent> <arguments>`: the program in the terminal of an agent that
 * speaks over its standard input and output. Contract in `protocol.ts`.
 */
import { createConnection, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { lineReader, parseLine } from '../json-lines.ts'
import { AGENT_LINE_LIMIT, KEPT_LIMIT_BYTES, RELAY_LINE_LIMIT, STDERR_KEPT, ToRelay, type FromRelay } from './protocol.ts'

const RETRY_FIRST_MS = 50
const RETRY_MOST_MS = 1000
/** Told lines are known by their keys for so long. */
const KEYS_KEPT = 5000

type Line = Extract<FromRelay, { say: 'line' }>

/** Resolves to the agent's exit code, when the daemon has read everything. */
export async function relayMain(argv: readonly string[]): Promise<number> {
  const at = argv.indexOf('--')
  const { values } = parseArgs({ args: argv.slice(0, Math.max(at, 0)), options: { socket: { type: 'string' }, run: { type: 'string' } } })
  const command = argv.slice(at + 1)
  if (values.socket === undefined || values.run === undefined || at < 0 || command.length === 0) {
    process.stderr.write('berth-daemon relay is started by the daemon, with --socket, --run and a command\n')
    return 2
  }
  const kept = createKept()
  const listeners = new Set<(message: FromRelay) => void>()
  const publish = (message: FromRelay): void => { for (const listener of listeners) listener(message) }
  const record = (by: 'agent' | 'us', key: string | null, line: string): void => { publish(kept.add({ by, key, line })) }

  const agent = startAgent(command, (line) => { record('agent', null, line) })
  if (agent === null) {
    process.stdout.write(`${command[0] ?? ''} cannot be started here\n`)
    return 127
  }
  process.on('SIGINT', () => { publish({ say: 'break' }) })
  const typed = createInterface({ input: process.stdin, terminal: false })
  typed.on('line', (text) => { publish({ say: 'typed', text: text.slice(0, 64 * 1024) }) })

  const over = Promise.withResolvers<number>()
  const link = { socket: values.socket, run: values.run, kept, listeners }
  keepConnected(link, {
    end: () => agent.ending(),
    tell(key, line) {
      if (!kept.isNew(key)) return
      agent.tell(`${line}\n`)
      record('us', key, line)
    },
    ended: (code) => { over.resolve(code ?? 1) },
  })
  void agent.ended.then((end) => { publish(end) })
  return over.promise
}

/** The lines since the last `forget`. */
export function createKept(limitBytes = KEPT_LIMIT_BYTES) {
  let lines: Line[] = []
  let bytes = 0
  let next = 1
  const keys = new Set<string>()
  const drop = (count: number): void => {
    for (const line of lines.slice(0, count)) bytes -= line.line.length
    lines = lines.slice(count)
  }
  return {
    add(line: Pick<Line, 'by' | 'key' | 'line'>): Line {
      const made: Line = { say: 'line', n: next++, ...line }
      lines.push(made)
      bytes += made.line.length
      while (bytes > limitBytes && lines.length > 1) drop(1)
      return made
    },
    /** Once for each key. */
    isNew(key: string): boolean {
      if (keys.has(key)) return false
      keys.add(key)
      if (keys.size > KEYS_KEPT) keys.delete(keys.values().next().value ?? '')
      return true
    },
    after: (n: number): readonly Line[] => lines.filter((line) => line.n > n),
    forget(upTo: number): void { drop(lines.filter((line) => line.n <= upTo).length) },
    get from() { return lines[0]?.n ?? next },
    get to() { return next - 1 },
  }
}

interface Agent { tell(text: string): void; ending(): Extract<FromRelay, { say: 'ended' }> | null; readonly ended: Promise<Extract<FromRelay, { say: 'ended' }>> }
function startAgent(command: readonly string[], onLine: (line: string) => void): Agent | null {
  let child
  try {
    // A session of its own: a key pressed at the terminal is ours to understand, not a signal for the agent.
    child = Bun.spawn([...command], { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', env: process.env, detached: true })
  } catch {
    return null
  }
  const { stdin } = child
  let stderr = ''
  let ended: Extract<FromRelay, { say: 'ended' }> | null = null
  const read = async (stream: ReadableStream<Uint8Array>, take: (chunk: Buffer) => void): Promise<void> => {
    for await (const chunk of stream) take(Buffer.from(chunk))
  }
  const lines = lineReader((line) => { if (line.trim() !== '') onLine(line) }, () => {
    stderr += `\na line was longer than ${AGENT_LINE_LIMIT} bytes`
    child.kill('SIGKILL')
  }, AGENT_LINE_LIMIT)
  const words = Promise.all([read(child.stdout, lines), read(child.stderr, (chunk) => { stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_KEPT) })])
  return {
    tell(text) {
      void stdin.write(text)
      void stdin.flush()
    },
    ending: () => ended,
    ended: (async () => {
      const code = await child.exited
      // A grandchild may hold the pipe open; its words are not the agent's.
      await Promise.race([words.catch(() => {}), Bun.sleep(500)])
      ended = { say: 'ended', code, stderr }
      return ended
    })(),
  }
}

interface LinkState { readonly socket: string; readonly run: string; readonly kept: ReturnType<typeof createKept>; readonly listeners: Set<(message: FromRelay) => void> }
interface LinkHandlers { end(): Extract<FromRelay, { say: 'ended' }> | null; tell(key: string, line: string): void; ended(code: number | null): void }
function keepConnected(link: LinkState, handlers: LinkHandlers): void {
  let waitMs = RETRY_FIRST_MS
  const connect = (): void => {
    const socket = createConnection(link.socket)
    let listener: ((message: FromRelay) => void) | null = null
    socket.on('connect', () => {
      waitMs = RETRY_FIRST_MS
      send(socket, { say: 'here', run: link.run, from: link.kept.from, to: link.kept.to })
    })
    socket.on('error', () => { /* the close follows */ })
    socket.on('close', () => {
      if (listener !== null) link.listeners.delete(listener)
      setTimeout(connect, waitMs)
      waitMs = Math.min(waitMs * 2, RETRY_MOST_MS)
    })
    socket.on('data', lineReader((text) => {
      const message = parseLine(ToRelay, text)
      switch (message?.say) {
        case 'after': {
          for (const line of link.kept.after(message.n)) send(socket, line)
          const end = handlers.end()
          if (end !== null) send(socket, end)
          listener ??= (said) => { send(socket, said) }
          link.listeners.add(listener)
          return
        }
        case 'tell': handlers.tell(message.key, message.line); return
        case 'forget': link.kept.forget(message.upTo); return
        case 'show': process.stdout.write(message.text); return
        case 'read-the-end': handlers.ended(handlers.end()?.code ?? null); return
        default:
      }
    }, () => { socket.destroy() }, RELAY_LINE_LIMIT))
  }
  connect()
}
const send = (socket: Socket, message: FromRelay): void => { socket.write(`${JSON.stringify(message)}\n`) }
