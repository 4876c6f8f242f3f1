/**
 * Which of several servers on one database serves: the one whose session holds this lock. The database gives it up
 * with the session (PostgreSQL 13.3.5, advisory locks), so a server that was killed is followed at once, and one whose
 * host vanished when its connection is found dead.
 */
import { BerthError } from '@berth/wire'
import { connect, type DatabaseAddress } from './address.ts'

/** "brth", "lead": a pair that nobody else of the database uses. */
const [SPACE, KEY] = [0x62727468, 0x6c656164]
const ASK_MS = 1000
/** As long as the database takes to give up a session that is silent. */
const ANSWER_WITHIN_MS = 9000
/** Seconds after which the database looks whether a silent session is there, how often, how many times. */
const ALIVE = { idle: 5, interval: 2, count: 2 }

export interface Lead {
  /** Resolves when it is held no more, or cannot be known to be: another may serve. Never after `release`. */
  readonly lost: Promise<void>
  release(): Promise<void>
}

/**
 * Resolves when no other server on this database leads. `waits` is called once, when another does; `away` with what the
 * database says when it cannot be asked any more, once until it can: who waits is there for just that.
 * Throws `cancelled` when `signal` says so, and what the database says of the first connection.
 */
export async function takeLead(address: DatabaseAddress, { signal, waits, away }: { signal: AbortSignal; waits(): void; away(error: unknown): void }): Promise<Lead> {
  let told = false
  let isAway = false
  for (;;) {
    try {
      const lead = await tryLead(address)
      if (lead !== null) return lead
      isAway = false
    } catch (error) {
      if (!told) throw error
      if (!isAway) away(error)
      isAway = true
    }
    if (!told) waits()
    told = true
    await aWhile(signal)
    if (signal.aborted) throw new BerthError('cancelled', 'it no longer waits to serve')
  }
}

function aWhile(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ASK_MS)
  signal.addEventListener('abort', () => resolve(), { once: true })
  return promise.finally(() => clearTimeout(timer))
}

/** One session for each try: the driver would otherwise connect again behind our back, without the lock. */
async function tryLead(address: DatabaseAddress): Promise<Lead | null> {
  const { promise: lost, resolve: lose } = Promise.withResolvers<void>()
  const sql = connect(address, { max: 1, applicationName: 'berth lead', onClose: lose })
  const end = () => sql.end({ timeout: 1 }).catch(() => undefined)
  try {
    await sql`select set_config('tcp_keepalives_idle', ${String(ALIVE.idle)}, false), set_config('tcp_keepalives_interval', ${String(ALIVE.interval)}, false), set_config('tcp_keepalives_count', ${String(ALIVE.count)}, false)`
    const [row] = await sql<{ taken: boolean; pid: number }[]>`select pg_try_advisory_lock(${SPACE}, ${KEY}) as taken, pg_backend_pid() as pid`
    if (row?.taken !== true) {
      await end()
      return null
    }
    return held({ sql, pid: row.pid, lost, lose, end })
  } catch (error) {
    await end()
    throw error
  }
}

/** A session that answers as another process is not the one that took the lock. */
function held({ sql, pid, lost, lose, end }: { sql: ReturnType<typeof connect>; pid: number; lost: Promise<void>; lose(): void; end(): Promise<unknown> }): Lead {
  let released = false
  let askedAt: number | null = null
  const timer = setInterval(() => {
    if (askedAt !== null) {
      if (performance.now() - askedAt > ANSWER_WITHIN_MS) lose()
      return
    }
    askedAt = performance.now()
    sql<{ pid: number }[]>`select pg_backend_pid() as pid`.then(([row]) => {
      askedAt = null
      if (row?.pid !== pid) lose()
    }, lose)
  }, ASK_MS)
  timer.unref()
  const ours = lost.then(() => {
    clearInterval(timer)
    return released ? new Promise<void>(() => {}) : undefined
  })
  return {
    lost: ours,
    async release() {
      released = true
      clearInterval(timer)
      await end()
    },
  }
}
