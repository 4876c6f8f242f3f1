/**
 * Brings about what the server assigns, one step at a time: code, setup, agent, services. Every step may be
 * repeated, in this life of the daemon or the next. The newest assignment wins over those that waited.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { STEP_TITLES } from '@berth/wire/steps'
import type { StepName } from '@berth/wire/steps'
import type { Assignment } from '@berth/wire/daemon'
import type { AgentDriver, AsAgent, DaemonContext, Terminals } from './contracts.ts'
import { createDelivery } from './delivery.ts'
import type { Delivery } from './delivery.ts'
import { prepareAgentUser } from './services/agent-user.ts'
import { createSafeGit } from './services/git/safe-git.ts'
import { bringSource, renewSource, SOURCE_REF } from './services/git/source.ts'
import { rememberBeginning } from './services/sync/remember.ts'
import type { SourceDeps } from './services/git/source.ts'
import { runHooks } from './services/hooks.ts'
import { secretsOf, writeHomeFiles } from './services/home-files.ts'
import { rememberLogins, withoutOldLogins } from './services/sign-in/copied-login.ts'
import type { Restore } from '@berth/wire/saved-methods'
import type { OwnMcp } from './services/mcp/index.ts'
import type { Services } from './services/processes/services.ts'
import { createWorkDirectory } from './services/work-directory.ts'
import { createSessions } from './sessions.ts'
import type { Sessions, SessionsDeps } from './sessions.ts'

export interface ConvergeDeps {
  readonly context: DaemonContext
  readonly asAgent: AsAgent
  readonly terminals: Terminals
  readonly services: Services
  readonly source: Pick<SourceDeps, 'hostedUrl' | 'unpackArchive'>
  /** Begins this machine with a saved state. Absent: it cannot. */
  readonly beginWith?: (restore: Restore) => Promise<string>
  readonly driverFor: SessionsDeps['driverFor']
  readonly changed: () => void
  readonly live?: SessionsDeps['live']
  readonly reservePort?: SessionsDeps['reservePort']
  readonly renewals?: SessionsDeps['renewals']
  readonly bringProgram?: SessionsDeps['bringProgram']
  readonly asAgentOf?: SessionsDeps['asAgentOf']
  readonly mcp?: Pick<OwnMcp, 'assigned' | 'decide' | 'asks'>
}
export interface Converger extends Pick<Delivery, 'keepPrompt' | 'keepDecision' | 'decide' | 'say'> {
  /** Returns at once; the steps are journaled as they go. */
  apply(assignment: Assignment): void
  readonly assignment: Assignment | null
  /** Of the main session. */
  readonly driver: AgentDriver | null
  readonly sessions: Pick<Sessions, 'of' | 'all' | 'activity'>
  /** What an agent of that program lacked is there now. */
  tryAgain(like: Assignment['agent']['kind']): Promise<void>
  /** The tree is there: saves and diffs make sense. */
  readonly codeReady: boolean
  /** Agents, services and terminals have ended, and none is begun. */
  readonly held: boolean
  /** Resolves when nothing is under way. */
  settled(): Promise<void>
}

type Step = Extract<StepName, 'code' | 'setup' | 'agent' | 'services'>

