/**
 * Claude Code as a person would use it: the real program in a terminal, shared by everyone who looks. What it does is
 * learned from its hooks and its transcript; what it is told goes in as paste or as the answer of a hook.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { AgentState, Decision } from '@berth/wire'
import { PromptId } from '@berth/wire'
import type { AgentDriver, CreateDriver, DriverDeps, Terminal } from '../../../contracts.ts'
import { selfCommand } from '../../../self.ts'
import { createAgentFiles } from '../agent-file.ts'
import { startHookServer, type HookAnswer, type HookAsk, type HookServer } from '../hook-server.ts'
import { createApprovalBook, type ApprovalRecord } from './approval-book.ts'
import { createInjector } from './injector.ts'
import { AGENT_TERMINAL, claudeArgv, claudeEnvironment, configDirOf, hasLogin, NO_LOGIN, PINNED_VERSION, sessionUuidOf } from './launch.ts'
import { createPermissions } from './permissions.ts'
import { readSessionStatus, type SessionStatus } from './session-file.ts'
import { seeded, writeAsAgent, writeHookSettings } from './settings.ts'
import { createTranscriptTail } from './tail.ts'
import { createTurns } from './turns.ts'
import { createRestarts } from '../restarts.ts'

const LOOK_BUSY_MS = 200
const LOOK_IDLE_MS = 1000
/** The last lines of a turn reach the transcript a little after the hook that ends it. */
const LAST_LINES_MS = 1000
/** An idle program with an open turn: its Stop hook never reached us. */
const LOST_STOP_MS = 3000
const TYPING_MS = 2000
const TURNED_DOWN_WITHIN_MS = 3000
const SEED_LIMIT = 4 * 1024 * 1024

interface Run { id: string; machineBoot: string; resumed: boolean; ready: boolean }
export interface ClaudeOptions { readonly hookCommand?: readonly string[] }

export const createClaudeDriver: CreateDriver = (deps) => createClaudeDriverWith(deps, {})

