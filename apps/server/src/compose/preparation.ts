/**
 * What machines need of this host (the daemon, the agents), fetched in the background and once for everybody who
 * waits. A tick only looks: the first use of an agent downloads some hundred megabytes.
 */
import type { Clock, Prepared, ToolboxRef, WorkspaceRecord } from '@berth/core'
import type { AgentName, Toolbox } from '@berth/toolbox'
import { BerthError } from '@berth/wire'
import type { AgentKind, WorkspaceId } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import { messageOf } from '../thrown.ts'

export interface PreparationDeps {
  readonly toolbox: Pick<Toolbox, 'ensureDaemon' | 'ensureAgent'>
  readonly clock: Clock
  /** Of all its sessions; the main one's is in its record too. Absent: that one alone. */
  readonly agentsOf?: (id: WorkspaceId) => Promise<readonly AgentKind[]>
  /** Something this workspace waits for ended, well or not. */
  wake(id: WorkspaceId): void
  readonly log: (line: string) => void
  readonly fetchWithinMs?: number
}

export interface Preparation {
  prepared(record: WorkspaceRecord): Promise<Prepared>
  /** Where the daemon is. Throws before `prepared` said that everything is ready. */
  toolbox(): ToolboxRef
  stop(): void
}

const FETCH_WITHIN_MS = 15 * 60_000
/** What is there is found within this, so that a start that needs no fetch is not delayed by a tick. */
const LOOK_MS = 400
const AGAIN_MS = 1000
/** After this it is asked for again: somebody may have emptied the toolbox. */
const BELIEVE_MS = 60_000
/** Each change of the detail is an event. */
const ELAPSED_STEP_S = 10
const SHOW_ELAPSED_FROM_S = 10
const DETAIL_LIMIT = 160

type Flight<T> = { readonly startedAt: number; detail: string; readonly ended: Promise<void>; outcome: Outcome<T> | null; readonly waiting: Set<WorkspaceId> }
type Outcome<T> = { readonly ok: true; readonly value: T; readonly believedUntil: number } | { readonly ok: false; readonly error: BerthError; readonly at: number }
interface Fetch<T> { readonly what: string; readonly otherwise: 'agent_unavailable' | 'internal'; run(progress: (line: string) => void, signal: AbortSignal): Promise<T> }

export function createPreparation(deps: PreparationDeps): Preparation {
  const { toolbox, clock, log } = deps
  const stopping = new AbortController()
  const look = createLook(deps, stopping.signal)
  let daemon: ToolboxRef | null = null
  const fetchDaemon = look<ToolboxRef>({ what: 'the daemon', otherwise: 'internal', run: (_, signal) => toolbox.ensureDaemon(undefined, signal) })
  const fetches = new Map<AgentName, (wanted: Wanted) => Promise<Seen<string>>>()
  const fetchAgent = (agent: AgentName, wanted: Wanted): Promise<Seen<string>> => {
    const known = fetches.get(agent)
    const fetch = known ?? look<string>({
      what: agent, otherwise: 'agent_unavailable',
      run: (onProgress, signal) => toolbox.ensureAgent({ agent, onProgress: (line) => {
        log(`toolbox: ${line}`)
        onProgress(line)
      } }, signal),
    })
    if (known === undefined) fetches.set(agent, fetch)
    return fetch(wanted)
  }

  return {
    async prepared({ workspace }) {
      const wanted = { id: workspace.id, since: workspace.wish.at, now: clock.now() }
      const agents = [workspace.agent, ...(await deps.agentsOf?.(workspace.id) ?? [])]
      const programs = [...new Set(agents.map((agent) => AGENT_KINDS[agent].program))].filter((program) => program !== null)
      const [forDaemon, ...forAgents] = await Promise.all([fetchDaemon(wanted), ...programs.map((program) => fetchAgent(program, wanted))])
      if (forDaemon.ready) daemon = forDaemon.value
      const waits = [...forAgents, forDaemon].find((one) => !one.ready)
      return waits && !waits.ready ? { ready: false, detail: waits.detail, afterMs: AGAIN_MS } : { ready: true }
    },
    toolbox() {
      if (daemon === null) throw new BerthError('internal', 'the daemon was not prepared')
      return daemon
    },
    stop: () => stopping.abort(new DOMException('the server stops', 'AbortError')),
  }
}

