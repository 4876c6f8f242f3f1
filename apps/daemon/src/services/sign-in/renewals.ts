/**
 * Some makers give another token with each renewal and take the one before back, and who shows that again is signed out.
 * Claude Code and Qwen Code lock their login for it, and Google's stays as it is; Codex and opencode do neither. Where
 * several sessions share one login, what may renew it goes one after the other here: the next one finds it renewed.
 */
import type { AgentProgramName } from '@berth/wire/agents'
import type { LoginFile } from './login-files.ts'

export interface Renewals {
  /** It will be due within that time, or is. */
  isDue(program: AgentProgramName, withinMs: number): boolean
  /** Work that renews the login if that is due: then it runs alone among all of that program. Else it just runs. */
  alone<T>(program: AgentProgramName, withinMs: number, work: () => Promise<T>): Promise<T>
  /** Renews it by that, once for all sessions, and not again and again where it is refused. */
  renew(program: AgentProgramName, withinMs: number, by: () => Promise<unknown>): Promise<void>
}

/** Whoever hangs does not keep the others for longer. */
const TURN_LIMIT_MS = 60_000
/** After which a program that did not renew its login will not. */
const RENEWED_WITHIN_MS = 3000
const LOOK_MS = 50
/** Codex renews by itself, as it starts, what ends so soon. */
const RENEWED_BY_ITSELF_MS = 5 * 60_000
const TRIED_AGAIN_AFTER_MS = 15 * 60_000

export function createRenewals({ loginOf, now, log, byItselfMs = RENEWED_BY_ITSELF_MS }: { loginOf: (program: AgentProgramName) => LoginFile | null; now: () => number; log: (line: string) => void; byItselfMs?: number }): Renewals {
  const last = new Map<AgentProgramName, Promise<unknown>>()
  const triedAt = new Map<AgentProgramName, number>()
  const isDue: Renewals['isDue'] = (program, withinMs) => {
    const dueAt = loginOf(program)?.renewalDueAt ?? null
    return dueAt !== null && dueAt - withinMs <= now()
  }
  const untilRenewed = async (program: AgentProgramName): Promise<void> => {
    for (let waited = 0; waited < RENEWED_WITHIN_MS && isDue(program, byItselfMs); waited += LOOK_MS) await Bun.sleep(LOOK_MS)
  }
  const alone: Renewals['alone'] = async (program, withinMs, work) => {
    if (!isDue(program, withinMs)) return work()
    const before = last.get(program)
    const mine = (before ?? Promise.resolve()).then(work)
    // What has ended, or ends soon, a program renews by itself, beside what it was started for: the next one waits for that.
    const over = atMost(mine.catch(() => {}).then(() => untilRenewed(program)))
    last.set(program, over)
    void over.then(() => { if (last.get(program) === over) last.delete(program) })
    return mine
  }
  return {
    isDue, alone,
    async renew(program, withinMs, by) {
      if (!isDue(program, withinMs)) return
      await alone(program, withinMs, async () => {
        if (!isDue(program, withinMs) || now() - (triedAt.get(program) ?? Number.NEGATIVE_INFINITY) < TRIED_AGAIN_AFTER_MS) return
        triedAt.set(program, now())
        await by().catch((error: unknown) => { log(`${program}: its login was not renewed: ${String(error)}`) })
      })
    },
  }
}

function atMost(work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, TURN_LIMIT_MS)
  void work.then(() => {}, () => {}).then(() => {
    clearTimeout(timer)
    resolve()
  })
  return promise
}
