/**
 * Our own MCP server, for the agent in this machine: the daemon's side. The tools reach the person the agent works
 * for; none of them changes anything in the machine. All that arrives is the agent's word: read strictly, limited.
 */
import { join } from 'node:path'
import type { SessionId } from '@berth/wire'
import type { Assignment, DaemonResult } from '@berth/wire/daemon'
import type { AgentDriver, DaemonContext } from '../../contracts.ts'
import type { AgentSocket } from '../agents/agent-socket.ts'
import type { GivenDecision } from '../agents/take-decision.ts'
import { ARGUMENTS, whatIsWrong, type ArgumentsOf } from './arguments.ts'
import { createAllowance } from './allowance.ts'
import { createPerson, WAITING_LIMIT, type Person } from './person.ts'
import { openShimDoor, type Answered, type ShimCall } from './shim-door.ts'
import { SHIM_SOCKET } from './shim-protocol.ts'
import type { OwnToolName } from './tools.ts'

const HOUR_MS = 3600_000

export interface OwnMcp {
  /** Its questions of before are known again. Before the agent is told anything. */
  assigned(assignment: Assignment): Promise<void>
  /** Null: it is no question of ours. */
  decide(given: GivenDecision): Promise<DaemonResult<'approval.decide'>> | null
  /** That session waits for a person. */
  asks(sessionId: SessionId): boolean
  close(): Promise<void>
}

export function createOwnMcp(deps: {
  context: Pick<DaemonContext, 'boot' | 'journal' | 'machineBoot' | 'log'>
  assignment: () => Assignment | null
  say: (sessionId: SessionId, prompt: Parameters<AgentDriver['prompt']>[0]) => ReturnType<AgentDriver['prompt']>
  /** What listens in the workspace now. */
  ports: () => readonly number[]
  changed: () => void
  now?: () => number
}): OwnMcp {
  const { boot, journal, machineBoot, log } = deps.context
  const now = deps.now ?? Date.now
  const people = new Map<SessionId, Person>()
  const told = createAllowance({ most: 20, withinMs: HOUR_MS, now })
  const shown = createAllowance({ most: 120, withinMs: HOUR_MS, now })
  let door: Promise<AgentSocket> | null = null
  let status = ''

  const personOf = (sessionId: SessionId): Person => {
    const known = people.get(sessionId) ?? createPerson({ journal, sessionId, machineBoot, now, say: (prompt) => deps.say(sessionId, prompt), changed: deps.changed })
    people.set(sessionId, known)
    return known
  }
  const tools: { readonly [T in OwnToolName]: (args: ArgumentsOf<T>, call: { sessionId: SessionId; requestId: string; signal: AbortSignal }) => Promise<Answered | null> | Answered } = {
    ask_user(question, { sessionId, requestId, signal }) {
      const person = personOf(sessionId)
      return person.waiting() >= WAITING_LIMIT ? refused(`${WAITING_LIMIT} questions wait for a person already`) : person.ask(requestId, question, signal)
    },
    open_preview({ port, label }, { sessionId, requestId }) {
      const template = deps.assignment()?.previewUrl
      if (template === undefined) return refused('this server has no previews')
      if (!shown.take()) return refused('that is shown too often; it is there, nobody needs to be told again')
      const url = template.replace('{port}', String(port))
      journal.append({ type: 'report.preview', sessionId, port, label: label ?? null, url }, { key: `mcp.${requestId}` })
      return said(`The person sees it at ${url}${deps.ports().includes(port) ? '' : `. Nothing listens on port ${port} yet; the page comes when something does`}`)
    },
    report_status({ text }, { sessionId, requestId }) {
      if (text === status) return said('Noted.')
      if (!shown.take()) return refused('the line changes too often; say it when you are somewhere else in the task')
      status = text
      journal.append({ type: 'report.status', sessionId, text }, { key: `mcp.${requestId}` })
      return said('Noted.')
    },
    request_review({ summary }, { sessionId, requestId }) {
      if (!told.take()) return refused('a person is asked too often; go on, and ask when all of it is done')
      personOf(sessionId).review(requestId, summary)
      return said('The person is told. End your turn now; what they say comes as the next message.')
    },
    notify({ title, body }, { sessionId, requestId }) {
      if (!told.take()) return refused('the person was told of enough in this hour')
      journal.append({ type: 'report.notice', sessionId, title, text: body }, { key: `mcp.${requestId}` })
      return said('The person is told, where they want to be.')
    },
  }
  const handle = async ({ session, requestId, tool, args }: ShimCall, signal: AbortSignal): Promise<Answered> => {
    const sessionId = sessionsOf(deps.assignment()).find((known) => known === session)
    if (sessionId === undefined) return refused('this session is not one of the workspace')
    if (!isOurs(tool)) return refused(`there is no tool ${tool}`)
    const parsed = ARGUMENTS[tool].safeParse(args)
    if (!parsed.success) return refused(whatIsWrong(parsed.error))
    // Each handler takes what the schema of its own name gives.
    const run = tools[tool] as (args: unknown, call: { sessionId: SessionId; requestId: string; signal: AbortSignal }) => Promise<Answered | null> | Answered
    return (await run(parsed.data, { sessionId, requestId, signal })) ?? refused('nobody waits for this any more')
  }

  return {
    async assigned(assignment) {
      for (const sessionId of sessionsOf(assignment)) personOf(sessionId)
      door ??= openShimDoor({ path: join(boot.runDir, SHIM_SOCKET), owner: boot.agentUser, handle, log })
      await door
    },
    decide(given) {
      for (const person of people.values()) {
        const result = person.decide(given)
        if (result !== null) return result
      }
      return null
    },
    asks: (sessionId) => people.get(sessionId)?.asks() === true,
    async close() {
      for (const person of people.values()) person.close()
      await (await door)?.close()
    },
  }
}

const sessionsOf = (assignment: Assignment | null): SessionId[] => (assignment === null ? [] : [assignment.agent.sessionId, ...(assignment.sessions ?? []).map(({ sessionId }) => sessionId)])
const isOurs = (tool: string): tool is OwnToolName => Object.hasOwn(ARGUMENTS, tool)
const said = (text: string): Answered => ({ answer: { text } })
const refused = (text: string): Answered => ({ answer: { text, refused: true } })
