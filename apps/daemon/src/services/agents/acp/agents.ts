/** The agents that are driven over the Agent Client Protocol: how each is started, and what it needs before. */
import { join } from 'node:path'
import { BerthError } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import { z } from 'zod'
import type { CreateDriver, DriverDeps } from '../../../contracts.ts'
import { createAgentFiles, writeAsAgent } from '../agent-file.ts'
import { extraArguments, programWords } from '../command-line.ts'
import { acpMcpServers, geminiMcpServers, mcpServers } from '../mcp-servers.ts'
import { createSpokenDriver } from '../conversation/driver.ts'
import { filled } from '../filled.ts'
import { parseJson } from '../json-lines.ts'
import { createRelayedVoice } from '../relay/voice.ts'
import { SESSION } from './opening.ts'
import { createAcpProtocol } from './protocol.ts'

const SETTINGS_LIMIT = 1024 * 1024

interface AcpAgent {
  readonly argv: (deps: DriverDeps, env: Readonly<Record<string, string>>) => string[]
  readonly env?: Record<string, string>
  readonly loginHint: string
  readonly authMethod: (env: Readonly<Record<string, string>>) => string | null
  /** What has to be done before it goes back to that session. */
  readonly beforeResume?: (deps: DriverDeps, session: string) => Promise<void>
  /** The settings file it asks for at its first start, below the home, where it is told of MCP servers too. What stands there already stays. Absent: there is none, and the protocol tells it of them. */
  readonly seed?: (env: Readonly<Record<string, string>>, hasFile: (path: string) => boolean) => { path: string; settings: Record<string, unknown> }
}
const has = (env: Readonly<Record<string, string>>, ...names: string[]): boolean => names.some((name) => (env[name] ?? '') !== '')
/** How it signs in, where a person has chosen that; else it asks. */
const chosen = (selectedType: string | null) => (selectedType === null ? {} : { auth: { selectedType } })

/** Node goes its own way past a proxy unless it is told; some machines have no other way out. */
const NODE_ENVIRONMENT = { NODE_USE_ENV_PROXY: '1' } as const
const AGENTS: Readonly<Record<'gemini' | 'qwen' | 'copilot' | 'acp', AcpAgent>> = {
  gemini: {
    argv: (deps) => [...programWords(deps, 'gemini'), '--acp', ...(deps.assignment.agent.approvalMode === 'auto' ? ['--approval-mode', 'auto_edit'] : []), ...extraArguments(deps.assignment.agent.command)],
    env: NODE_ENVIRONMENT,
    beforeResume: keepGeminiSession,
    loginHint: 'gemini has no login here: make a new workspace with `berth up --agent gemini --env GEMINI_API_KEY`, or sign in with `gemini` in a shell of this one; then send a message',
    authMethod: (env) => (has(env, 'GEMINI_API_KEY') ? 'gemini-api-key' : null),
    seed: (env, hasFile) => ({
      path: '.gemini/settings.json',
      settings: { security: { ...chosen(has(env, 'GEMINI_API_KEY') ? 'gemini-api-key' : hasFile('.gemini/oauth_creds.json') ? 'oauth-personal' : null), folderTrust: { enabled: false } }, privacy: { usageStatisticsEnabled: false }, general: { enableAutoUpdate: false } },
    }),
  },
  qwen: {
    argv: (deps) => [...programWords(deps, 'qwen'), '--acp', '--approval-mode', deps.assignment.agent.approvalMode === 'auto' ? 'auto' : 'default', ...extraArguments(deps.assignment.agent.command)],
    env: NODE_ENVIRONMENT,
    loginHint: 'qwen has no login here: make a new workspace with `berth up --agent qwen --env OPENAI_API_KEY --env OPENAI_BASE_URL --env OPENAI_MODEL`, or sign in with `qwen` in a shell of this one; then send a message',
    authMethod: (env) => (has(env, 'OPENAI_API_KEY') ? 'openai' : null),
    seed: (env, hasFile) => ({ path: '.qwen/settings.json', settings: { security: chosen(has(env, 'OPENAI_API_KEY') ? 'openai' : hasFile('.qwen/oauth_creds.json') ? 'qwen-oauth' : null), privacy: { usageStatisticsEnabled: false }, general: { enableAutoUpdate: false } } }),
  },
  copilot: {
    argv: (deps) => [...programWords(deps, 'copilot'), '--acp', '--no-auto-update', ...extraArguments(deps.assignment.agent.command)],
    env: { ...NODE_ENVIRONMENT, COPILOT_AUTO_UPDATE: 'false' },
    loginHint: 'copilot has no login here: sign in with `berth sign-in`, or make a new workspace with `berth up --agent copilot --env COPILOT_GITHUB_TOKEN`, or with a model of your own (`--env COPILOT_PROVIDER_BASE_URL --env COPILOT_MODEL`); then send a message',
    authMethod: () => null,
  },
  acp: {
    argv: ({ assignment: { agent } }) => {
      if (agent.command === null || agent.command.trim() === '') throw new BerthError('config_invalid', 'no command was given to run', { hint: 'use `--agent acp --command "my-agent --acp"`' })
      return ['/bin/sh', '-c', agent.command]
    },
    env: { OPENCODE_DISABLE_AUTOUPDATE: '1' },
    loginHint: 'the agent wants a login: sign in with its own command in a shell of this workspace, or make a new workspace with its key (`--env NAME`); then send a message',
    authMethod: () => null,
  },
}

