/** Which thread of Codex a session is in: the one of before, a fork of another session's, or a new one. */
import type { Ear } from '../conversation/contracts.ts'
import { ThreadOpened, type Turn } from './messages.ts'
import type { CodexTalk } from './talk.ts'

/** Of what the daemon journals of a session. */
const THREAD = 'codex-thread'

interface Deps { readonly ask: (method: string, params: unknown) => Promise<unknown>; readonly ear: Ear; readonly talk: CodexTalk; readonly log: (line: string) => void }
export interface OpenedThread { readonly thread: string; readonly model: string | null; readonly resumed: boolean; readonly turns: Turn[] }

export async function openCodexThread({ ask, ear, talk, log }: Deps, { settings, name }: { settings: object; name: string }): Promise<OpenedThread> {
  const known = ear.recall(THREAD)
  const origin = known === null ? ear.recallOrigin(THREAD) : null
  const tried = async (method: string, threadId: string | null): Promise<ThreadOpened | null> => {
    if (threadId === null) return null
    const answer = await ask(method, { threadId, ...settings }).catch((error: unknown) => { log(`codex: ${String(error)}`); return null })
    return ThreadOpened.safeParse(answer).data ?? null
  }
  const again = await tried('thread/resume', known)
  const forked = await tried('thread/fork', origin)
  const opened = again ?? forked ?? ThreadOpened.parse(await ask('thread/start', settings))
  const { thread: { id: thread, turns }, model = null } = opened
  // What was said in the other session is told there.
  if (forked !== null) talk.passOver(turns)
  else if (origin !== null) ear.notice('the conversation could not be forked: this session begins with nothing')
  ear.remember(THREAD, thread)
  // What has no name and no turn is not written down, and nobody can join it.
  if (again === null) await ask('thread/name/set', { threadId: thread, name })
  return { thread, model, resumed: again !== null || forked !== null, turns }
}