export function createConverger(deps: ConvergeDeps): Converger {
  const { context, mcp } = deps
  const step = createSteps(context)
  let wanted: Assignment | null = null
  let again = false
  let running: Promise<void> | null = null
  let codeReady = false
  let homeWritten = ''
  let held = false
  const sessions = createSessions({
    context, asAgent: deps.asAgent, terminals: deps.terminals, driverFor: deps.driverFor, ...(deps.live ? { live: deps.live } : {}), ...(deps.reservePort ? { reservePort: deps.reservePort } : {}), ...(deps.renewals ? { renewals: deps.renewals } : {}), ...(deps.bringProgram ? { bringProgram: deps.bringProgram } : {}), ...(deps.asAgentOf ? { asAgentOf: deps.asAgentOf } : {}), ...(mcp ? { asksInTools: mcp.asks } : {}),
    changed: () => {
      deps.changed()
      if (sessions.due && wanted !== null) apply(wanted)
    },
  })
  const delivery = createDelivery(sessions, mcp)

  const startAgent = async (assignment: Assignment): Promise<string> => {
    try {
      return await sessions.bringMain(assignment)
    } catch (cause) {
      // A workspace without its agent is still a machine with the code and a shell: it comes up, and says so.
      const refusal = asBerthError(cause)
      context.log(`agent: ${describe(cause)}`)
      context.journal.append({ type: 'workspace.notice', level: 'error', code: refusal.code, message: `the agent did not start: ${refusal.message}`, hint: refusal.hint ?? 'see `berth logs <workspace> agent`, then stop and start the workspace' })
      return `no agent: ${refusal.message}`
    }
  }
  const once = async (assignment: Assignment): Promise<void> => {
    context.journal.mask(secretsOf(assignment))
    if (!codeReady) {
      if (!assignment.sourceReady) return
      prepareAgentUser(context.boot)
      codeReady = await step('code', () => bringCode(deps, assignment))
      if (!codeReady) return
    }
    if (assignment.hold === true) {
      if (!held) await holdAll({ ...deps, sessions })
      held = true
      return
    }
    held = false
    if (assignment.prepared === true) await renewCode(deps, assignment)
    const home = createHash('sha256').update(JSON.stringify(assignment.homeFiles)).digest('hex')
    if (home !== homeWritten) {
      const done = await step('setup', async () => {
        const place = { journal: context.journal, homeDir: context.boot.homeDir, agentUid: context.boot.agentUser?.uid ?? null }
        const files = withoutOldLogins(assignment.homeFiles, place)
        await writeHomeFiles({ asAgent: deps.asAgent, homeDir: context.boot.homeDir }, files, context.signal)
        rememberLogins(files, place)
        const ran = await runHooks({ context, asAgent: deps.asAgent })
        return [...files.map((file) => file.path), ...(ran === null ? [] : [ran])].join(', ') || null
      })
      if (done) homeWritten = home
    }
    await mcp?.assigned(assignment)
    await step('agent', () => startAgent(assignment))
    await step('services', async () => {
      deps.services.converge(assignment.services)
      return assignment.services.length === 0 ? null : assignment.services.map((service) => service.name).join(', ')
    })
    await sessions.bringOthers(assignment)
    await delivery.tell(assignment)
    deps.changed()
  }
  const run = async (): Promise<void> => {
    while (again && wanted !== null && !context.signal.aborted) {
      again = false
      await once(wanted).catch((cause: unknown) => { context.log(`converge: ${describe(cause)}`) })
    }
    running = null
  }
  const apply = (assignment: Assignment): void => {
    wanted = assignment
    again = true
    running ??= run()
  }
  return {
    apply, sessions, keepPrompt: delivery.keepPrompt, keepDecision: delivery.keepDecision, decide: delivery.decide, say: delivery.say,
    get assignment() { return wanted },
    get driver() { return sessions.main },
    async tryAgain(like) {
      await sessions.endBroken(like)
      if (wanted !== null) apply(wanted)
    },
    get codeReady() { return codeReady },
    get held() { return held && wanted?.hold === true },
    settled: async () => { await running },
  }
}

