/**
 * Claude Code as a person would use it: the real program in a terminal, shared by everyone who looks. What it does is
 * learned from its hooks and its transcript; what it is told goes in as paste or as the answer of a hook.
 *
 * This file joins the parts of one session: `lifecycle` (which run), `condition` (what clients are told), `injector`
 * (words in), `permissions` (questions out, answers in), `turn-end` (when a turn is over). None of them knows another.
 */
import { join } from 'node:path'
import type { AgentDriver, CreateDriver, DriverDeps } from '../../../contracts.ts'
import { createAgentFiles } from '../agent-file.ts'
import type { AgentSocket } from '../agent-socket.ts'
import { startHookServer } from '../hook-server.ts'
import { createApprovalBook } from '../approval-book.ts'
import { createCondition } from '../condition.ts'
import { passOverKnown } from './beginning.ts'
import { createConversation } from './conversation.ts'
import { openDisplayDoor, type DisplayDoor } from './display-door.ts'
import { createFollowing } from './following.ts'
import { createGoingBack } from './going-back.ts'
import { createHookHandler, type HookMeanings } from './hook-events.ts'
import { createInjector } from './injector.ts'
import { claudeEnvironment, configDirOf, hasLogin, PINNED_VERSION } from './launch.ts'
import { createLifecycle } from './lifecycle.ts'
import { createLiveMessages } from './live-messages.ts'
import { createLooking } from './looking.ts'
import { createPermissions } from './permissions.ts'
import { createProgram, type Place } from './program.ts'
import { safeToPaste } from './safe-to-paste.ts'
import { watchSession } from './session-file.ts'
import { createTranscriptTail } from './tail.ts'
import { createTaskList } from './task-list.ts'
import { createTerminalAnswers, turnedDownInTerminal } from './terminal-answers.ts'
import { createTurnEnd } from './turn-end.ts'
import { createTurns } from './turns.ts'
import { wakeUp } from '../wake-up.ts'

const LOOK_BUSY_MS = 200
const LOOK_IDLE_MS = 1000

export interface ClaudeOptions { readonly hookCommand?: readonly string[] }

export const createClaudeDriver: CreateDriver = (deps) => createClaudeDriverWith(deps, {})

export function createClaudeDriverWith(deps: DriverDeps, options: ClaudeOptions): AgentDriver {
  const { boot, log } = deps.context
  let door: DisplayDoor | null = null
  const place = placeOf(deps, options, () => door?.url ?? null)
  const session = createSession(deps, place)
  const { program, lifecycle, condition, injector, permissions, book, turns, turnEnd, looking, leave } = session
  let hooks: AgentSocket | null = null
  const close = () => Promise.all([hooks?.close(), door?.close()])
  return {
    name: 'claude-tui',
    sessionId: deps.assignment.agent.sessionId,
    async start(signal) {
      signal.throwIfAborted()
      door = openDoor(deps, place, session.displayed)
      try {
        await session.begin()
        // Taken over before hooks are let in: those of the living run must find it.
        const adopted = await lifecycle.takeOver()
        hooks = await startHookServer({ path: join(boot.runDir, deps.session.named('hook.sock')), owner: boot.agentUser, handle: createHookHandler(session.hookMeanings), log })
        if (!adopted) await lifecycle.begin()
      } catch (error) {
        // Another one is made when it is tried again; this one must not keep the port that the agent was told.
        leave()
        await close()
        throw error
      }
      for (const record of book.orphans()) if (record.decision !== null) session.wake(record, record.decision)
      condition.show()
      looking.in(0)
    },
    state: () => condition.state(),
    async prompt(prompt) {
      if (condition.base === 'exited') void lifecycle.begin()
      await looking.now()
      return injector.submit(prompt)
    },
    async interrupt() {
      const interrupted = await injector.escape(() => program.run.ready && condition.base === 'busy' && book.open().length === 0 && session.look()?.status !== 'waiting')
      turnEnd.interrupted(interrupted)
      return { interrupted }
    },
    decide: (answer) => permissions.decide(answer),
    conversationAt: () => session.goingBack.at(),
    async conversationTo(place) {
      await looking.now()
      // Only between turns: what is under way would be lost without a word.
      if ((condition.base !== 'idle' && condition.base !== 'exited') || turns.current() !== null || injector.held() > 0) return false
      if (!(await session.goingBack.to(place))) return false
      await lifecycle.begin()
      return true
    },
    askedElsewhere() { condition.show() },
    activity: () => ({
      agent: condition.state(),
      turnProgressAgeMs: turns.current() === null && condition.base !== 'busy' ? null : (turnEnd.progressAgeMs() ?? 0),
      backgroundTasks: turnEnd.backgroundTasks,
      waitingSinceAgeMs: condition.waitingSinceAgeMs(),
    }),
    async stop() {
      leave()
      await program.terminal?.kill()
      lifecycle.endAll('the agent was stopped before it got an answer')
      await close()
      condition.enter('exited', 'stopped')
    },
    async release() {
      leave()
      await close()
      await looking.settled()
    },
  }
}

