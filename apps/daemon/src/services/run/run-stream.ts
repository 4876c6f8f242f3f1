/**
 * One command of a person, run as the agent's user in the workspace's tree. It ends when its asker goes away, with
 * everything in its group; what it started in a session of its own lives on.
 */
import { constants } from 'node:os'
import { BerthError } from '@berth/wire/error'
import { decodeRunCommand, encodeRunFrame, RUN_COMMAND_LIMIT, RUN_FRAME_LIMIT } from '@berth/wire/run-frames'
import type { RunFrame } from '@berth/wire/run-frames'
import type { AsAgent, ByteStream } from '../../contracts.ts'
import { endTree } from '../processes/end.ts'
import { endFirst } from '../processes/victim.ts'

/** A shell's words for what it could not run. */
const NOT_FOUND = 127
const NOT_RUNNABLE = 126

export async function serveRunStream(deps: { asAgent: AsAgent; workDir: string }, stream: ByteStream & { onInput(): void }): Promise<void> {
  const reader = stream.readable.getReader()
  const writer = stream.writable.getWriter()
  const { argv, rest } = await commandFrom(reader)
  stream.onInput()
  const env = deps.asAgent.environment()
  const program = Bun.which(argv[0] ?? '', { PATH: env['PATH'] ?? '', cwd: deps.workDir })
  const refuse = async (code: number, why: string): Promise<void> => {
    await writer.write(encodeRunFrame({ kind: 'err', bytes: new TextEncoder().encode(`${argv[0]}: ${why}\n`) }))
    await writer.write(encodeRunFrame({ kind: 'exit', code, signal: null }))
    await writer.close()
  }
  if (program === null) return refuse(NOT_FOUND, 'not found in this machine')
  const { argv: whole, ...identity } = deps.asAgent.command([program, ...argv.slice(1)])
  let child: Bun.Subprocess<'pipe', 'pipe', 'pipe'>
  try {
    child = Bun.spawn(whole, { cwd: deps.workDir, env, ...identity, detached: true, stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' })
  } catch (cause) {
    return refuse(NOT_RUNNABLE, cause instanceof Error ? cause.message : String(cause))
  }
  endFirst(child.pid)
  const input = feed(child.stdin, rest, { reader, onInput: stream.onInput }).catch(() => {})
  // Whoever asked is gone; a command that ended by itself has nobody left to end.
  writer.closed.catch(() => { if (child.exitCode === null) void endTree(child.pid) })
  try {
    const told = (kind: 'out' | 'err', from: ReadableStream<Uint8Array>) => tell(from, (bytes) => writer.write(encodeRunFrame({ kind, bytes })))
    await Promise.all([told('out', child.stdout), told('err', child.stderr)])
    await child.exited
    await writer.write(encodeRunFrame(endOf(child)))
    await writer.close()
  } catch {
    await endTree(child.pid)
    stream.abort('the client is gone')
  }
  // It waits for input that nobody reads any more.
  await reader.cancel().catch(() => {})
  await input
}

/** A shell's way to say that a signal ended it. */
function endOf({ exitCode, signalCode }: Bun.Subprocess): RunFrame {
  const signal = typeof signalCode === 'string' ? signalCode : null
  return { kind: 'exit', code: exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal]), signal }
}

async function commandFrom(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<{ argv: readonly string[]; rest: Uint8Array }> {
  let held: Uint8Array = new Uint8Array(0)
  for (;;) {
    const decoded = decodeRunCommand(held)
    if (decoded !== null) return { argv: decoded.command.argv, rest: decoded.rest }
    const { done, value } = await reader.read()
    if (done || held.length > RUN_COMMAND_LIMIT + RUN_FRAME_LIMIT) throw new BerthError('bad_request', 'no command came')
    held = Buffer.concat([held, value])
  }
}

async function feed(stdin: Bun.FileSink, first: Uint8Array, { reader, onInput }: { reader: ReadableStreamDefaultReader<Uint8Array>; onInput: () => void }): Promise<void> {
  try {
    if (first.length > 0) await stdin.write(first)
    await stdin.flush()
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      onInput()
      await stdin.write(next.value)
      await stdin.flush()
    }
  } finally {
    await stdin.end()
  }
}

async function tell(from: ReadableStream<Uint8Array>, write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  for await (const chunk of from) for (let at = 0; at < chunk.length; at += RUN_FRAME_LIMIT) await write(chunk.subarray(at, at + RUN_FRAME_LIMIT))
}
