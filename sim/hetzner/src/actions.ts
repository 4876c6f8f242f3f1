/** What the vendor calls an action: work that goes on after the answer. Settled before each request is looked at. */
import type { Action } from './model.ts'

export interface Doing { readonly resources: Action['resources']; /** What really happens; absent: nothing. */ readonly work?: (() => Promise<void>) | undefined; /** What it changes in the books when it has ended. */ after(): void }

const KEPT = 10_000

export function createActions({ now, nextId, actionMs }: { now: () => number; nextId: () => number; actionMs: number }) {
  const actions = new Map<number, Action>()
  /** Work that is done, and only waits for its time. */
  const done = new Map<number, () => void>()
  let stuck = false
  return {
    actions,
    /** They never end, or do again. */
    stick(is: boolean) { stuck = is },
    act(command: string, { resources, work, after }: Doing): Action {
      const action: Action = { id: nextId(), command, startedAt: now(), resources, dueAt: now() + actionMs, finishedAt: null, error: null }
      actions.set(action.id, action)
      if (actions.size > KEPT) actions.delete(actions.keys().next().value as number)
      if (work === undefined) done.set(action.id, after)
      else work().then(() => done.set(action.id, after), (error: unknown) => done.set(action.id, () => { action.error = { code: 'action_failed', message: String(error) } }))
      return action
    },
    settle(): void {
      if (stuck) return
      for (const [id, after] of done) {
        const action = actions.get(id)
        if (action !== undefined && action.dueAt > now()) continue
        done.delete(id)
        if (action !== undefined) action.finishedAt = now()
        after()
      }
    },
  }
}
export type Actions = ReturnType<typeof createActions>
