/** A word of the server's process whose answer is read here: the CLI links no server. */
import { BerthError } from '@berth/wire/error'
import type { Context } from '../context.ts'
import { onAbort } from '../on-abort.ts'
import { selfServer } from '../self.ts'
import { serverEnvironment } from './environment.ts'
import { lastWords } from './last-words.ts'

/** What it printed. What it refuses is thrown as any other refusal. */
export async function askServerWord(context: Context, words: readonly string[], input = ''): Promise<unknown> {
  const child = Bun.spawn(selfServer(words), { cwd: context.cwd, env: serverEnvironment(context.home, process.env), stdin: new Blob([input]), stdout: 'pipe', stderr: 'pipe' })
  const listenNoMore = onAbort(context.signal, () => child.kill('SIGTERM'))
  try {
    const [out, said, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
    if (code === 0) return JSON.parse(out)
    throw lastWords(said) ?? new BerthError('internal', said.trim() || `${words[0]} ended with code ${code}`, { hint: 'see `berth doctor`' })
  } finally {
    listenNoMore()
  }
}