// eslint-disable-next-line max-lines-per-function -- one closure over one session's state; the parts are in files of their own
export function createClaudeDriverWith(deps: DriverDeps, options: ClaudeOptions): AgentDriver {
  const { context, assignment, terminals } = deps
  const { boot, journal } = context
  const { sessionId } = assignment.agent
  const now = (): number => Date.now()
  const files = createAgentFiles(boot.agentUser?.uid ?? null)
  const sessionUuid = sessionUuidOf(sessionId)
  const configDir = configDirOf(boot, deps.asAgent.environment(assignment.env))
  const environment = claudeEnvironment({ assignment, configDir, asRoot: boot.agentUser === null && process.getuid?.() === 0 })
  const tail = createTranscriptTail({ journal, files, sessionId })
  const turns = createTurns({ journal, sessionId, now })
  const book = createApprovalBook({ journal, sessionId, now })
  const restarts = createRestarts(now)

  let run: Run = { id: '', machineBoot: '', resumed: false, ready: false }
  let terminal: Terminal | null = null
  let hooks: HookServer | null = null
  let base: AgentState = 'starting'
  let detail: string | null = null
  let shown: AgentState | null = null
  let status: SessionStatus | null = null
  let ending: { at: number; message: string | null } | null = null
  let background = 0
  let progressAt: number | null = null
  let waitingAt: number | null = null
  let askSeenWaitingSince: number | null = null
  let settledAt = 0
  let idleSince: number | null = null
  let interruptedByUs = false
  let released = false
  let stopping = false
  let launching = false
  let timer: Timer | undefined
  let ticking: Promise<void> | null = null

  const alive = (pid: number): boolean => {
    try { process.kill(pid, 0); return true } catch (error) { return (error as NodeJS.ErrnoException).code === 'EPERM' }
  }
  const lookAtStatus = (): SessionStatus | null => (status = readSessionStatus(files, { configDir, sessionUuid, alive }))
  const saveRun = (): void => { journal.set(`run.${sessionId}`, JSON.stringify(run)) }
  const state = (): AgentState => {
    if (base === 'error' || base === 'exited' || base === 'starting') return base
    return permissions.waiting().length > 0 || status?.status === 'waiting' ? 'waiting' : base
  }
  const show = (): void => {
    const current = state()
    if (current === 'waiting') waitingAt ??= now()
    else waitingAt = null
    if (current === shown) return
    shown = current
    journal.append({ type: 'session.state', sessionId, state: current, detail })
    deps.changed()
    schedule(0)
  }
  const enter = (next: AgentState, why: string | null = null): void => { base = next; detail = why; show() }

  const safeToPaste = (): boolean => {
    if (!run.ready || terminal === null || released || stopping || (base !== 'idle' && base !== 'busy')) return false
    if (turns.outstanding() > 0 || book.open().length > 0 || ending !== null && base === 'busy') return false
    const typed = terminal.inputAgeMs()
    return lookAtStatus()?.status !== 'waiting' && (typed === null || typed > TYPING_MS)
  }
  const injector = createInjector({ journal, sessionId, terminal: () => terminal, safe: safeToPaste, log: context.log })

  const wake = (record: ApprovalRecord, decision: Decision): void => {
    const allowed = decision.behavior === 'allow'
    const said = decision.message === undefined ? '' : ` They said: ${decision.message}`
    const text = `The request that was pending when this session was interrupted (${record.title}) has been answered by a person: ${allowed ? 'allowed. Make the same request again and continue.' : 'denied. Do not make it again; continue without it.'}${said}`
    // The id follows from the approval, so a wake-up is given once even when the decision arrives twice.
    const promptId = PromptId.parse(record.approvalId.replace(/^apr_/, 'prm_'))
    if (base === 'exited') void launch().catch(failed)
    void injector.submit({ promptId, text })
  }
  const confirmTurnedDown = async (record: ApprovalRecord): Promise<boolean> => {
    const until = now() + TURNED_DOWN_WITHIN_MS
    while (now() < until && !released && !stopping) {
      await tick()
      if (book.get(record.approvalId)?.state !== 'open') return false
      await Bun.sleep(LOOK_BUSY_MS)
    }
    if (released || stopping || terminal === null || (await terminal.exited()) !== null) return false
    const current = lookAtStatus()
    return current !== null && current.status !== 'waiting'
  }
  const permissions = createPermissions({ book, run: () => run.id, now, changed: () => { progressAt = now(); show() }, settled: () => { settledAt = now() }, confirmTurnedDown, wake })

  const onHook = async (ask: HookAsk, signal: AbortSignal): Promise<HookAnswer> => {
    const { payload } = ask
    if (ask.run !== run.id) return { output: {} }
    progressAt = now()
    if (payload.transcript_path !== undefined && payload.agent_id === undefined) tail.follow(payload.transcript_path)
    switch (payload.hook_event_name) {
      case 'SessionStart': sessionStarted(); break
      case 'UserPromptSubmit': promptSubmitted(payload.prompt ?? ''); break
      case 'PreToolUse': await toolStarts(ask); break
      case 'PermissionRequest': return permissions.handle(ask, turns.callOf({ tool: payload.tool_name ?? '', input: payload.tool_input ?? {} }), signal)
      case 'Stop':
        background = payload.background_tasks?.length ?? 0
        ending = { at: now(), message: payload.last_assistant_message ?? null }
        schedule(0)
        break
      default:
    }
    return { output: {} }
  }
  const sessionStarted = (): void => {
    if (run.ready) return
    run = { ...run, ready: true }
    journal.transaction(() => {
      saveRun()
      journal.append({ type: 'session.started', sessionId, agent: 'claude', driver: 'claude-tui', resumed: run.resumed, agentVersion: assignment.agent.version ?? PINNED_VERSION }, { key: `session.${run.id}` })
    })
    enter(loggedIn() ? 'idle' : 'error', loggedIn() ? null : NO_LOGIN)
  }
  const promptSubmitted = (text: string): void => {
    interruptedByUs = false
    injector.heard(text)
    if (base === 'idle') enter('busy')
  }
  const toolStarts = async (ask: HookAsk): Promise<void> => {
    await injector.quiet()
    if (base === 'idle') enter('busy')
    const { tool_use_id: toolUseId, tool_name: tool, tool_input: input } = ask.payload
    if (toolUseId !== undefined && tool !== undefined) turns.toolStarts({ toolUseId, tool, input: input ?? {} })
  }
  const loggedIn = (): boolean => hasLogin({ files, env: deps.asAgent.environment(environment), configDir })

  const readTranscript = (): void => {
    const read = tail.poll((fact) => {
      turns.onFact(fact)
      if (fact.kind === 'prompt') injector.heard(fact.text)
      if (fact.kind === 'tool-ended') afterRead.push(() => { permissions.toolEnded(fact.toolUseId, fact.outcome) })
      if (fact.kind === 'interrupted') afterRead.push(() => { permissions.turnedDown(); ending = null; if (base === 'busy') enter('idle') })
    })
    if (read) progressAt = now()
    for (const act of afterRead.splice(0)) act()
  }
  const afterRead: (() => void)[] = []

  /** Yes in the terminal ends no hook: the program's own word (`waiting`, then `busy`) tells it, newer than our last answer. */
  const noticeYes = (): void => {
    const asked = permissions.waiting()
    const only = asked.length === 1 ? asked[0] : undefined
    if (only === undefined || status === null) { askSeenWaitingSince = null; return }
    if (status.status === 'waiting') {
      if (status.since >= settledAt) askSeenWaitingSince = status.since
      return
    }
    if (askSeenWaitingSince !== null && status.since > askSeenWaitingSince && status.since + LOOK_BUSY_MS < now()) {
      askSeenWaitingSince = null
      permissions.answeredYes(only.approvalId)
    }
  }
  const followStatus = (before: SessionStatus | null): void => {
    if (status === null || base === 'error' || base === 'exited' || !run.ready) return
    if (status.since !== before?.since && status.status !== 'waiting' && ending === null && status.status !== base) enter(status.status)
    idleSince = status.status === 'idle' ? (idleSince ?? now()) : null
  }
  const stopWasLost = (): boolean => base === 'idle' && idleSince !== null && now() - idleSince > LOST_STOP_MS
  const endTurn = (): void => {
    const settled = ending !== null && (turns.lastAgentText().trim() === ending.message?.trim() || now() - ending.at > LAST_LINES_MS)
    const lost = ending === null && turns.current() !== null && stopWasLost()
    if (!settled && !lost) return
    const failure = turns.apiError()
    const outcome = lost && interruptedByUs ? 'interrupted' : failure === null ? 'done' : 'error'
    turns.end(outcome, { message: failure ?? (ending?.message ?? turns.lastAgentText()), background })
    ending = null
    interruptedByUs = false
    enter('idle')
  }

  const look = async (): Promise<void> => {
    const before = status
    lookAtStatus()
    readTranscript()
    noticeYes()
    followStatus(before)
    endTurn()
    if (base === 'error' && detail === NO_LOGIN && loggedIn()) enter('idle')
    show()
    await noticeExit()
    injector.kick()
  }
  const noticeExit = async (): Promise<void> => {
    if (launching || terminal === null || stopping || released || base === 'exited' || base === 'error' && detail !== NO_LOGIN) return
    const exit = await terminal.exited()
    if (exit !== null) ended(exit.code)
  }
  const tick = (): Promise<void> => {
    ticking ??= look().catch((error: unknown) => { context.log(`claude: ${String(error)}`) }).finally(() => { ticking = null; schedule(pace()) })
    return ticking
  }
  const pace = (): number => (base === 'idle' && ending === null && injector.held() === 0 ? LOOK_IDLE_MS : LOOK_BUSY_MS)
  const schedule = (inMs: number): void => {
    clearTimeout(timer)
    if (!released && !stopping) timer = setTimeout(() => { void tick() }, inMs)
  }
  const failed = (error: unknown): void => { enter('error', error instanceof Error ? error.message : String(error)) }

  const ended = (code: number | null): void => {
    readTranscript()
    permissions.orphanAll('the agent ended before it got an answer')
    turns.end('interrupted')
    run = { ...run, ready: false }
    saveRun()
    if (code === 0) { enter('exited', 'the agent was ended in the terminal; the next message starts it again'); return }
    const waitMs = restarts.next()
    if (waitMs === null) { enter('error', `the agent ended ${restarts.limit} times in ten minutes (last exit code ${code ?? 'unknown'}); look at the terminal's log, then start the workspace again`); return }
    enter('starting', `the agent ended with exit code ${code ?? 'unknown'}; starting it again`)
    terminal = null
    // Not awaited: prompts and looks go on meanwhile.
    void Bun.sleep(waitMs).then(() => (stopping || released ? undefined : launch())).catch(failed)
  }

  const launch = async (): Promise<void> => {
    if (launching) return
    launching = true
    try {
      const old = await terminals.get(AGENT_TERMINAL)
      if (old !== null) await old.kill()
      terminal = null
      const resume = tail.path !== null && /"type":"(user|assistant)"/.test(files.readFrom(tail.path, 0, SEED_LIMIT)?.bytes.toString('utf8') ?? '')
      run = { id: randomUUID(), machineBoot: context.machineBoot, resumed: resume, ready: false }
      saveRun()
      enter('starting')
      const skipsQuestions = assignment.agent.approvalMode === 'skip'
      const settingsPath = join(boot.runDir, `claude-hooks-${sessionUuid}.json`)
      writeHookSettings(settingsPath, { hookCommand: options.hookCommand ?? selfCommand('hook'), socketPath: join(boot.runDir, 'hook.sock'), run: run.id, skipsQuestions })
      const seedPath = join(configDir, '.claude.json')
      await writeAsAgent(deps.asAgent, seedPath, seeded(files.read(seedPath, SEED_LIMIT), { workDir: boot.workDir, apiKey: environment['ANTHROPIC_API_KEY'] ?? null, skipsQuestions }))
      const argv = claudeArgv({ boot, agent: assignment.agent, settingsPath, sessionUuid, resume })
      const opened = await terminals.open({ terminalId: AGENT_TERMINAL, title: 'claude', argv, cwd: boot.workDir, env: deps.asAgent.environment(environment) })
      terminal = opened.terminal
    } finally { launching = false }
    schedule(LOOK_BUSY_MS)
  }
  const adopt = async (): Promise<boolean> => {
    const stored = journal.get(`run.${sessionId}`)
    const old = stored === null ? null : (JSON.parse(stored) as Run)
    const living = await terminals.get(AGENT_TERMINAL)
    if (old === null || living === null || old.machineBoot !== context.machineBoot || (await living.exited()) !== null) return false
    run = old
    terminal = living
    base = run.ready ? 'idle' : 'starting'
    lookAtStatus()
    if (run.ready && status !== null) base = status.status === 'idle' ? 'idle' : 'busy'
    if (run.ready && status === null && turns.current() !== null) base = 'busy'
    return true
  }

  return {
    name: 'claude-tui',
    sessionId,
    async start(signal) {
      signal.throwIfAborted()
      // Adopted before hooks are let in: those of the living run must find it.
      const adopted = await adopt()
      if (!adopted) {
        readTranscript()
        permissions.orphanAll('the machine or the agent ended before it got an answer')
        turns.end('interrupted')
      }
      hooks = await startHookServer({ path: join(boot.runDir, 'hook.sock'), owner: boot.agentUser, handle: onHook, log: context.log })
      if (!adopted) await launch().catch(failed)
      for (const record of book.orphans()) if (record.decision !== null) wake(record, record.decision)
      show()
      schedule(0)
    },
    state,
    async prompt(prompt) {
      if (base === 'exited') void launch().catch(failed)
      await tick()
      return injector.submit(prompt)
    },
    async interrupt() {
      interruptedByUs = await injector.escape(() => run.ready && base === 'busy' && book.open().length === 0 && lookAtStatus()?.status !== 'waiting')
      return { interrupted: interruptedByUs }
    },
    decide: (answer) => permissions.decide(answer),
    activity: () => ({
      agent: state(),
      turnProgressAgeMs: turns.current() === null && base !== 'busy' ? null : now() - (progressAt ?? now()),
      backgroundTasks: background,
      waitingSinceAgeMs: waitingAt === null ? null : now() - waitingAt,
    }),
    async stop() {
      stopping = true
      clearTimeout(timer)
      readTranscript()
      await terminal?.kill()
      permissions.orphanAll('the agent was stopped before it got an answer')
      turns.end('interrupted')
      await hooks?.close()
      enter('exited', 'stopped')
    },
    async release() {
      released = true
      clearTimeout(timer)
      await hooks?.close()
      await ticking
    },
  }
}