/** For a machine that runs already: resolves when the program is where it looks for it. */
export function agentFetcher(toolbox: Pick<Toolbox, 'ensureAgent'>, log: (line: string) => void): (agent: AgentName) => Promise<void> {
  return async (agent) => {
    await toolbox.ensureAgent({ agent, onProgress: (line) => log(`toolbox: ${line}`) }, AbortSignal.timeout(FETCH_WITHIN_MS))
  }
}

interface Wanted { readonly id: WorkspaceId; readonly since: number; readonly now: number }
type Seen<T> = { readonly ready: true; readonly value: T } | { readonly ready: false; readonly detail: string }

/** One thing to fetch. A failure holds for whoever waited for it; a workspace wished for since then tries again. */
function createLook(deps: PreparationDeps, stopping: AbortSignal) {
  return <T>(fetch: Fetch<T>) => {
    let flight: Flight<T> | null = null
    return async (wanted: Wanted): Promise<Seen<T>> => {
      if (flight === null || isOver(flight.outcome, wanted)) flight = take(deps, fetch, stopping)
      const mine = flight
      mine.waiting.add(wanted.id)
      if (mine.outcome === null) await within(mine.ended, LOOK_MS)
      const { outcome } = mine
      if (outcome === null) return { ready: false, detail: detailOf(mine) }
      mine.waiting.delete(wanted.id)
      if (!outcome.ok) throw outcome.error
      return { ready: true, value: outcome.value }
    }
  }
}

function isOver(outcome: Outcome<unknown> | null, wanted: Wanted): boolean {
  if (outcome === null) return false
  return outcome.ok ? performance.now() > outcome.believedUntil : outcome.at < wanted.since
}

function take<T>(deps: PreparationDeps, fetch: Fetch<T>, stopping: AbortSignal): Flight<T> {
  const { clock, log, wake } = deps
  const startedAt = performance.now()
  const limit = AbortSignal.timeout(deps.fetchWithinMs ?? FETCH_WITHIN_MS)
  const run = async (): Promise<void> => {
    try {
      const value = await fetch.run((line) => { flight.detail = line.slice(0, DETAIL_LIMIT) }, AbortSignal.any([stopping, limit]))
      flight.outcome = { ok: true, value, believedUntil: performance.now() + BELIEVE_MS }
    } catch (cause) {
      const error = asRefusal(cause, fetch, limit.aborted)
      if (!stopping.aborted) log(`toolbox: ${fetch.what}: ${messageOf(cause)}`)
      flight.outcome = { ok: false, error, at: clock.now() }
    }
    for (const id of flight.waiting) wake(id)
    flight.waiting.clear()
  }
  const started = Promise.withResolvers<void>()
  const flight: Flight<T> = { startedAt, detail: fetch.what, outcome: null, waiting: new Set(), ended: started.promise }
  void run().then(started.resolve)
  return flight
}

const HINTS: Readonly<Record<string, string>> = {
  network_unreachable: 'check the network of this host (and its proxy settings), then `berth start`',
  agent_unavailable: 'see `berth server logs`, then `berth start`',
  no_space: 'make room on the disk, then `berth start`',
  timeout: 'check the network of this host, then `berth start`; what was fetched is kept',
}

function asRefusal(cause: unknown, { what, otherwise }: Fetch<unknown>, late: boolean): BerthError {
  if (late) return new BerthError('timeout', `${what} was not there in time`, { hint: HINTS['timeout'] ?? '', cause })
  const code = cause instanceof BerthError ? cause.code : otherwise
  const message = cause instanceof BerthError ? cause.message : `${what} cannot be fetched`
  return new BerthError(code, message, { hint: HINTS[code] ?? (cause instanceof BerthError ? cause.hint : undefined) ?? 'see `berth server logs`', cause })
}

/** Progress as the toolbox tells it, and for how long, since a download may say nothing for a minute. */
function detailOf({ detail, startedAt }: Flight<unknown>): string {
  const seconds = Math.floor((performance.now() - startedAt) / 1000 / ELAPSED_STEP_S) * ELAPSED_STEP_S
  return seconds < SHOW_ELAPSED_FROM_S ? detail : `${detail}, ${seconds} s`
}

async function within(done: Promise<void>, ms: number): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, ms)
  await Promise.race([done, late.promise])
  clearTimeout(timer)
}
