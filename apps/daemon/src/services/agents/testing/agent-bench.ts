/** One machine with one agent for tests of the drivers: directories, journal, terminals, and the driver on them. */
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomIds, type AgentKind, type AgentState, type ApprovalAsk, type EventBody, type PromptId } from '@berth/wire'
import type { Assignment, BootFile } from '@berth/wire/daemon'
import type { AgentDriver, DaemonContext, DriverDeps } from '../../../contracts.ts'
import { openJournal } from '../../../journal/journal.ts'
import { createAsAgent } from '../../as-agent.ts'
import { driverFor } from '../index.ts'
import { sessionPlace } from '../session-place.ts'
import { createRealTerminals } from './real-terminals.ts'
import { createTmuxTerminals, type TestTerminals } from './tmux-terminals.ts'

/** Nobody: what an agent may at most be in these tests. */
const NOBODY = 65_534
const WAIT_MS = 30_000

export interface AgentBench {
  readonly driver: AgentDriver
  readonly workDir: string
  readonly homeDir: string
  readonly terminals: TestTerminals
  readonly events: readonly EventBody[]
  readonly lines: readonly string[]
  prompt(text: string): { promptId: PromptId; result: ReturnType<AgentDriver['prompt']> }
  /** The first event, past (after `from`) or future, that fits. */
  waitFor<T extends EventBody['type']>(type: T, fits?: (body: Extract<EventBody, { type: T }>) => boolean, from?: number): Promise<Extract<EventBody, { type: T }>>
  asked(nth: number): Promise<ApprovalAsk>
  waitState(state: AgentState, from?: number): Promise<void>
  decide(ask: ApprovalAsk, behavior: 'allow' | 'deny', more?: { updatedInput?: Record<string, unknown>; message?: string; scope?: 'once' | 'session'; orphaned?: boolean }): ReturnType<AgentDriver['decide']>
  /** The daemon goes and comes back, the agent lives on. `work` runs while nobody is there. */
  restartDaemon(work?: () => Promise<void>): Promise<void>
  /** Everything but the disk dies. */
  killMachine(): Promise<void>
  file(name: string): string | null
  /** Resolves when the screen shows the text. */
  screen(text: string): Promise<void>
  close(): Promise<void>
}

