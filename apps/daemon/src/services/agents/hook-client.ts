/**
 * The process the agent starts for each hook: `berth-daemon hook <permission|event> --socket <path> --run <id>`.
 * It reads the payload from stdin, asks the daemon, prints the answer. A permission waits for as long as it takes and
 * survives restarts of the daemon; other events give up soon, so that an agent never hangs on an absent daemon.
 */
import { randomUUID } from 'node:crypto'
import { createConnection } from 'node:net'
import { parseArgs } from 'node:util'
import { HOOK_LINE_LIMIT, ToHook, type FromHook } from './hook-protocol.ts'
import { lineReader, parseJson, parseLine } from './json-lines.ts'

const EVENT_PATIENCE_MS = 5000
const RETRY_FIRST_MS = 50
const RETRY_MOST_MS = 1000

/** Resolves to the process's exit code. `{}` means: no opinion, the agent goes on by itself. */
export async function hookMain(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options: { socket: { type: 'string' }, run: { type: 'string' } } })
  if (values.socket === undefined || values.run === undefined) {
    process.stderr.write('berth-daemon hook is started by the agent, with --socket and --run\n')
    return 2
  }
  const payload = await readStdin()
  if (payload === null) return 0
  const ask: FromHook = { say: 'ask', run: values.run, requestId: randomUUID(), payload }
  const patienceMs = positionals[0] === 'permission' ? Number.POSITIVE_INFINITY : EVENT_PATIENCE_MS
  await askUntilAnswered(values.socket, ask, patienceMs)
  // An event nobody heard is no reason to stop the agent.
  return 0
}

async function askUntilAnswered(socketPath: string, ask: FromHook, patienceMs: number): Promise<void> {
  const startedAt = performance.now()
  let waitMs = RETRY_FIRST_MS
  while (performance.now() - startedAt < patienceMs) {
    const answered = await askOnce(socketPath, ask, patienceMs === Number.POSITIVE_INFINITY ? null : patienceMs)
    if (answered) return
    await Bun.sleep(waitMs)
    waitMs = Math.min(waitMs * 2, RETRY_MOST_MS)
  }
}

/** False: the connection ended without an answer. */
function askOnce(socketPath: string, ask: FromHook, limitMs: number | null): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(socketPath)
    let answered = false
    const say = (message: FromHook): void => { socket.write(`${JSON.stringify(message)}\n`) }
    // The agent ends its hook when somebody answers in the terminal; the daemon must not take that for a lost link.
    const onTerminate = (): void => {
      say({ say: 'withdrawn' })
      socket.end(() => { process.exit(0) })
    }
    const finish = (done: boolean): void => {
      process.off('SIGTERM', onTerminate)
      clearTimeout(limit)
      socket.destroy()
      resolve(done)
    }
    const limit = limitMs === null ? undefined : setTimeout(() => { finish(false) }, limitMs)
    process.once('SIGTERM', onTerminate)
    socket.on('connect', () => { say(ask) })
    socket.on('error', () => { finish(false) })
    socket.on('close', () => { if (!answered) finish(false) })
    socket.on('data', lineReader((line) => {
      const message = parseLine(ToHook, line)
      if (message === null || answered) return
      answered = true
      process.stdout.write(`${JSON.stringify(message.output)}\n`, () => {
        say({ say: 'delivered' })
        socket.end(() => { finish(true) })
      })
    }, () => { finish(false) }, HOOK_LINE_LIMIT))
  })
}

async function readStdin(): Promise<Record<string, unknown> | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of Bun.stdin.stream()) {
    size += chunk.byteLength
    if (size > HOOK_LINE_LIMIT / 2) return null
    chunks.push(chunk)
  }
  const parsed = parseJson(Buffer.concat(chunks).toString('utf8'))
  return typeof parsed === 'object' && parsed !== null ? { ...parsed } : null
}