export const createAcpDriver: CreateDriver = (deps) => {
  const kind = deps.assignment.agent.kind as keyof typeof AGENTS
  const agent = AGENTS[kind]
  const { boot } = deps.context
  const env = deps.asAgent.environment({ ...agent.env, ...deps.assignment.env })
  return createSpokenDriver(deps, (ear) => createRelayedVoice(deps, {
    driver: 'acp', title: AGENT_KINDS[kind].title, steers: false, saysWhy: false,
    async command() {
      const session = ear.recall(SESSION)
      if (session !== null) await agent.beforeResume?.(deps, session)
      if (agent.seed !== undefined) await seed(deps, agent.seed(env, (path) => createAgentFiles(boot.agentUser?.uid ?? null).read(join(boot.homeDir, path), SETTINGS_LIMIT) !== null))
      return { argv: agent.argv(deps, env), env: { ...agent.env, ...deps.assignment.env } }
    },
    speak: (voice) => createAcpProtocol(voice, { workDir: boot.workDir, loginHint: agent.loginHint, authMethod: agent.authMethod(env), mcpServers: agent.seed === undefined ? acpMcpServers(mcpServers(deps), env) : [] }),
  }, ear))
}

/**
 * Gemini names a conversation's file by the minute and the session, and begins it anew when it loads that session
 * within the same minute: what was said would be gone. Under another name it is found all the same.
 */
async function keepGeminiSession(deps: DriverDeps, session: string): Promise<void> {
  const script = 'for f in "$HOME"/.gemini/tmp/*/chats/session-*-"$1".jsonl; do case "$f" in *-kept-*) ;; *) [ -f "$f" ] && mv "$f" "${f%-"$1".jsonl}-kept-$1.jsonl" ;; esac; done'
  await deps.asAgent.run(['/bin/sh', '-c', script, 'keep', session.slice(0, 8)], {})
}

async function seed(deps: DriverDeps, { path, settings }: { path: string; settings: Record<string, unknown> }): Promise<void> {
  const { boot } = deps.context
  const whole = join(boot.homeDir, path)
  const found = createAgentFiles(boot.agentUser?.uid ?? null).read(whole, SETTINGS_LIMIT)
  const existing = Settings.safeParse(found === null ? {} : parseJson(found))
  // A file that is not JSON (comments, for one) was written by a person: it stays.
  if (existing.success) await writeAsAgent(deps.asAgent, whole, JSON.stringify(withServers(filled(existing.data, settings), geminiMcpServers(mcpServers(deps), deps.assignment.agent.kind)), null, 2))
}
const Settings = z.record(z.string(), z.unknown())
/** Ours are said anew at each start: where their programs stand changes. */
const withServers = (settings: Record<string, unknown>, ours: Record<string, unknown>): Record<string, unknown> => ({ ...settings, mcpServers: { ...Settings.catch({}).parse(settings['mcpServers']), ...ours } })