export async function openBench(options: { kind?: AgentKind; env?: Record<string, string>; executable?: string | null; command?: string | null; approvalMode?: 'ask' | 'auto' | 'skip'; toolboxDir?: string; keeper?: 'tmux' | 'holder' | 'test'; live?: DriverDeps['live'] }): Promise<AgentBench> {
  const root = mkdtempSync(join(tmpdir(), 'berth-agents-'))
  chmodSync(root, 0o755)
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY, name: 'nobody' } : null
  const dir = (name: string, owned: boolean): string => {
    const path = join(root, name)
    mkdirSync(path)
    if (owned && user !== null) chownSync(path, user.uid, user.gid)
    return path
  }
  const boot: BootFile = {
    workspaceId: randomIds.workspace(), generation: 1, linkUrl: 'unix:/nowhere', bootToken: 'none', stateDir: dir('state', false), runDir: dir('run', false),
    workDir: dir('work', true), homeDir: dir('home', true), agentUser: user, toolboxDir: options.toolboxDir ?? '/nowhere', isolation: 'none',
  } as BootFile
  const sessionId = randomIds.session()
  const assignment: Assignment = {
    workspaceId: boot.workspaceId, name: 'test', source: { kind: 'empty' }, sourceReady: true, services: [], homeFiles: [], prompts: [], decisions: [],
    env: { TMPDIR: dir('tmp', true), ...options.env },
    agent: { kind: options.kind ?? 'claude', sessionId, command: options.command ?? null, approvalMode: options.approvalMode ?? 'ask', executable: options.executable ?? null, version: null },
  }
  const events: EventBody[] = []
  const lines: string[] = []
  const watchers = new Set<() => void>()
  let machineBoot = `boot-${crypto.randomUUID()}`
  const keeper = options.keeper ?? 'tmux'
  const openTerminals = (): TestTerminals => (keeper === 'test' ? createTmuxTerminals({ dir: root, user }) : createRealTerminals({ keeper, stateDir: boot.stateDir, machineBoot, user }))
  let terminals = openTerminals()
  let journal: ReturnType<typeof openJournal>
  let driver: AgentDriver

  const startDaemon = async (): Promise<void> => {
    const opened = openJournal({ path: join(boot.stateDir, 'journal.sqlite') })
    journal = opened
    const asAgent = createAsAgent({ boot, machineBoot, workspaceEnv: () => assignment.env })
    const context: DaemonContext = { boot, journal: opened, machineBoot, log: (line) => { lines.push(line) }, signal: new AbortController().signal }
    driver = driverFor(assignment.agent.kind)({ context, assignment, asAgent, terminals, session: sessionPlace({ id: sessionId, main: true }), changed: () => {}, ...(options.live ? { live: options.live } : {}) })
    opened.onAppend(() => { collect() })
    await driver.start(new AbortController().signal)
  }
  let read = 0
  const collect = (): void => {
    for (const entry of journal.after(read, 1000)) { read = entry.n; events.push(entry.body as EventBody) }
    for (const watcher of watchers) watcher()
  }
  await startDaemon()

  const bench: AgentBench = {
    get driver() { return driver }, get terminals() { return terminals }, workDir: boot.workDir, homeDir: boot.homeDir, events, lines,
    prompt(text) {
      const promptId = randomIds.prompt()
      return { promptId, result: driver.prompt({ promptId, text }) }
    },
    waitFor: (type, fits = () => true, from = 0) => new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        watchers.delete(look)
        void told(terminals, events, lines).then((text) => { reject(new Error(`no ${type} came; ${text}`)) })
      }, WAIT_MS)
      const look = (): void => {
        const found = events.slice(from).find((body) => body.type === type && fits(body as Parameters<typeof fits>[0]))
        if (found === undefined) return
        clearTimeout(timer)
        watchers.delete(look)
        resolve(found as Awaited<ReturnType<typeof bench.waitFor<typeof type>>>)
      }
      watchers.add(look)
      look()
    }),
    async asked(nth) { return (await bench.waitFor('approval.asked', (body) => allAsked(events)[nth - 1] === body.ask)).ask },
    async waitState(state, from = 0) { await bench.waitFor('session.state', (body) => body.state === state, from) },
    decide: (ask, behavior, { orphaned = false, ...more } = {}) => driver.decide({ approvalId: ask.approvalId, contentHash: ask.contentHash, decision: { behavior, scope: 'once', ...more }, via: 'cli', orphaned, ageMs: 0 }),
    async restartDaemon(work) {
      await driver.release()
      journal.close()
      await work?.()
      if (keeper !== 'test') { terminals.end(); terminals = openTerminals() }
      await startDaemon()
    },
    async killMachine() {
      const pid = terminals.pid('agent')
      await driver.release()
      journal.close()
      killTree(pid)
      terminals.endKeeper()
      machineBoot = `boot-${crypto.randomUUID()}`
      terminals = openTerminals()
      await startDaemon()
    },
    screen: (text) => shows(terminals, text),
    file: (name) => (existsSync(join(boot.workDir, name)) ? readFileSync(join(boot.workDir, name), 'utf8') : null),
    async close() {
      const pid = terminals.pid('agent')
      await driver.stop().catch(() => {})
      journal.close()
      if (pid > 0) killTree(pid)
      terminals.endKeeper()
      rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
  return bench
}
async function shows(terminals: TestTerminals, text: string): Promise<void> {
  const terminal = await terminals.get('agent')
  for (const until = Date.now() + WAIT_MS; Date.now() < until; await Bun.sleep(50)) if ((await terminal?.snapshot())?.includes(text) === true) return
  throw new Error(`the screen never showed ${text}`)
}
async function told(terminals: TestTerminals, events: readonly EventBody[], lines: readonly string[]): Promise<string> {
  const seen = events.slice(-12).map((body) => JSON.stringify(body).slice(0, 160)).join('\n')
  const screen = await (await terminals.get('agent'))?.snapshot()
  return `last events:\n${seen}\n${lines.slice(-5).join('\n')}\n${screen ?? 'no terminal'}`
}
const allAsked = (events: readonly EventBody[]): ApprovalAsk[] => events.flatMap((body) => (body.type === 'approval.asked' ? [body.ask] : []))

/** Ends a process and its descendants without mercy, children first found, so that none is left to itself. */
function killTree(pid: number): void {
  const found = [pid]
  for (const parent of found) {
    try { found.push(...readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)) } catch { /* it is gone */ }
  }
  for (const one of found) try { process.kill(one, 'SIGKILL') } catch { /* it is gone */ }
}
