/** How Claude Code is started: arguments, environment, and whether it has any login. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { ApprovalMode, SessionId } from '@berth/wire'
import { AGENT_PROGRAMS } from '@berth/wire/agents'
import type { Assignment, BootFile } from '@berth/wire/daemon'
import type { DriverDeps } from '../../../contracts.ts'
import type { AgentFiles } from '../agent-file.ts'
import { extraArguments, programWords } from '../command-line.ts'

export const PINNED_VERSION: string = AGENT_PROGRAMS.claude.version
const CREDENTIALS_LIMIT = 256 * 1024

/** Claude Code wants a UUID; ours follows from our id, so that nothing needs to be remembered. */
export function sessionUuidOf(sessionId: SessionId): string {
  const hex = createHash('sha256').update(`berth session ${sessionId}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export const PERMISSION_MODE: Record<ApprovalMode, readonly string[]> = {
  // Named, because the program's own default asks a classifier instead of a person.
  ask: ['--permission-mode', 'default'],
  auto: ['--permission-mode', 'auto'],
  skip: ['--dangerously-skip-permissions'],
}
export function claudeArgv(deps: Pick<DriverDeps, 'context' | 'assignment'>, options: { settingsPath: string; sessionUuid: string; resume: boolean; /** Of the MCP servers. */ mcpWords: readonly string[] }): string[] {
  const { agent } = deps.assignment
  return [
    ...programWords(deps, 'claude'), ...options.mcpWords, '--settings', options.settingsPath, options.resume ? '--resume' : '--session-id', options.sessionUuid,
    ...PERMISSION_MODE[agent.approvalMode], ...extraArguments(agent.command),
  ]
}

export function configDirOf(boot: BootFile, env: Readonly<Record<string, string>>): string {
  return env['CLAUDE_CONFIG_DIR'] ?? join(boot.homeDir, '.claude')
}
export function claudeEnvironment(options: { assignment: Assignment; configDir: string; asRoot: boolean }): Record<string, string> {
  const { assignment, configDir, asRoot } = options
  return {
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_TERMINAL_TITLE: '1',
    // Newer models keep no list of what they will do unless they are told to; from afar it says how far they are.
    CLAUDE_CODE_ENABLE_TODO_TOOLS: '1',
    // Root may skip questions only where the program is told that it is in a sandbox.
    ...(asRoot && assignment.agent.approvalMode === 'skip' ? { IS_SANDBOX: '1' } : {}),
    ...assignment.env,
    CLAUDE_CONFIG_DIR: configDir,
  }
}

const LOGIN_VARIABLES = ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN', 'CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY']
export const NO_LOGIN = 'claude has no login here: sign in with `berth sign-in`, on the page, or by /login in the terminal, or make a new workspace with `berth up --env ANTHROPIC_API_KEY` or `--env CLAUDE_CODE_OAUTH_TOKEN`'
/** Looks whether a login is there; never copies, sends or checks it. */
export function hasLogin(options: { files: AgentFiles; env: Readonly<Record<string, string>>; configDir: string }): boolean {
  if (LOGIN_VARIABLES.some((name) => (options.env[name] ?? '') !== '')) return true
  if (options.files.read(join(options.configDir, '.credentials.json'), CREDENTIALS_LIMIT) !== null) return true
  return (options.files.read(join(options.configDir, 'settings.json'), CREDENTIALS_LIMIT) ?? '').includes('"apiKeyHelper"')
}
