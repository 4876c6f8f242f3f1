/** The review's services on a real store and a real repository; only the link between them is left out. */
import type { WorkspaceRow } from '@berth/core'
import { openTestDatabase } from '@berth/store/testing'
import type { TestDatabase } from '@berth/store/testing'
import { knownBody } from '@berth/wire'
import type { EventBody, WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire'
import { daemonMethods } from '@berth/wire/daemon'
import type { DaemonMethod } from '@berth/wire/daemon'
import { aLinkedWorkspace } from '../../../../packages/store/src/store-fixtures.ts'
import { startBench } from '../../../daemon/src/services/review/testing.ts'
import type { Bench } from '../../../daemon/src/services/review/testing.ts'
import { createChanges } from '../services/changes.ts'
import type { ServiceDeps } from '../services/deps.ts'
import { createReviews } from '../services/review.ts'
import type { Reviews } from '../services/review.ts'

export interface ReviewWorld {
  readonly id: WorkspaceId
  readonly bench: Bench
  readonly database: TestDatabase
  readonly reviews: Reviews
  /** Methods that were called, with the prompts that were given. */
  readonly calls: { method: string; params: unknown }[]
  readonly logged: string[]
  /** Stands between the server and the daemon: throw, or answer something else. */
  meddle: ((method: DaemonMethod, params: unknown) => Promise<unknown> | undefined) | null
  say(...bodies: EventBody[]): Promise<unknown>
  turn(state: 'busy' | 'idle'): Promise<void>
  /** The server ends and another one begins. */
  restart(): Promise<void>
  events(): Promise<EventBody[]>
  /** What the workspace is said to have left to review, once it is that. */
  left(holds: (changes: WorkspaceRow['changes']) => boolean): Promise<void>
  until(holds: (bodies: readonly EventBody[]) => boolean | Promise<boolean>): Promise<void>
  close(): Promise<void>
}

export async function startReviewWorld(options: { init?: boolean } = {}): Promise<ReviewWorld> {
  const [bench, database] = await Promise.all([startBench(options), openTestDatabase()])
  const { store } = database
  const { id, say, row } = await aLinkedWorkspace(store, Date.now(), { name: 'demo', agent: 'claude' })
  const sessionId = row.sessionId
  await store.wake(id, Date.now())
  const [claim] = await store.claimDue({ owner: 'world', limit: 1, leaseMs: 1000 }, Date.now())
  if (claim !== undefined) await store.finishTick(claim, { machine: { observed: { state: 'running', startedAt: 1 }, ensuringSince: 1 }, workspace: { readyAt: Date.now() }, nextTickAt: Date.now() + 1e9 }, Date.now())
  const calls: ReviewWorld['calls'] = []
  const logged: string[] = []
  let turns = 0

  const call = async (_: WorkspaceId, method: DaemonMethod, params: unknown): Promise<unknown> => {
    calls.push({ method, params })
    const meddled = world.meddle?.(method, params)
    if (meddled !== undefined) return daemonMethods[method].result.parse(await meddled)
    if (method === 'session.prompt') return { status: 'accepted', detail: null }
    const handler = bench.calls[method as keyof Bench['calls']] as ((params: unknown, signal: AbortSignal) => Promise<unknown>) | undefined
    if (handler === undefined) throw new BerthError('unsupported', `this daemon does not know ${method}`)
    const answer = JSON.stringify(await handler(daemonMethods[method].params.parse(JSON.parse(JSON.stringify(params))), bench.signal))
    if (answer.length > 1024 * 1024) throw new BerthError('too_large', 'the answer is too large for one message')
    return daemonMethods[method].result.parse(JSON.parse(answer))
  }
  const deps = {
    store, clock: { now: () => Date.now() }, log: (line: string) => void logged.push(line), poke: () => {},
    daemons: { connected: () => true, count: () => 1, call, reassign: async () => {} },
  } as unknown as ServiceDeps

  const events = async () => (await store.events.read(id, 0, 1000)).map(({ body }) => knownBody(body)).filter((body) => body !== null)
  const told = new Set<() => void>()
  const changes = createChanges({ ...deps, changed: () => { for (const one of told) one() } })
  const look = (of: WorkspaceId) => changes.look(of)
  let reviews = createReviews(deps, look)
  const world: ReviewWorld = {
    id, bench, database, calls, logged, meddle: null, say,
    get reviews() { return reviews },
    async turn(state) {
      const turnId = `turn-${state === 'busy' ? (turns += 1) : turns}`
      const moved: EventBody = { type: 'session.state', sessionId, state, detail: null }
      if (state === 'busy') await say({ type: 'turn.started', sessionId, turnId }, moved)
      else await say(moved, { type: 'turn.ended', sessionId, turnId, outcome: 'done', message: null, background: 0, durationMs: 1 })
    },
    async restart() {
      await reviews.stop()
      reviews = createReviews(deps, look)
    },
    events,
    async left(holds) {
      for (;;) {
        const changed = Promise.withResolvers<void>()
        const tell = () => changed.resolve()
        told.add(tell)
        try {
          if (holds((await store.getWorkspace(id))?.workspace.changes)) return
          await changed.promise
        } finally {
          told.delete(tell)
        }
      }
    },
    async until(holds) {
      for (;;) {
        const appended = Promise.withResolvers<void>()
        const remove = store.events.onAppend(() => appended.resolve())
        try {
          if (await holds(await events())) return
          await appended.promise
        } finally {
          remove()
        }
      }
    },
    async close() {
      await reviews.stop()
      await database.close()
      bench.close()
    },
  }
  await world.turn('idle')
  return world
}
