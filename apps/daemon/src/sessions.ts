/**
 * The sessions of this machine: each an agent with its driver. Begun, ended and handed over as the assignment says; a
 * hand-over waits for the end of the turn. What somebody asks goes to the one it is meant for.
 */
import type { SessionId } from '@berth/wire'
import type { ActivityReport, AssignedAgent, Assignment } from '@berth/wire/daemon'
import { AGENT_KINDS } from '@berth/wire/agents'
import { foldAgentStates } from '@berth/wire/session-rules'
import type { AgentDriver, CreateDriver, DaemonContext, DriverDeps, SessionPlace } from './contracts.ts'
import type { BringProgram } from './services/bring-programs.ts'
import { sessionPlace } from './services/agents/session-place.ts'

export interface SessionsDeps extends Omit<DriverDeps, 'assignment' | 'session' | 'asksElsewhere'> {
  readonly context: DaemonContext
  readonly driverFor: (kind: AssignedAgent['kind']) => CreateDriver | Promise<CreateDriver>
  /** Fetches the agent's program where it is not there. */
  readonly bringProgram?: BringProgram
  /** As the agent's user, in the environment of that session. Absent: all have the same. */
  readonly asAgentOf?: (sessionId: SessionId) => DriverDeps['asAgent']
  /** That session waits for a person in one of our own tools. */
  readonly asksInTools?: (sessionId: SessionId) => boolean
}
type Other = NonNullable<Assignment['sessions']>[number]
type AgentActivity = Pick<ActivityReport, 'agent' | 'turnProgressAgeMs' | 'backgroundTasks' | 'waitingSinceAgeMs'>

export interface Sessions {
  readonly main: AgentDriver | null
  of(sessionId: SessionId): AgentDriver | null
  all(): readonly AgentDriver[]
  /** Starts it, or goes on with it in another mode. Answers the driver's name; throws what it could not start for. */
  bringMain(assignment: Assignment): Promise<string>
  /** Begins those that are new and ends those that are gone. What goes wrong with one is its own state. */
  bringOthers(assignment: Assignment): Promise<void>
  /** One is to go on in another mode, and rests now. */
  readonly due: boolean
  activity(): AgentActivity
  /** Ends every one; the next assignment begins them again. */
  stopAll(): Promise<void>
  /** Ends those of the same program that could not work; they are begun anew as they are wished. */
  endBroken(like: AssignedAgent['kind']): Promise<void>
}
interface Held { readonly agent: AssignedAgent; readonly driver: AgentDriver; readonly place: SessionPlace }

const INDEX = 'sessions'
const NOBODY: AgentActivity = { agent: 'none', turnProgressAgeMs: null, backgroundTasks: 0, waitingSinceAgeMs: null }
const RESTING: ReadonlySet<string> = new Set(['none', 'idle', 'exited', 'error'])

const screenOf = ({ kind, mode }: AssignedAgent): boolean => kind === 'claude-headless' || mode !== 'headless'

