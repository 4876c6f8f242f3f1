/** One `berth sync`: its bytes go to a process of the agent's user and back; what was written is remembered on the way. */
import { createSyncDecoder } from '@berth/wire/sync-frames'
import type { AsAgent, ByteStream } from '../../contracts.ts'
import { selfCommand } from '../../self.ts'
import { endFirst } from '../processes/victim.ts'
import { endTree } from '../processes/end.ts'
import type { Since } from './since.ts'

export async function serveSyncStream(deps: { asAgent: AsAgent; workDir: string; since: Pick<Since, 'add' | 'save'> }, stream: ByteStream & { onInput(): void }): Promise<void> {
  const { argv, ...identity } = deps.asAgent.command(selfCommand('sync-in', deps.workDir))
  const child = Bun.spawn(argv, { cwd: deps.workDir, env: deps.asAgent.environment(), ...identity, detached: true, stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' })
  endFirst(child.pid)
  const reader = stream.readable.getReader()
  const writer = stream.writable.getWriter()
  writer.closed.catch(() => { if (child.exitCode === null) void endTree(child.pid) })
  const feeding = feed(child.stdin, reader, stream.onInput).catch(() => {})
  try {
    const decode = createSyncDecoder()
    for await (const chunk of child.stdout) {
      for (const frame of decode(chunk)) if (frame.kind === 'results') deps.since.add(frame.results)
      await writer.write(chunk)
    }
    if ((await child.exited) === 0) await writer.close()
    else stream.abort('what was sent cannot be understood')
  } catch {
    stream.abort('the client is gone')
  } finally {
    deps.since.save()
    await endTree(child.pid)
    await reader.cancel().catch(() => {})
    await feeding
  }
}

async function feed(stdin: Bun.FileSink, reader: ReadableStreamDefaultReader<Uint8Array>, onInput: () => void): Promise<void> {
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      onInput()
      await stdin.write(next.value)
      await stdin.flush()
    }
  } finally {
    await stdin.end()
  }
}