/** Runs a step and journals it: whole on the first time in a machine's life, later only when it fails. */
function createSteps(context: DaemonContext): (step: Step, work: () => Promise<string | null>) => Promise<boolean> {
  const { journal } = context
  return async (step, work) => {
    const known = journal.get(`step.${step}`) === context.machineBoot
    const say = (state: 'started' | 'done' | 'failed', durationMs: number | null, detail: string | null, refusal?: BerthError): void =>
      journal.append({
        type: 'workspace.step', step, title: STEP_TITLES[step], state, durationMs, detail,
        ...(refusal === undefined ? {} : { error: { code: refusal.code, message: refusal.message, hint: refusal.hint ?? null } }),
      })
    const startedAt = performance.now()
    if (!known) say('started', null, null)
    writeLog(context, step, 'started')
    try {
      const detail = await work()
      const durationMs = Math.round(performance.now() - startedAt)
      writeLog(context, step, `done in ${durationMs} ms${detail === null ? '' : `: ${detail}`}`)
      if (!known) {
        journal.transaction(() => {
          say('done', durationMs, detail)
          journal.set(`step.${step}`, context.machineBoot)
        })
      }
      return true
    } catch (cause) {
      if (context.signal.aborted) return false
      const refusal = asBerthError(cause)
      writeLog(context, step, `failed: ${describe(cause)}`)
      journal.transaction(() => {
        say('failed', Math.round(performance.now() - startedAt), refusal.hint === undefined ? refusal.message : `${refusal.message}\n${refusal.hint}`, refusal)
        journal.set(`step.${step}`, null)
      })
      return false
    }
  }
}

/** For a move: what is saved from now on changes no more. */
async function holdAll({ sessions, services, terminals }: { sessions: Sessions; services: Services; terminals: Terminals }): Promise<void> {
  await sessions.stopAll()
  await services.stop()
  for (const terminal of await terminals.list()) await terminal.kill()
}

/** Done once in the workspace's life. A first try that was cut off is cleared away; a tree we did not make is kept. */
async function bringCode(deps: ConvergeDeps, assignment: Assignment): Promise<string> {
  const { journal, boot, signal } = deps.context
  if (assignment.restore !== undefined) {
    if (deps.beginWith === undefined) throw new BerthError('unsupported', 'this daemon cannot begin with a saved state')
    return deps.beginWith(assignment.restore)
  }
  const work = createWorkDirectory(boot.workDir)
  const files = work.names()
  if (journal.get('code') === 'done' && files.length > 0) return 'already here'
  if (files.length > 0) {
    if (journal.get('code') === null) {
      const git = createSafeGit(deps.asAgent, boot.workDir)
      await git.attempt(['update-ref', SOURCE_REF, 'HEAD', ''])
      journal.set('code', 'done')
      return 'found in place'
    }
    // Nothing of the workspace runs before its code is there, so nobody can move these from under us.
    work.clear()
  }
  if (boot.agentUser !== null && process.getuid?.() === 0) work.giveTo(boot.agentUser)
  journal.set('code', 'started')
  const brought = await bringSource({ asAgent: deps.asAgent, workDir: boot.workDir, ...deps.source }, { source: assignment.source, name: assignment.name }, signal)
  if (brought.commit !== null) await rememberBeginning({ asAgent: deps.asAgent, git: createSafeGit(deps.asAgent, boot.workDir), signal })
  journal.set('code', 'done')
  return brought.detail
}

/** Once. Code that could not be renewed is older than it should be, and no reason to have none. */
async function renewCode({ context, asAgent }: ConvergeDeps, { source, name }: Assignment): Promise<void> {
  const { journal, boot, signal } = context
  if (source.kind !== 'git' || journal.get('renewed') === 'done') return
  const git = createSafeGit(asAgent, boot.workDir)
  const { commit, detail } = await renewSource(git, { source, name }, signal)
  if (commit !== null) await rememberBeginning({ asAgent, git, signal })
  writeLog(context, 'code', detail)
  journal.set('renewed', 'done')
}

function writeLog(context: DaemonContext, step: string, line: string): void {
  const dir = join(context.boot.stateDir, 'logs')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  appendFileSync(join(dir, `${step}.log`), `${new Date().toISOString()} ${step}: ${line}\n`, { mode: 0o600 })
}

export function asBerthError(cause: unknown): BerthError {
  return cause instanceof BerthError ? cause : new BerthError('internal', cause instanceof Error ? cause.message : String(cause), { cause })
}

function describe(cause: unknown): string {
  if (cause instanceof BerthError) return cause.hint === undefined ? cause.message : `${cause.message} (${cause.hint})`
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
}