export function createSessions(deps: SessionsDeps): Sessions {
  const { context, terminals } = deps
  const { journal } = context
  const held = new Map<SessionId, Held>()
  let mainId: SessionId | null = null
  let due = new Set<SessionId>()
  const heldName = (id: SessionId): string => `session-kind.${id}`
  const index = (): SessionId[] => JSON.parse(journal.get(INDEX) ?? '[]') as SessionId[]

  const closeTerminals = async ({ agentTerminal, serverTerminal }: Pick<SessionPlace, 'agentTerminal' | 'serverTerminal'>): Promise<void> => {
    for (const terminalId of [agentTerminal, serverTerminal]) await (await terminals.get(terminalId))?.kill()
  }
  const start = async (assignment: Assignment, agent: AssignedAgent, begin: { main: boolean; forkedFrom: SessionId | null }): Promise<string> => {
    const before = journal.get(heldName(agent.sessionId))
    const takenOver = before !== null && before !== agent.kind
    const place = sessionPlace({ id: agent.sessionId, ...begin, screen: screenOf(agent), takenOver })
    // What the other driver left would be taken for this one's.
    if (takenOver) await closeTerminals(place)
    await deps.bringProgram?.(agent, context.signal)
    const create = await deps.driverFor(agent.kind)
    const driver = create({ ...deps, asAgent: deps.asAgentOf?.(agent.sessionId) ?? deps.asAgent, assignment: { ...assignment, agent }, session: place, asksElsewhere: () => deps.asksInTools?.(agent.sessionId) === true })
    await driver.start(context.signal)
    journal.set(heldName(agent.sessionId), agent.kind)
    held.set(agent.sessionId, { agent, driver, place })
    return driver.name
  }
  /** As it is wished already, or to be looked at again when it rests. Else it is let go, and begun anew by the caller. */
  const keeps = async ({ agent, driver }: Held, wanted: AssignedAgent): Promise<boolean> => {
    const sameKind = agent.kind === wanted.kind
    if (sameKind && screenOf(agent) === screenOf(wanted)) return true
    if (!RESTING.has(driver.state())) {
      due.add(wanted.sessionId)
      return true
    }
    held.delete(wanted.sessionId)
    if (sameKind) await driver.release()
    else await driver.stop()
    return false
  }
  const bring = async (assignment: Assignment, agent: AssignedAgent, begin: { main: boolean; forkedFrom: SessionId | null }): Promise<string> => {
    due.delete(agent.sessionId)
    const known = held.get(agent.sessionId)
    if (known !== undefined && (await keeps(known, agent))) return 'already running'
    return start(assignment, agent, begin)
  }
  const bringOther = async (assignment: Assignment, other: Other): Promise<void> => {
    try {
      await bring(assignment, other, { main: false, forkedFrom: other.forkedFrom })
    } catch (cause) {
      context.log(`session ${other.sessionId}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`)
      journal.append({ type: 'session.state', sessionId: other.sessionId, state: 'error', detail: `the agent did not start: ${cause instanceof Error ? cause.message : String(cause)}` })
    }
  }
  const end = async (id: SessionId): Promise<void> => {
    const known = held.get(id)
    held.delete(id)
    await known?.driver.stop()
    // Also what an earlier daemon began and this one never had.
    await closeTerminals(known?.place ?? sessionPlace({ id, main: false }))
  }

  return {
    get main() { return mainId === null ? null : (held.get(mainId)?.driver ?? null) },
    of: (sessionId) => held.get(sessionId)?.driver ?? null,
    all: () => [...held.values()].map(({ driver }) => driver),
    get due() { return [...due].some((id) => RESTING.has(held.get(id)?.driver.state() ?? 'none')) },
    bringMain(assignment) {
      mainId = assignment.agent.sessionId
      return bring(assignment, assignment.agent, { main: true, forkedFrom: null })
    },
    async bringOthers(assignment) {
      const { sessions: wanted } = assignment
      // A server that says nothing of them is an older one.
      if (wanted === undefined) return
      const gone = index().filter((id) => !wanted.some(({ sessionId }) => sessionId === id))
      for (const id of gone) await end(id).catch((cause: unknown) => { context.log(`session ${id}: ${String(cause)}`) })
      due = new Set([...due].filter((id) => !gone.includes(id)))
      journal.set(INDEX, JSON.stringify(wanted.map(({ sessionId }) => sessionId)))
      await Promise.all(wanted.map((other) => bringOther(assignment, other)))
    },
    async stopAll() {
      const all = [...held]
      held.clear()
      for (const [, { driver }] of all) await driver.stop()
    },
    async endBroken(like) {
      for (const [id, { agent, driver }] of held) {
        if (AGENT_KINDS[agent.kind].program !== AGENT_KINDS[like].program || driver.state() !== 'error') continue
        held.delete(id)
        await driver.stop()
      }
    },
    activity() {
      const main = (mainId === null ? undefined : held.get(mainId))?.driver.activity() ?? NOBODY
      const others = [...held].filter(([id]) => id !== mainId).map(([, { driver }]) => driver.activity())
      return joined(main, others)
    },
  }
}

/** Of all of them as of one: the newest progress, the longest wait. */
export function joined(main: AgentActivity, others: readonly AgentActivity[]): AgentActivity {
  const ages = (of: (one: AgentActivity) => number | null): number[] => [main, ...others].map(of).filter((age) => age !== null)
  const progress = ages(({ turnProgressAgeMs }) => turnProgressAgeMs)
  const waits = ages(({ waitingSinceAgeMs }) => waitingSinceAgeMs)
  return {
    agent: foldAgentStates(main.agent, others.map(({ agent }) => agent)),
    turnProgressAgeMs: progress.length === 0 ? null : Math.min(...progress),
    backgroundTasks: [main, ...others].reduce((sum, { backgroundTasks }) => sum + backgroundTasks, 0),
    waitingSinceAgeMs: waits.length === 0 ? null : Math.max(...waits),
  }
}
