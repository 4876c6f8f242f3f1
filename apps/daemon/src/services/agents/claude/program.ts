/** The program in its terminal: started new, resumed, or found alive after the daemon was away. */
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DriverDeps, Terminal } from '../../../contracts.ts'
import { selfCommand } from '../../../self.ts'
import { writeAsAgent, type AgentFiles } from '../agent-file.ts'
import { claudeMcpWords } from '../mcp-servers.ts'
import { claudeArgv } from './launch.ts'
import { seeded, writeHookSettings } from './settings.ts'
import type { Conversation } from './conversation.ts'
import type { TranscriptTail } from './tail.ts'

const SEED_LIMIT = 4 * 1024 * 1024

/** One life of the program; its hooks carry the id, so that those of an earlier life are not taken for this one's. */
export interface Run { readonly id: string; readonly machineBoot: string; readonly resumed: boolean; /** Its session has started. */ readonly ready: boolean }
export interface Program {
  readonly run: Run
  readonly terminal: Terminal | null
  readonly launching: boolean
  /** Ends what is left of an earlier life. `entered` is called when the new one begins. */
  launch(entered: () => void): Promise<void>
  /** Takes over the program of an earlier daemon, if it lives. */
  adopt(): Promise<boolean>
  setReady(ready: boolean): void
  /** Its terminal has ended; nothing is to be typed into it. */
  drop(): void
}
export interface Place { readonly files: AgentFiles; readonly configDir: string; readonly conversation: Conversation; readonly environment: Record<string, string>; readonly hookCommand: readonly string[] | undefined; readonly displayUrl: () => string | null }

export function createProgram(deps: DriverDeps & { place: Place; tail: TranscriptTail }): Program {
  const { context, assignment, terminals, session: { agentTerminal }, place, tail } = deps
  const { boot, journal } = context
  const name = `run.${assignment.agent.sessionId}`
  let run: Run = { id: '', machineBoot: '', resumed: false, ready: false }
  let terminal: Terminal | null = null
  let launching = false
  const save = (next: Run): void => {
    run = next
    journal.set(name, JSON.stringify(run))
  }

  const start = async (entered: () => void): Promise<void> => {
    const old = await terminals.get(agentTerminal)
    if (old !== null) await old.kill()
    terminal = null
    const transcript = tail.path ?? transcriptOf(place.configDir, place.conversation.uuid)
    save({ id: randomUUID(), machineBoot: context.machineBoot, resumed: hasConversation(place.files, transcript), ready: false })
    entered()
    if (!run.resumed && transcript !== null) await deps.asAgent.run(['rm', '-f', '--', transcript], {})
    const settingsPath = await prepare(deps, run)
    const argv = claudeArgv(deps, { settingsPath, sessionUuid: place.conversation.uuid, resume: run.resumed, mcpWords: claudeMcpWords(deps) })
    const opened = await terminals.open({ terminalId: agentTerminal, title: 'claude', argv, cwd: boot.workDir, env: deps.asAgent.environment(place.environment) })
    terminal = opened.terminal
  }

  return {
    get run() { return run },
    get terminal() { return terminal },
    get launching() { return launching },
    async launch(entered) {
      launching = true
      try { await start(entered) } finally { launching = false }
    },
    async adopt() {
      const stored = journal.get(name)
      const old = stored === null ? null : (JSON.parse(stored) as Run)
      const living = await terminals.get(agentTerminal)
      if (old === null || living === null || old.machineBoot !== context.machineBoot || (await living.exited()) !== null) return false
      run = old
      terminal = living
      return true
    },
    setReady(ready) { save({ ...run, ready }) },
    drop() { terminal = null },
  }
}

/** Where the program keeps the conversation, if its hook never came to say it. */
export function transcriptOf(configDir: string, uuid: string): string | null {
  const projects = join(configDir, 'projects')
  try {
    return readdirSync(projects).map((name) => join(projects, name, `${uuid}.jsonl`)).find((path) => existsSync(path)) ?? null
  } catch {
    return null
  }
}

/**
 * `--resume` refuses a conversation in which nobody has said anything yet, and `--session-id` one that has a file. A
 * program that was killed before it wrote what was said leaves such a file, of settings only: it has to go.
 */
export function hasConversation(files: AgentFiles, transcript: string | null): boolean {
  return transcript !== null && /"type":"(user|assistant)"/.test(files.readFrom(transcript, 0, SEED_LIMIT)?.bytes.toString('utf8') ?? '')
}

/** Writes the hooks of this run and the first-run seed; answers the path of the hooks. */
async function prepare({ context: { boot }, assignment, asAgent, session, place }: DriverDeps & { place: Place }, run: Run): Promise<string> {
  const skipsQuestions = assignment.agent.approvalMode === 'skip'
  const settingsPath = join(boot.runDir, `claude-hooks-${assignment.agent.sessionId}.json`)
  writeHookSettings(settingsPath, { hookCommand: place.hookCommand ?? selfCommand('hook'), socketPath: join(boot.runDir, session.named('hook.sock')), run: run.id, skipsQuestions, displayUrl: place.displayUrl() })
  const seedPath = join(place.configDir, '.claude.json')
  const seed = seeded(place.files.read(seedPath, SEED_LIMIT), { workDir: boot.workDir, apiKey: place.environment['ANTHROPIC_API_KEY'] ?? null, skipsQuestions })
  await writeAsAgent(asAgent, seedPath, seed)
  return settingsPath
}
