/** The lives of the agent's program: adopted, begun, ended, begun again. */
import { randomUUID } from 'node:crypto'
import type { SessionId } from '@berth/wire'
import { BerthError } from '@berth/wire'
import type { DaemonContext } from '../../../contracts.ts'
import type { Condition } from '../condition.ts'
import { createRestarts } from '../restarts.ts'
import type { Voice } from './contracts.ts'

/** Agents are there when they are started, and say who they are within seconds; one that fetches itself takes longer. */
const SILENT_MS = 60_000

interface Run { readonly id: string; readonly machineBoot: string }
export interface Lives {
  readonly run: string
  readonly ready: boolean
  /** Adopts the program that lives, or begins. */
  start(adopting: () => void): Promise<void>
  /** Begins, unless a life is under way. */
  begin(): Promise<void>
  opened(): void
  noLogin(hint: string): void
  unusable(why: string): void
  ended(code: number | null, why: string): void
  /** It has ended for good reason, could not be begun, or nobody was signed in: the next message begins another. */
  readonly waits: boolean
}

export function createLives(deps: {
  context: DaemonContext; sessionId: SessionId; voice: () => Voice; condition: Condition; over: AbortSignal; now: () => number
  /** Nobody answers, works or waits in this life any more. */
  leaveBehind: (why: string) => void
  silentMs?: number
}): Lives {
  const { context: { journal, log, machineBoot }, voice, condition, over } = deps
  const restarts = createRestarts(deps.now)
  const name = `spoken-run.${deps.sessionId}`
  let run: Run = { id: '', machineBoot: '' }
  let ready = false
  /** Somebody has to see to it: it was not the program's own end. */
  let shut = false
  /** It could not be begun, and nobody tries again by himself. */
  let broken = false
  let opening: Promise<void> | null = null

  const failed = (error: unknown): void => {
    log(`${voice().driver}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    if (over.aborted || shut) return
    broken = true
    const hint = error instanceof BerthError && error.hint !== undefined ? `: ${error.hint}` : ''
    condition.enter('error', `${error instanceof Error ? error.message : String(error)}${hint}`)
  }
  /** It may still come: then it is as if nothing was said. Until then nobody waits for it in ignorance. */
  let silence: Timer | undefined
  const watchSilence = (): void => {
    clearTimeout(silence)
    silence = setTimeout(() => {
      if (!over.aborted && !ready && condition.base === 'starting') condition.enter('error', 'the agent was started and has not answered; is it the right command? What it waits for may stand in its terminal')
    }, deps.silentMs ?? SILENT_MS)
    silence.unref()
  }
  const open = (adopt: boolean): Promise<void> => {
    opening ??= voice().open({ run: run.id, adopt }, over).catch(failed).finally(() => { opening = null })
    return opening
  }
  const begin = async (): Promise<void> => {
    if (opening !== null) return opening
    run = { id: randomUUID(), machineBoot }
    journal.set(name, JSON.stringify(run))
    ready = false
    shut = false
    broken = false
    condition.enter('starting')
    watchSilence()
    return open(false)
  }
  return {
    get run() { return run.id },
    get ready() { return ready },
    get waits() { return shut || broken || condition.base === 'exited' },
    begin,
    async start(adopting) {
      const stored = journal.get(name)
      const old = stored === null ? null : (JSON.parse(stored) as Run)
      run = old ?? run
      if (old !== null && old.machineBoot === machineBoot && (await voice().lives(old.id))) {
        adopting()
        return open(true)
      }
      deps.leaveBehind('the machine or the agent ended before it got an answer')
      return begin()
    },
    opened() { ready = true; shut = false },
    noLogin(hint) {
      shut = true
      condition.enter('error', hint, 'login')
    },
    unusable(why) {
      shut = true
      condition.enter('error', why)
    },
    ended(code, why) {
      if (over.aborted) return
      const worked = ready
      ready = false
      deps.leaveBehind('the agent ended before it got an answer')
      if (shut) return
      if (code === 0 && worked) { condition.enter('exited', 'the agent was ended; the next message starts it again'); return }
      const waitMs = restarts.next()
      if (waitMs === null) {
        broken = true
        condition.enter('error', `the agent ended ${restarts.limit} times in ten minutes: ${why}; the next message starts it again`)
        return
      }
      // One that never began is told of at once: a wrong word in its command will not right itself.
      if (worked) condition.enter('starting', `the agent ended (${why}); starting it again`)
      else condition.enter('error', `the agent ended as it began (${why}); trying again`)
      void Bun.sleep(waitMs).then(() => (over.aborted ? undefined : begin()))
    },
  }
}
