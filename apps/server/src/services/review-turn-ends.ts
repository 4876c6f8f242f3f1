/** Waits for the end of a turn in the workspaces where rejections are queued: its event, or an agent that does nothing. */
import type { WorkspaceId } from '@berth/wire'
import { startPeriodic } from '../loops/periodic.ts'
import type { ServiceDeps } from './deps.ts'
import { isBusy } from './review-reading.ts'
import { messageOf } from '../thrown.ts'

/** What another server queued, or what could not be done when it was due. */
const SWEEP_EVERY_MS = 30_000
/** A machine that dials again, after a restart of the server say, is seen to this soon. */
const BACK_EVERY_MS = 500
const PAGE = 500

export interface TurnEnds {
  /** From this event on. */
  watch(id: WorkspaceId, after: number): void
  stop(): Promise<void>
}

export function createTurnEnds(deps: ServiceDeps, on: { ended(id: WorkspaceId): Promise<void> }): TurnEnds {
  /** Up to which event each was looked at. */
  const waiting = new Map<WorkspaceId, number | null>()
  /** What waits there waits for its machine first. */
  const away = new Set<WorkspaceId>()
  const looking = new Map<WorkspaceId, { again: boolean }>()
  let stopped = false
  const running = new Set<Promise<unknown>>()

  const look = async (id: WorkspaceId): Promise<void> => {
    const record = await deps.store.getWorkspace(id)
    if (record === null || record.workspace.deletedAt !== null) return void waiting.delete(id)
    if (!deps.daemons.connected(id)) return void away.add(id)
    const ended = await turnEnded(id)
    if (!ended && isBusy(record)) return
    // A turn that ended while the last one was being seen to is looked for from here.
    waiting.set(id, await deps.store.events.tail(id))
    await on.ended(id)
    const { decided, sending } = await deps.store.reviews.get(id)
    if (sending === null && !decided.some(({ mark }) => mark === 'queued')) waiting.delete(id)
  }
  /** Since the last look. */
  const turnEnded = async (id: WorkspaceId): Promise<boolean> => {
    let after = waiting.get(id) ?? null
    if (after === null) {
      waiting.set(id, await deps.store.events.tail(id))
      return false
    }
    for (let ended = false; ;) {
      const page = await deps.store.events.read(id, after, PAGE)
      ended ||= page.some(({ body }) => body.type === 'turn.ended')
      after = page.at(-1)?.seq ?? after
      waiting.set(id, after)
      if (page.length < PAGE) return ended
    }
  }
  const soon = (id: WorkspaceId): void => {
    if (stopped || !waiting.has(id)) return
    const under = looking.get(id)
    if (under !== undefined) {
      under.again = true
      return
    }
    const state = { again: false }
    looking.set(id, state)
    const work = (async () => {
      do {
        state.again = false
        await look(id).catch((error: unknown) => {
          // Its cursor may be older than what is kept.
          waiting.set(id, null)
          deps.log(`${id}: the review's queue waits: ${messageOf(error)}`)
        })
      } while (state.again && !stopped && waiting.has(id))
      looking.delete(id)
    })()
    running.add(work)
    void work.finally(() => running.delete(work))
  }
  const removeListener = deps.store.events.onAppend(soon)
  const sweep = startPeriodic({
    name: 'queued rejections', everyMs: SWEEP_EVERY_MS, firstAfterMs: 0, log: deps.log,
    async run() {
      for (const id of await deps.store.reviews.waiting()) {
        if (!waiting.has(id)) waiting.set(id, null)
        soon(id)
      }
    },
  })
  const back = startPeriodic({
    name: 'rejections of machines that are back', everyMs: BACK_EVERY_MS, firstAfterMs: BACK_EVERY_MS, log: deps.log,
    async run() {
      for (const id of [...away].filter((one) => deps.daemons.connected(one))) {
        away.delete(id)
        soon(id)
      }
    },
  })
  return {
    watch(id, after) {
      if ((waiting.get(id) ?? null) === null) waiting.set(id, after)
      soon(id)
    },
    async stop() {
      stopped = true
      removeListener()
      await sweep.stop()
      await back.stop()
      await Promise.all(running)
    },
  }
}
