/**
 * `berth-daemon mcp --socket <path> --session <id> [--ask-as <name>]`: our MCP server as the agent starts it. It speaks the protocol and
 * knows the tools; each call is the daemon's, and is said again to the next daemon when that one goes away meanwhile.
 */
import { randomUUID } from 'node:crypto'
import { createConnection } from 'node:net'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { createMcpServer, type McpAnswer, type McpCall } from '@berth/wire/mcp-server'
import { VERSION } from '@berth/wire/version'
import type { FromShim, ToShim } from './shim-protocol.ts'
import { INSTRUCTIONS, OWN_TOOLS } from './tools.ts'

const RETRY_FIRST_MS = 50
const RETRY_MOST_MS = 1000
/** A daemon is replaced within seconds. A question to a person waits for as long as it takes. */
const PATIENCE_MS = 30_000
const ASK = 'ask_user'
/** Some clients give a call up that says nothing. */
const PROGRESS_MS = 15_000

export async function mcpMain(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options: { socket: { type: 'string' }, session: { type: 'string' }, 'ask-as': { type: 'string' } } })
  const { socket, session, 'ask-as': askAs = ASK } = values
  if (socket === undefined || session === undefined) {
    process.stderr.write('berth-daemon mcp is started by the agent, with --socket and --session\n')
    return 2
  }
  const server = createMcpServer({
    name: 'berth', title: 'Berth', version: VERSION, instructions: INSTRUCTIONS, tools: OWN_TOOLS.map((tool) => (tool.name === ASK ? { ...tool, name: askAs } : tool)),
    call: (call) => askDaemon({ socket, session }, call.name === askAs ? { ...call, name: ASK } : call),
    refusal: (error) => (error instanceof Error ? error.message : String(error)),
    send: (line) => { process.stdout.write(`${line}\n`) },
  })
  const lines = createInterface({ input: process.stdin, crlfDelay: Infinity })
  lines.on('line', (line) => { server.heard(line) })
  await new Promise<void>((resolve) => { lines.on('close', resolve) })
  server.close()
  return 0
}

async function askDaemon(at: { socket: string; session: string }, call: McpCall): Promise<McpAnswer> {
  const ask: FromShim = { say: 'call', session: at.session, requestId: randomUUID(), tool: call.name, args: call.args }
  const beat = setInterval(() => { call.progress('waiting for a person') }, PROGRESS_MS)
  const endsAt = call.name === ASK ? Number.POSITIVE_INFINITY : performance.now() + PATIENCE_MS
  let waitMs = RETRY_FIRST_MS
  try {
    while (performance.now() < endsAt && !call.signal.aborted) {
      const answer = await askOnce(at.socket, ask, call.signal)
      if (answer !== null) return answer
      await Bun.sleep(waitMs)
      waitMs = Math.min(waitMs * 2, RETRY_MOST_MS)
    }
  } finally {
    clearInterval(beat)
  }
  return { text: call.signal.aborted ? 'nobody waits for this any more' : 'the machine did not take this; try again later', refused: true }
}

/** Null: the connection ended without an answer. */
function askOnce(path: string, ask: FromShim, signal: AbortSignal): Promise<McpAnswer | null> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    let heard = ''
    const say = (message: FromShim): void => { socket.write(`${JSON.stringify(message)}\n`) }
    const finish = (answer: McpAnswer | null): void => {
      signal.removeEventListener('abort', withdraw)
      resolve(answer)
    }
    const withdraw = (): void => {
      // Else the agent itself is gone, and the question stays without an asker.
      if (signal.reason === 'cancelled') say({ say: 'withdrawn' })
      socket.end()
      finish(null)
    }
    signal.addEventListener('abort', withdraw, { once: true })
    socket.setEncoding('utf8')
    socket.on('connect', () => { say(ask) })
    socket.on('error', () => { /* the close follows */ })
    socket.on('close', () => { finish(null) })
    socket.on('data', (chunk: string) => {
      heard += chunk
      const end = heard.indexOf('\n')
      if (end < 0) return
      // Our own daemon wrote it.
      const { answer } = JSON.parse(heard.slice(0, end)) as ToShim
      heard = ''
      say({ say: 'delivered' })
      socket.end()
      finish(answer)
    })
  })
}
