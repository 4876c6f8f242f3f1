/**
 * The agents: what people call them, and where their programs stand below `<toolbox>/agents`. The server fetches what
 * is listed here, the daemon starts it; both must mean the same version.
 */
import type { AgentKind } from './workspace.ts'

export interface AgentProgram {
  readonly version: string
  /** Below `<toolbox>/agents/<name>-<version>/`. */
  readonly entry: string
  /** The entry is a script for it; it stands in the toolbox too, so that the image need not have one. */
  readonly runtime: 'node' | null
}
export const AGENT_PROGRAMS = {
  claude: { version: '2.1.329', entry: 'claude', runtime: null },
  codex: { version: '0.169.0', entry: 'codex', runtime: null },
  opencode: { version: '1.18.33', entry: 'bin/opencode', runtime: null },
  gemini: { version: '0.61.0', entry: 'bundle/gemini.js', runtime: 'node' },
  qwen: { version: '0.24.4', entry: 'cli-entry.js', runtime: 'node' },
  copilot: { version: '1.0.102', entry: 'copilot', runtime: null },
} as const satisfies Record<string, AgentProgram>
export type AgentProgramName = keyof typeof AGENT_PROGRAMS
export const NODE_RUNTIME = { version: '22.23.3', entry: 'bin/node' } as const

interface KindOfAgent { readonly title: string; /** Null: what it runs is in the machine already. */ readonly program: AgentProgramName | null; /** It runs what `command` says and nothing else. */ readonly needsCommand: boolean; /** Its conversation can be handed over between a screen and none. */ readonly handsOver: boolean; /** Another one can begin where its conversation stands. */ readonly forks: boolean }
export const AGENT_KINDS: Readonly<Record<AgentKind, KindOfAgent>> = {
  claude: { title: 'Claude Code', program: 'claude', needsCommand: false, handsOver: true, forks: true },
  'claude-headless': { title: 'Claude Code without a screen', program: 'claude', needsCommand: false, handsOver: true, forks: true },
  codex: { title: 'Codex', program: 'codex', needsCommand: false, handsOver: true, forks: true },
  opencode: { title: 'opencode', program: 'opencode', needsCommand: false, handsOver: true, forks: true },
  gemini: { title: 'Gemini CLI', program: 'gemini', needsCommand: false, handsOver: false, forks: false },
  qwen: { title: 'Qwen Code', program: 'qwen', needsCommand: false, handsOver: false, forks: false },
  copilot: { title: 'Copilot CLI', program: 'copilot', needsCommand: false, handsOver: false, forks: false },
  acp: { title: 'An agent that speaks ACP', program: null, needsCommand: true, handsOver: false, forks: false },
  plain: { title: 'A command', program: null, needsCommand: true, handsOver: false, forks: false },
}

/** The words that start the program, from the toolbox's directory; of the version listed here, if no other is asked for. */
export function programArgv(toolboxDir: string, name: AgentProgramName, version: string | null = null): string[] {
  const { version: listed, entry, runtime }: AgentProgram = AGENT_PROGRAMS[name]
  const path = `${toolboxDir}/agents/${name}-${version ?? listed}/${entry}`
  return runtime === null ? [path] : [`${toolboxDir}/agents/node-${NODE_RUNTIME.version}/${NODE_RUNTIME.entry}`, path]
}