/** Without anybody to look there is nothing to listen for, and without a port the agent works all the same. */
function openDoor({ context: { journal, log }, assignment, live, reservePort }: DriverDeps, place: Place, displayed: Parameters<typeof openDisplayDoor>[0]['displayed']): DisplayDoor | null {
  if (live === undefined) return null
  try {
    return openDisplayDoor({ journal, name: `display.${assignment.agent.sessionId}`, sessionUuid: () => place.conversation.uuid, reservePort, displayed })
  } catch (error) {
    log(`claude: its text is shown late: ${String(error)}`)
    return null
  }
}

function placeOf({ context: { boot, journal }, assignment, asAgent }: DriverDeps, { hookCommand }: ClaudeOptions, displayUrl: Place['displayUrl']): Place {
  const configDir = configDirOf(boot, asAgent.environment(assignment.env))
  return {
    files: createAgentFiles(boot.agentUser?.uid ?? null),
    configDir,
    conversation: createConversation({ journal, sessionId: assignment.agent.sessionId }),
    environment: claudeEnvironment({ assignment, configDir, asRoot: boot.agentUser === null && process.getuid?.() === 0 }),
    hookCommand,
    displayUrl,
  }
}

function createSession(deps: DriverDeps, place: Place) {
  const { context: { journal, log }, assignment } = deps
  const { sessionId } = assignment.agent
  const now = (): number => Date.now()
  const gone = new AbortController()
  const status = watchSession(place.files, { configDir: place.configDir, sessionUuid: () => place.conversation.uuid })
  const tail = createTranscriptTail({ journal, files: place.files, sessionId })
  const program = createProgram({ ...deps, place, tail })
  const turns = createTurns({ journal, sessionId, now })
  const turnEnd = createTurnEnd({ turns, now })
  const book = createApprovalBook({ journal, sessionId, now })
  const answers = createTerminalAnswers(now)
  const taskList = createTaskList({ journal, sessionId })
  const liveMessages = createLiveMessages({ sessionId, now, live: deps.live ?? (() => {}) })

  const condition = createCondition({
    journal, sessionId, now,
    asks: () => permissions.waiting().length > 0 || deps.asksElsewhere?.() === true || status.last?.status === 'waiting',
    changed: () => { deps.changed(); looking.in(0) },
  })
  const injector = createInjector({ journal, sessionId, log, terminal: () => program.terminal, status: () => status.look()?.status ?? null, safe: () => safeToPaste({
    ready: program.run.ready && program.terminal !== null && !gone.signal.aborted, base: condition.base, outstandingCalls: turns.outstanding(), openQuestions: book.open().length,
    ending: turnEnd.ending, status: status.look()?.status ?? null, typedAgeMs: program.terminal?.inputAgeMs() ?? null,
  }) })
  const wake: Parameters<typeof createPermissions>[0]['wake'] = (record, decision) => {
    if (condition.base === 'exited') void lifecycle.begin()
    void injector.submit(wakeUp(record, decision))
  }
  const permissions = createPermissions({
    book, now, wake, run: () => program.run.id,
    settled: (record) => { answers.settled(); if (record.toolUseId !== null) turns.toolGoesOn(record.toolUseId) },
    changed: () => { turnEnd.progressed(); condition.show() },
    confirmTurnedDown: (record) => turnedDownInTerminal({
      book, now, over: gone.signal, everyMs: LOOK_BUSY_MS, look: () => looking.now(), status: () => status.look(),
      alive: async () => program.terminal !== null && (await program.terminal.exited()) === null,
    }, record),
  })

  const readTranscript = (): void => {
    // What is decided from a line is done when the lines are stored.
    const afterwards: (() => void)[] = []
    const read = tail.poll((found) => {
      const fact = liveMessages.named(found)
      turns.onFact(fact)
      taskList.onFact(fact)
      if (fact.kind === 'prompt' || fact.kind === 'command') injector.heard(fact.text)
      if (fact.kind === 'tool-ended') afterwards.push(() => { permissions.toolEnded(fact.toolUseId, fact.outcome) })
      if (fact.kind === 'interrupted') afterwards.push(() => { permissions.turnedDown(); turnEnd.cutShort(); if (condition.base === 'busy') condition.enter('idle') })
    })
    if (read) turnEnd.progressed()
    for (const act of afterwards) act()
  }
  const lifecycle = createLifecycle({
    journal, sessionId, agentVersion: assignment.agent.version ?? PINNED_VERSION, program, condition, permissions, turns, session: status, readTranscript, now, over: gone.signal,
    loggedIn: () => hasLogin({ files: place.files, env: deps.asAgent.environment(place.environment), configDir: place.configDir }),
    launched: () => { looking.in(LOOK_BUSY_MS) },
  })
  const following = createFollowing({ status, condition, turnEnd, ready: () => program.run.ready })
  const look = async (): Promise<void> => {
    const current = status.look()
    readTranscript()
    const yes = answers.yes(permissions.waiting(), current)
    if (yes !== null) permissions.answeredYes(yes.approvalId)
    following.follow(current)
    if (turnEnd.settle(condition.base === 'idle')) condition.enter('idle')
    await lifecycle.look()
    injector.kick()
  }
  const looking = createLooking({ look, over: gone.signal, log, paceMs: () => (condition.base === 'idle' && !turnEnd.ending && injector.held() === 0 ? LOOK_IDLE_MS : LOOK_BUSY_MS) })

  const working = (): void => { if (condition.base === 'idle') condition.enter('busy') }
  const hookMeanings: HookMeanings = {
    run: () => program.run.id,
    heardOf(transcript) {
      turnEnd.progressed()
      if (transcript === null || transcript === tail.path) return
      // What stands at the end of the one before is not to be missed.
      readTranscript()
      tail.follow(transcript)
    },
    sessionStarted(uuid) { if (uuid !== null) place.conversation.moved(uuid); lifecycle.sessionStarted() },
    prompted(text) {
      following.passOver()
      turnEnd.prompted()
      injector.heard(text)
      working()
    },
    async toolStarts(call) {
      const run = program.run.id
      await injector.quiet()
      // Its program may have died meanwhile: the next one is not at work because of it.
      if (program.run.id !== run) return
      working()
      if (call !== null) turns.toolStarts(call)
    },
    asks: (ask, signal) => permissions.handle(ask, turns.callOf({ tool: ask.payload.tool_name ?? '', input: ask.payload.tool_input ?? {} }), signal),
    stopped(payload) { turnEnd.stopped(payload); looking.in(0) },
  }
  return { begin: () => passOverKnown(deps, place, tail), program, goingBack: createGoingBack({ asAgent: deps.asAgent, conversation: place.conversation, tail }), lifecycle, condition, injector, permissions, book, turns, turnEnd, looking, hookMeanings, displayed: liveMessages.displayed, wake, look: () => status.look(), leave() { gone.abort(); looking.close() } }
}
