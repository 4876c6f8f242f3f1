/**
 * Who is signed in, as the agents' own files and the environment say it. What stands in them is a secret: only that it
 * is there, and until when, leaves this file.
 */
import { join } from 'node:path'
import type { AgentKind } from '@berth/wire'
import { AGENT_KINDS, type AgentProgramName } from '@berth/wire/agents'
import type { BootFile } from '@berth/wire/daemon'
import { createAgentFiles } from '../agents/agent-file.ts'
import { configDirOf, hasLogin } from '../agents/claude/launch.ts'
import { readLogin, type LoginFile } from './login-files.ts'

const FILE_LIMIT = 256 * 1024
type Environment = Readonly<Record<string, string>>
interface At { readonly boot: BootFile; readonly env: Environment }
export interface Known { readonly signedIn: boolean | null; readonly expiresAt: number | null }

interface Way { readonly variables: readonly string[]; readonly path: (at: At) => string; /** It works without a login. */ readonly optional?: true }
const WAYS: Partial<Record<AgentProgramName, Way>> = {
  claude: { variables: [], path: ({ boot, env }) => join(configDirOf(boot, env), '.credentials.json') },
  codex: { variables: ['CODEX_API_KEY', 'OPENAI_API_KEY'], path: ({ boot, env }) => join(env['CODEX_HOME'] || join(boot.homeDir, '.codex'), 'auth.json') },
  gemini: { variables: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'], path: ({ boot }) => join(boot.homeDir, '.gemini/oauth_creds.json') },
  qwen: { variables: ['OPENAI_API_KEY'], path: ({ boot }) => join(boot.homeDir, '.qwen/oauth_creds.json') },
  opencode: { variables: [], path: ({ boot, env }) => join(env['XDG_DATA_HOME'] || join(boot.homeDir, '.local/share'), 'opencode/auth.json'), optional: true },
}

export function loginOf(kind: AgentKind, at: At): Known {
  const { program } = AGENT_KINDS[kind]
  const way = program === null ? undefined : WAYS[program]
  if (program === null || way === undefined) return { signedIn: null, expiresAt: null }
  if (way.variables.some((name) => (at.env[name] ?? '') !== '')) return { signedIn: true, expiresAt: null }
  const found = loginFileOf(program, at)
  const signedIn = program === 'claude' ? hasLogin({ files: createAgentFiles(at.boot.agentUser?.uid ?? null), env: at.env, configDir: configDirOf(at.boot, at.env) }) : found !== null
  return { signedIn: !signedIn && way.optional === true ? null : signedIn, expiresAt: found?.endsAt ?? null }
}

/** What the program's own file says of itself; null: there is none, or it says nothing. */
export function loginFileOf(program: AgentProgramName, at: At): LoginFile | null {
  const way = WAYS[program]
  return way === undefined ? null : readLogin(createAgentFiles(at.boot.agentUser?.uid ?? null).read(way.path(at), FILE_LIMIT))
}
