/**
 * Who looks at what. Rows of viewers say it to every server (the count in the list, the idle decider); where exactly
 * somebody looks is told among the pages of this server only: a relay between servers comes with the first
 * installation of several.
 */
import { deadlines } from '@berth/core'
import type { Identity, ViewerStore } from '@berth/core'
import type { ViewerId, WorkspaceId } from '@berth/wire'
import type { Presence } from '@berth/wire/live'
import { startPeriodic } from '../loops/periodic.ts'
import { messageOf } from '../thrown.ts'

export interface Place { readonly at: string | null; readonly hunkId: string | null }
export interface Viewer {
  move(place: Place): void
  /** A person did something: the only thing that keeps a workspace awake. */
  input(): void
  leave(): void
}
export interface PresenceRoom {
  enter(viewer: { workspaceId: WorkspaceId; identity: Identity; client: Presence['client']; place: Place }): Viewer
  of(workspaceId: WorkspaceId): Presence[]
  close(): Promise<void>
}
export interface PresenceDeps {
  readonly viewers: ViewerStore
  readonly now: () => number
  readonly log: (line: string) => void
  /** Those who look have changed, or where they look. */
  changed(workspaceId: WorkspaceId): void
}

/** A row is renewed, and a minute of typing is one activity, at most this often. */
const INPUT_EVERY_MS = 10_000
/** Renewed so many at a time. */
const AT_ONCE = 16

interface Row { readonly workspaceId: WorkspaceId; shown(): Presence; renew(): Promise<void> }

export function createPresence(deps: PresenceDeps): PresenceRoom {
  const { viewers, now, log } = deps
  const rows = new Set<Row>()
  const leaving = new Set<Promise<void>>()
  const guard = (work: Promise<unknown>): Promise<void> => work.then(() => {}, (error: unknown) => log(`viewers: ${messageOf(error)}`))
  const renewal = startPeriodic({
    name: 'viewers', everyMs: deadlines.viewerHeartbeat, firstAfterMs: deadlines.viewerHeartbeat, log,
    async run(signal) {
      const all = [...rows]
      for (let at = 0; at < all.length && !signal.aborted; at += AT_ONCE) await Promise.all(all.slice(at, at + AT_ONCE).map((row) => guard(row.renew())))
    },
  })

  return {
    enter({ workspaceId, identity, client, place }) {
      const own = crypto.randomUUID()
      let where = place
      let id: ViewerId | null = null
      let left = false
      let inputAt = Number.NEGATIVE_INFINITY
      const join = async (): Promise<void> => {
        id = await viewers.join({ workspaceId, userId: identity.userId, client }, now())
        deps.changed(workspaceId)
      }
      const row: Row = {
        workspaceId,
        shown: () => ({ viewerId: own, who: identity.userName, client, at: where.at, hunkId: where.hunkId }),
        // A row that was pruned, or never came to be because the database was away, is made anew.
        async renew() { if (!left && (id === null || !(await viewers.heartbeat(id, false, now())))) await join() },
      }
      rows.add(row)
      deps.changed(workspaceId)
      let work = guard(join())
      return {
        move(to) {
          if (to.at === where.at && to.hunkId === where.hunkId) return
          where = to
          deps.changed(workspaceId)
        },
        input() {
          if (now() - inputAt < INPUT_EVERY_MS) return
          inputAt = now()
          work = work.then(() => guard(id === null ? join() : viewers.heartbeat(id, true, now()))).then(() => deps.changed(workspaceId))
        },
        leave() {
          if (left) return
          left = true
          rows.delete(row)
          deps.changed(workspaceId)
          const end: Promise<void> = work.then(() => guard(id === null ? Promise.resolve() : viewers.leave(id))).finally(() => {
            leaving.delete(end)
            deps.changed(workspaceId)
          })
          leaving.add(end)
        },
      }
    },
    of: (workspaceId) => [...rows].filter((row) => row.workspaceId === workspaceId).map((row) => row.shown()),
    async close() {
      await renewal.stop()
      await Promise.all(leaving)
    },
  }
}
