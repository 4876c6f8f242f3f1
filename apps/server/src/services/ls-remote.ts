/** What git says of an address, without a prompt, without a redirect, and within moments. */
import { configEnvironment } from '../git-hosting/config-environment.ts'
import type { GitSetting } from '../git-hosting/config-environment.ts'

const LOOK_WITHIN_MS = 4000
const ANSWER_LIMIT_BYTES = 512 * 1024

export interface LsRemote {
  readonly flags: readonly string[]
  readonly patterns?: readonly string[]
  readonly protocols: string
  /** A secret may be among these: they travel in the environment. */
  readonly config?: readonly GitSetting[]
}

/** `whole`: it came to its end. */
export async function lsRemote(url: string, { flags, patterns = [], protocols, config = [] }: LsRemote): Promise<{ text: string; whole: boolean }> {
  // An option is no address, and git would take it for one of its own.
  if (url.startsWith('-')) return { text: '', whole: false }
  const entries: readonly GitSetting[] = [['core.sshCommand', 'ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=3'], ['core.fsmonitor', 'false'], ['http.followRedirects', 'false'], ['core.hooksPath', '/dev/null'], ...config]
  const child = Bun.spawn(['git', 'ls-remote', '--quiet', ...flags, '--', url, ...patterns], {
    cwd: '/', stdin: 'ignore', stdout: 'pipe', stderr: 'ignore', timeout: LOOK_WITHIN_MS, killSignal: 'SIGKILL',
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: process.env['HOME'] ?? '/', LC_ALL: 'C.UTF-8',
      GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: '', SSH_ASKPASS: '', GIT_ALLOW_PROTOCOL: protocols, GIT_CONFIG_NOSYSTEM: '1',
      ...configEnvironment(entries),
    },
  })
  const text = await firstText(child.stdout)
  child.kill('SIGKILL')
  return { text, whole: (await child.exited) === 0 }
}

async function firstText(stream: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= ANSWER_LIMIT_BYTES) break
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}
