/** A command in a workspace, run to its end as the agent's user: what it said, or why it failed. */
import type { Daemons } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { createRunDecoder, encodeRunCommand } from '@berth/wire/run-frames'

/** A push of much work over a slow line. */
const WITHIN_MS = 120_000
const SAID_LIMIT_BYTES = 64 * 1024

export async function commandIn(daemons: Pick<Daemons, 'openStream'>, id: WorkspaceId, argv: readonly string[]): Promise<string> {
  const stream = await daemons.openStream(id, { service: 'run' })
  const timer = setTimeout(() => stream.abort('it took too long'), WITHIN_MS)
  const said: Record<'out' | 'err', Uint8Array[]> = { out: [], err: [] }
  let bytes = 0
  try {
    const writer = stream.writable.getWriter()
    await writer.write(encodeRunCommand({ argv }))
    await writer.close()
    const decode = createRunDecoder()
    for await (const chunk of stream.readable) {
      for (const frame of decode(chunk)) {
        if (frame.kind === 'exit') return ended(frame.code, argv, { out: text(said.out), err: text(said.err) })
        bytes += frame.bytes.length
        if (bytes <= SAID_LIMIT_BYTES) said[frame.kind].push(frame.bytes)
      }
    }
  } finally {
    clearTimeout(timer)
  }
  throw new BerthError('daemon_unreachable', `${argv[0]} ${argv[1]} was not run to its end`, { hint: 'if this machine\'s daemon is older than the server, stop and start the workspace' })
}

const text = (parts: readonly Uint8Array[]): string => new TextDecoder().decode(Buffer.concat(parts))

function ended(code: number, argv: readonly string[], { out, err }: { out: string; err: string }): string {
  if (code === 0) return out
  const line = err.trim().split('\n').filter((each) => each !== '').slice(0, 3).join('; ').replaceAll(/\p{Cc}+/gu, ' ').slice(0, 400)
  throw new BerthError('conflict', `\`${argv.slice(0, 2).join(' ')}\` in the workspace failed: ${line || `exit ${code}`}`)
}
