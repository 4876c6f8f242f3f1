/** A file that a person dropped into the chat: taken from the link straight into a process of the agent's user. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { UPLOAD_DIR, UPLOAD_LIMIT_BYTES } from '@berth/wire/files-methods'
import { BerthError } from '@berth/wire/error'
import type { AsAgent, ByteStream } from '../../contracts.ts'
import { selfCommand } from '../../self.ts'

const NAME_LIMIT = 100

export async function serveUploadStream(deps: { asAgent: AsAgent; homeDir: string }, name: string, stream: ByteStream): Promise<void> {
  const reply = async (value: object): Promise<void> => {
    const writer = stream.writable.getWriter()
    await writer.write(new TextEncoder().encode(JSON.stringify(value)))
    await writer.close()
  }
  try {
    // A name of its own each time: nothing is replaced under an agent that may be reading it.
    const path = join(deps.homeDir, UPLOAD_DIR, `${randomBytes(4).toString('hex')}-${cleanName(name)}`)
    await put(deps.asAgent, path, stream.readable)
    await reply({ path })
  } catch (cause) {
    if (!(cause instanceof BerthError)) throw cause
    await reply({ error: { code: cause.code, message: cause.message } })
  }
}

async function put(asAgent: AsAgent, path: string, bytes: ReadableStream<Uint8Array>): Promise<void> {
  const { argv, ...identity } = asAgent.command(selfCommand('put', path))
  const child = Bun.spawn(argv, { cwd: '/', env: asAgent.environment(), ...identity, stdin: 'pipe', stdout: 'ignore', stderr: 'pipe' })
  const said = new Response(child.stderr).text()
  let size = 0
  try {
    for await (const chunk of bytes) {
      size += chunk.length
      if (size > UPLOAD_LIMIT_BYTES) throw new BerthError('too_large', `a file may have ${UPLOAD_LIMIT_BYTES} bytes`)
      await child.stdin.write(chunk)
      await child.stdin.flush()
    }
    await child.stdin.end()
  } catch (cause) {
    // Before it closes its input: half a file is no file.
    child.kill('SIGKILL')
    await child.exited
    throw cause
  }
  const [exitCode, stderr] = await Promise.all([child.exited, said])
  if (exitCode !== 0) throw new BerthError(/ENOSPC|EDQUOT/.test(stderr) ? 'no_space' : 'internal', 'the file could not be written in the workspace')
}

/** Letters that no shell and no terminal takes for anything else. */
export function cleanName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? ''
  const clean = last.normalize('NFC').replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[.-]+|[.-]+$/g, '')
  if (clean.length <= NAME_LIMIT) return clean || 'file'
  const ending = /\.[A-Za-z0-9]{1,10}$/.exec(clean)?.[0] ?? ''
  return `${clean.slice(0, NAME_LIMIT - ending.length).toWellFormed().replaceAll('\ufffd', '')}${ending}`
}
