/** Runs bun as a tool. The compiled product is a bun too, when BUN_BE_BUN tells it so. */
import { BerthError } from '@berth/wire'

const OUTPUT_KEPT = 4096
interface BunRun { readonly args: readonly string[]; readonly cwd: string; readonly what: string; readonly onLine: (line: string) => void }

export async function runBun(run: BunRun, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const child = Bun.spawn([process.execPath, ...run.args], {
    cwd: run.cwd, env: { ...process.env, BUN_BE_BUN: '1' }, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', signal,
  })
  const [out, err] = await Promise.all([readLines(child.stdout, run.onLine), readLines(child.stderr, run.onLine)])
  const exitCode = await child.exited
  signal.throwIfAborted()
  if (exitCode === 0) return
  throw new BerthError(classify(`${out}\n${err}`), `${run.what} ended with ${exitCode}: ${(err || out).trim()}`, { hint: 'see the lines above; the next start tries again' })
}

async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<string> {
  const decoder = new TextDecoder()
  let kept = ''
  let rest = ''
  for await (const chunk of stream) {
    const text = decoder.decode(chunk, { stream: true })
    kept = (kept + text).slice(-OUTPUT_KEPT)
    const lines = (rest + text).split(/[\r\n]+/)
    rest = (lines.pop() ?? '').slice(-OUTPUT_KEPT)
    for (const line of lines) if (line.trim() !== '') onLine(line.trim())
  }
  if (rest.trim() !== '') onLine(rest.trim())
  return kept
}

/** The tool says why only in words; anything not known is a missing agent, not a guess. */
function classify(text: string): 'no_space' | 'network_unreachable' | 'agent_unavailable' {
  if (/ENOSPC|no space left/i.test(text)) return 'no_space'
  return /ConnectionRefused|ENOTFOUND|ECONN|timed? ?out|FailedToOpenSocket|DNS/i.test(text) ? 'network_unreachable' : 'agent_unavailable'
}
