/**
 * An agent's own sign-in, run in a terminal of its own as the agent's user: what it says is read from its screen, what a
 * person brings back is pasted there. One at a time; the login is a file in the workspace's home, as after one by hand.
 */
import type { AgentKind } from '@berth/wire'
import { AGENT_KINDS, programArgv, type AgentProgramName } from '@berth/wire/agents'
import { BerthError } from '@berth/wire/error'
import type { DaemonResult } from '@berth/wire/daemon'
import { readSignIn } from '@berth/wire/sign-in-rules'
import type { AsAgent, CallHandlers, DaemonContext, Terminal, Terminals } from '../../contracts.ts'
import { pasteable } from '../agents/prompt-text.ts'
import { warnOfEnds } from './ends.ts'
import { loginOf } from './logins.ts'

export const SIGN_IN_TERMINAL = 'sign-in'
/** An address is longer than any screen is wide, and must not be broken in two. */
const SIZE = { cols: 1000, rows: 40 }
const LOOK_MS = 500
/** Codes are good for about so long. */
const GIVEN_UP_AFTER_MS = 15 * 60_000
const ENTER_AFTER_MS = 250
const MESSAGE_LIMIT = 500
const WARN_LOOK_MS = 15_000

type SignIn = DaemonResult<'sign-in.begin'>
export interface SignInDeps {
  readonly context: Pick<DaemonContext, 'boot' | 'journal' | 'log'>
  readonly asAgent: AsAgent
  readonly terminals: Terminals
  /** Those of its sessions. Absent: none, and nobody is told when a login ends. */
  readonly agents?: () => readonly AgentKind[]
  /** Agents of that program that could not work without it may try again. */
  readonly signedIn: (agent: AgentKind) => void
  /** The words that sign in; null: it has no command for it. */
  readonly wordsOf?: (agent: AgentKind) => readonly string[] | null
}
export interface SignIns { readonly calls: Pick<CallHandlers, 'sign-in.begin' | 'sign-in.look' | 'sign-in.answer' | 'logins.list'>; close(): void }

/** What signs in without a browser of the machine. */
const WORDS: Partial<Record<AgentProgramName, readonly string[]>> = {
  claude: ['auth', 'login'], codex: ['login', '--device-auth'], opencode: ['auth', 'login'], copilot: ['login'],
}

export function createSignIns(deps: SignInDeps): SignIns {
  const { context: { boot, journal, log }, asAgent, terminals } = deps
  let current: { agent: AgentKind; terminal: Terminal; begunAt: number; over: SignIn | null } | null = null
  let timer: Timer | undefined
  const loginsOf = (agents: readonly string[]) => agents.map((agent) => ({ agent: agent as AgentKind, ...loginOf(agent as AgentKind, { boot, env: asAgent.environment() }) }))
  const warner = setInterval(() => { warnOfEnds(journal, loginsOf([...new Set(deps.agents?.() ?? [])]), Date.now()) }, WARN_LOOK_MS)

  const wordsOf = deps.wordsOf ?? ((agent) => {
    const { program } = AGENT_KINDS[agent]
    const words = program === null ? undefined : WORDS[program]
    return program === null || words === undefined ? null : [...programArgv(boot.toolboxDir, program), ...words]
  })
  const look = async (): Promise<SignIn | null> => {
    if (current === null || current.over !== null) return current?.over ?? null
    const { agent, terminal, begunAt } = current
    const screen = await terminal.snapshot()
    const exit = await terminal.exited()
    const said = { agent, terminalId: SIGN_IN_TERMINAL, message: null }
    if (exit === null && performance.now() - begunAt < GIVEN_UP_AFTER_MS) return { ...said, state: 'running', ...readSignIn(screen) }
    const done = exit?.code === 0
    const over: SignIn = { ...said, state: done ? 'done' : 'failed', url: null, code: null, wantsAnswer: false, message: done ? null : lastLines(screen) }
    if (current.terminal !== terminal || current.over !== null) return current.over
    current = { ...current, over }
    clearInterval(timer)
    journal.append({ type: 'login', agent, state: done ? 'signed-in' : 'failed' })
    if (exit === null) await terminal.kill()
    if (done) deps.signedIn(agent)
    return over
  }
  const required = async (): Promise<SignIn> => {
    const now = await look()
    if (now === null) throw new BerthError('not_found', 'nobody is signing in', { hint: 'begin with `berth sign-in <workspace>`' })
    return now
  }
  return {
    close() {
      clearInterval(timer)
      clearInterval(warner)
    },
    calls: {
      'sign-in.begin': async ({ agent: kind }) => {
        const agent = kind as AgentKind
        const argv = wordsOf(agent)
        if (argv === null) throw new BerthError('unsupported', `${AGENT_KINDS[agent].title} has no sign-in of its own that works here`, { hint: 'sign in at its screen, or give the workspace its key' })
        const before = await look()
        // The same again, after a lost answer.
        if (before?.state === 'running' && before.agent === agent) return before
        await (await terminals.get(SIGN_IN_TERMINAL))?.kill()
        const { terminal } = await terminals.open({ terminalId: SIGN_IN_TERMINAL, title: `sign in to ${AGENT_KINDS[agent].title}`, argv, cwd: boot.workDir, env: asAgent.environment({ NO_BROWSER: '1', BROWSER: '/bin/true' }), ...SIZE })
        current = { agent, terminal, begunAt: performance.now(), over: null }
        clearInterval(timer)
        timer = setInterval(() => { void look().catch((error: unknown) => { log(`sign-in: ${String(error)}`) }) }, LOOK_MS)
        return required()
      },
      'sign-in.look': () => look(),
      'sign-in.answer': async ({ text }) => {
        const now = await required()
        if (now.state !== 'running' || current === null) return now
        await current.terminal.paste(pasteable(text).replaceAll(/\s+/g, ''))
        await Bun.sleep(ENTER_AFTER_MS)
        await current.terminal.key('Enter')
        return required()
      },
      'logins.list': async ({ agents }) => loginsOf(agents),
    },
  }
}

/** An address with what it carries is of no use any more, and longer than anybody reads. */
function lastLines(screen: string): string {
  return screen.trim().split('\n').map((line) => line.trim()).filter((line) => line !== '').slice(-4).join(' ').replaceAll(/https:\/\/\S{80,}/g, '…').slice(-MESSAGE_LIMIT)
}
