/**
 * Claims the workspaces that are due and reconciles each, several at a time. A tick that throws costs its own
 * workspace a turn and nobody else anything; a database that is away costs everybody a pause.
 */
import { deadlines, nextUptime } from '@berth/core'
import type { Claim, Uptime, WorkspaceStep, WorkspaceStore } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import { createBell } from './bell.ts'
import type { SampledClock } from './database-clock.ts'
import { messageOf } from '../thrown.ts'

export interface TickLoopDeps {
  readonly store: Pick<WorkspaceStore, 'claimDue' | 'giveBack' | 'nextDue'>
  readonly clock: SampledClock
  /** This process, in leases. */
  readonly owner: string
  reconcile(claim: Claim, signal: AbortSignal): Promise<WorkspaceStep>
  ticked(id: WorkspaceId, step: WorkspaceStep): Promise<void>
  readonly log: (line: string) => void
}

export interface TickLoop {
  /** Look now. */
  poke(): void
  upSince(): number
  /** Ends when the ticks under way have ended. */
  stop(): Promise<void>
}

const CONCURRENT_TICKS = 8
/** Time is sampled and a wish written by another server is found within this. */
const LOOK_EVERY_MS = 5000
/** Passes follow one another in milliseconds while many are due. */
const SAMPLE_AGAIN_MS = 1000
const SOONEST_MS = 10
const DATABASE_AWAY_MS = 1000
/** Until a workspace whose tick threw is looked at again; doubled each time, up to the length of a lease. */
const FAILED_AGAIN_MS = 1000

export function startTickLoop(deps: TickLoopDeps): TickLoop {
  const bell = createBell()
  const stopping = new AbortController()
  const running = new Map<WorkspaceId, Promise<void>>()
  const failures = new Map<WorkspaceId, number>()
  /** Of ticks that threw. The database may be why, so they are given back when it answers: else each would last its lease. */
  let abandoned: Claim[] = []
  let uptime: Uptime = nextUptime(null, deps.clock.now())
  let sampledAt = Number.NEGATIVE_INFINITY

  const tick = async (claim: Claim) => {
    try {
      const step = await deps.reconcile(claim, AbortSignal.any([stopping.signal, AbortSignal.timeout(deadlines.providerCall)]))
      failures.delete(claim.workspaceId)
      await deps.ticked(claim.workspaceId, step)
    } catch (error) {
      abandoned.push(claim)
      if (!stopping.signal.aborted) deps.log(`${claim.workspaceId}: tick: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    }
  }

  /** After the tick before it: that one gave its claim back and may still be cleaning up, or it outlived its lease. */
  const enqueue = (claim: Claim): void => {
    const { workspaceId } = claim
    const work = (running.get(workspaceId) ?? Promise.resolve()).then(() => tick(claim)).finally(() => {
      if (running.get(workspaceId) === work) running.delete(workspaceId)
      bell.ring()
    })
    running.set(workspaceId, work)
  }

  const giveBack = async (now: number): Promise<void> => {
    const claims = abandoned
    if (claims.length === 0) return
    await deps.store.giveBack(claims.map((claim) => ({ ...claim, nextTickAt: now + Math.min(FAILED_AGAIN_MS * 2 ** (failures.get(claim.workspaceId) ?? 0), deadlines.tickLease) })))
    for (const { workspaceId } of claims) failures.set(workspaceId, (failures.get(workspaceId) ?? 0) + 1)
    abandoned = abandoned.filter((claim) => !claims.includes(claim))
  }

  /** How long nothing is to be done. */
  const pass = async (): Promise<number> => {
    if (performance.now() - sampledAt >= SAMPLE_AGAIN_MS) {
      await deps.clock.sample()
      sampledAt = performance.now()
    }
    const now = deps.clock.now()
    uptime = nextUptime(uptime, now)
    await giveBack(now)
    const free = CONCURRENT_TICKS - running.size
    if (free <= 0) return LOOK_EVERY_MS
    const claims = await deps.store.claimDue({ owner: deps.owner, limit: free, leaseMs: deadlines.tickLease }, now)
    for (const claim of claims) enqueue(claim)
    if (claims.length === free) return LOOK_EVERY_MS
    const next = await deps.store.nextDue()
    return next === null ? LOOK_EVERY_MS : Math.min(Math.max(next - deps.clock.now(), SOONEST_MS), LOOK_EVERY_MS)
  }

  const loop = async () => {
    let away = false
    while (!stopping.signal.aborted) {
      let pauseMs = DATABASE_AWAY_MS
      try {
        pauseMs = await pass()
        away = false
      } catch (error) {
        if (!away && !stopping.signal.aborted) deps.log(`ticks pause: ${messageOf(error)}`)
        away = true
      }
      if (!stopping.signal.aborted) await bell.wait(pauseMs)
    }
    await Promise.all(running.values())
    // Another server may go on with them now. Where the database is away, the next start takes them.
    await giveBack(deps.clock.now()).catch(() => {})
  }

  const looping = loop()
  return {
    poke: () => bell.ring(),
    upSince: () => uptime.since,
    async stop() {
      stopping.abort(new DOMException('the server stops', 'AbortError'))
      bell.ring()
      await looping
    },
  }
}
