/** What the server may ask of this machine. Each may be asked twice. */
import { join } from 'node:path'
import type { Assignment } from '@berth/wire/daemon'
import { BerthError } from '@berth/wire/error'
import type { ApprovalId, PromptId, SessionId } from '@berth/wire'
import type { AsAgent, CallHandlers, DaemonContext, Link, Terminals } from './contracts.ts'
import type { Converger } from './converge.ts'
import type { GitTree } from './services/git/tree.ts'
import { listCommands } from './services/files/commands.ts'
import type { Files } from './services/files/files.ts'
import type { ReviewService } from './services/review/index.ts'
import type { Ssh } from './services/ssh/index.ts'
import { readLog } from './services/read-log.ts'
import { BEGUN } from './services/state/begin.ts'
import type { Saver } from './services/state/save.ts'
import type { SignIns } from './services/sign-in/index.ts'
import { usableToolbox } from './upgrade.ts'

export interface CallDeps {
  readonly context: DaemonContext
  readonly converger: Converger
  readonly terminals: Terminals
  readonly tree: GitTree
  readonly review: ReviewService
  readonly files: Files
  readonly asAgent: AsAgent
  readonly ssh: Pick<Ssh, 'access'>
  readonly signIns: Pick<SignIns, 'calls'>
  readonly saver: Saver
  readonly link: () => Pick<Link, 'flush'>
  readonly bootPath: string
  /** Of the workspace's environment and files. */
  readonly secrets: () => ReadonlySet<string>
  /** Exits so that the supervisor goes on with another toolbox. */
  readonly upgrade: (toolboxDir: string) => void
}

/** Of the time a stop gives us, the part that goes to saving; the rest is for the journal. */
const SAVE_SHARE = 0.8

export function createCalls(deps: CallDeps): CallHandlers {
  const { converger, context } = deps
  const requireName = (): Pick<Assignment, 'name' | 'source'> => {
    if (converger.assignment === null || !converger.codeReady) throw new BerthError('workspace_busy', 'the code is not here yet', { hint: 'wait until the workspace runs' })
    return converger.assignment
  }
  // The link has parsed the parameters: ids are what they say, though the schema's input type calls them strings.
  return {
    'session.prompt': async (prompt) => {
      const parsed = { ...prompt, promptId: prompt.promptId as PromptId }
      if (converger.driver !== null) return converger.driver.prompt(parsed)
      converger.keepPrompt(parsed)
      return { status: 'held', detail: 'the agent is not running yet' }
    },
    'session.interrupt': async () => converger.driver?.interrupt() ?? { interrupted: false },
    ...sessionCalls(converger),
    ...deps.signIns.calls,
    'state.save': async ({ savedId, still }) => {
      await converger.settled()
      requireName()
      if (still && !converger.held) throw new BerthError('workspace_busy', 'its agents are still at work', { hint: 'try again in a moment' })
      return deps.saver.save(savedId, context.signal)
    },
    'state.begun': async () => ({ savedId: context.journal.get(BEGUN) }),
    'approval.decide': async (answer) => {
      // The driver is strict about the defaults that the parameters may leave out.
      const decision = { ...answer.decision, scope: answer.decision.scope ?? ('once' as const) }
      const parsed = { ...answer, approvalId: answer.approvalId as ApprovalId, decision, orphaned: false, ageMs: 0 }
      if (converger.driver !== null) return converger.decide(parsed)
      converger.keepDecision(parsed)
      return { status: 'kept' }
    },
    'git.checkpoint': async (request, signal) => deps.tree.checkpoint({ ...request, name: requireName().name }, signal),
    'git.diff': async (request, signal) => {
      requireName()
      return deps.tree.diff(request, signal)
    },
    ...deps.review.calls(requireName),
    'files.list': async (request, signal) => {
      requireName()
      return deps.files.list(request, signal)
    },
    'files.read': async (request, signal) => {
      requireName()
      return deps.files.read(request, signal)
    },
    'files.write': async (request, signal) => {
      requireName()
      return deps.files.write(request, signal)
    },
    'agent.commands': (_, signal) => listCommands({ asAgent: deps.asAgent, workDir: context.boot.workDir, homeDir: context.boot.homeDir, agent: converger.assignment?.agent.kind ?? 'plain' }, signal),
    'ssh.access': async () => deps.ssh.access(),
    'terminal.snapshot': async ({ terminalId }) => {
      const terminal = await deps.terminals.get(terminalId)
      if (terminal === null) throw new BerthError('not_found', `no terminal ${terminalId}`, { hint: 'the agent may not be running' })
      return terminal.picture()
    },
    'terminal.list': async () => (await deps.terminals.list()).map(({ terminalId, title, backend, viewers }) => ({ terminalId, title, backend, viewers: viewers() })),
    'logs.read': async ({ source, tailBytes }) => ({ text: await readLog({ logDir: join(context.boot.stateDir, 'logs'), terminals: deps.terminals, secrets: deps.secrets() }, source, tailBytes ?? 64 * 1024) }),
    'stop.prepare': async ({ withinMs, publish }, signal) => {
      const until = performance.now() + withinMs
      let commit: string | null = null
      try {
        const hurry = AbortSignal.timeout(Math.max(1, withinMs * SAVE_SHARE))
        if (converger.codeReady) ({ commit } = await deps.tree.checkpoint({ reason: 'before stop', publish, name: requireName().name }, AbortSignal.any([signal, hurry])).catch((cause: unknown) => {
          throw hurry.aborted ? new BerthError('timeout', 'saving the tree took longer than a stop may wait', { cause, hint: 'the tree stays on the disk of the machine' }) : cause
        }))
      } finally {
        await deps.link().flush(Math.max(0, until - performance.now()))
      }
      return { commit }
    },
    'daemon.upgrade': async ({ toolboxDir }, signal) => {
      deps.upgrade(await usableToolbox({ toolboxDir: context.boot.toolboxDir, bootPath: deps.bootPath }, toolboxDir, signal))
      return {}
    },
  }
}

/** Of the sessions beside the main one. */
function sessionCalls(converger: Converger): Pick<CallHandlers, 'sessions.prompt' | 'sessions.interrupt' | 'sessions.known'> {
  return {
    'sessions.prompt': async ({ sessionId, promptId, text }) => {
      const prompt = { promptId: promptId as PromptId, text }
      const id = sessionId as SessionId
      const driver = converger.sessions.of(id)
      if (driver !== null) return driver.prompt(prompt)
      converger.keepPrompt({ ...prompt, sessionId: id })
      return { status: 'held', detail: 'the agent is not running yet' }
    },
    'sessions.interrupt': async ({ sessionId }) => converger.sessions.of(sessionId as SessionId)?.interrupt() ?? { interrupted: false },
    'sessions.known': async () => ({ sessions: converger.sessions.all().map((driver) => driver.sessionId) }),
  }
}
