/** The lives of the program: when one begins, when it has ended, and whether another follows. */
import type { SessionId } from '@berth/wire'
import type { Journal } from '../../../contracts.ts'
import { createRestarts } from '../restarts.ts'
import type { Condition } from '../condition.ts'
import { NO_LOGIN } from './launch.ts'
import type { Permissions } from './permissions.ts'
import type { Program } from './program.ts'
import type { SessionWatch } from './session-file.ts'
import type { Turns } from './turns.ts'

export interface Lifecycle {
  /** Adopts the program that lives, or puts what an ended one left in order. True: adopted. */
  takeOver(): Promise<boolean>
  /** Starts the program; what is wrong with it becomes the session's state. */
  begin(): Promise<void>
  /** The program says that its session has started. */
  sessionStarted(): void
  /** A person may have logged in, or the program may have ended. */
  look(): Promise<void>
  /** Nobody asks, works or answers any more. */
  endAll(why: string): void
}
interface LifecycleDeps {
  readonly journal: Journal; readonly sessionId: SessionId; readonly agentVersion: string
  readonly program: Program; readonly condition: Condition; readonly permissions: Permissions; readonly turns: Turns; readonly session: SessionWatch
  readonly readTranscript: () => void
  readonly loggedIn: () => boolean
  /** The program was started; look at it soon. */
  readonly launched: () => void
  readonly now: () => number
  readonly over: AbortSignal
}

export function createLifecycle(deps: LifecycleDeps): Lifecycle {
  const { journal, sessionId, program, condition, permissions, turns, session } = deps
  const restarts = createRestarts(deps.now)
  const failed = (error: unknown): void => { condition.enter('error', error instanceof Error ? error.message : String(error)) }
  const endAll = (why: string): void => {
    deps.readTranscript()
    permissions.orphanAll(why)
    turns.end('interrupted')
  }
  const begin = async (): Promise<void> => {
    if (program.launching) return
    try {
      await program.launch(() => { condition.enter('starting') })
      deps.launched()
    } catch (error) { failed(error) }
  }
  const ended = (code: number | null): void => {
    endAll('the agent ended before it got an answer')
    program.setReady(false)
    if (code === 0) { condition.enter('exited', 'the agent was ended in the terminal; the next message starts it again'); return }
    const waitMs = restarts.next()
    if (waitMs === null) { condition.enter('error', `the agent ended ${restarts.limit} times in ten minutes (last exit code ${code ?? 'unknown'}); look at the terminal's log, then start the workspace again`); return }
    condition.enter('starting', `the agent ended with exit code ${code ?? 'unknown'}; starting it again`)
    program.drop()
    // Not awaited: prompts and looks go on meanwhile.
    void Bun.sleep(waitMs).then(() => (deps.over.aborted ? undefined : begin()))
  }
  const foundAs = (): 'starting' | 'idle' | 'busy' => {
    if (!program.run.ready) return 'starting'
    const status = session.look()
    if (status === null) return turns.current() === null ? 'idle' : 'busy'
    return status.status === 'idle' ? 'idle' : 'busy'
  }

  return {
    async takeOver() {
      const adopted = await program.adopt()
      if (adopted) condition.assume(foundAs())
      else endAll('the machine or the agent ended before it got an answer')
      return adopted
    },
    begin,
    sessionStarted() {
      const { run } = program
      if (run.ready) return
      journal.transaction(() => {
        program.setReady(true)
        journal.append({ type: 'session.started', sessionId, agent: 'claude', driver: 'claude-tui', resumed: run.resumed, agentVersion: deps.agentVersion }, { key: `session.${run.id}` })
      })
      if (deps.loggedIn()) condition.enter('idle')
      else condition.enter('error', NO_LOGIN, 'login')
    },
    async look() {
      const withoutLogin = condition.base === 'error' && condition.detail === NO_LOGIN
      if (withoutLogin && deps.loggedIn()) condition.enter('idle')
      condition.show()
      const { terminal } = program
      const gone = condition.base === 'exited' || (condition.base === 'error' && condition.detail !== NO_LOGIN)
      if (program.launching || terminal === null || deps.over.aborted || gone) return
      const exit = await terminal.exited()
      if (exit !== null) ended(exit.code)
    },
    endAll,
  }
}
