/** Who is signed in, as the agents' own files and the environment say it. What stands in them is a secret: only that it is there, and until when, leaves this file. */
import { join } from 'node:path'
import type { AgentKind } from '@berth/wire'
import { AGENT_KINDS, type AgentProgramName } from '@berth/wire/agents'
import { z } from 'zod'
import { createAgentFiles } from '../agents/agent-file.ts'
import { configDirOf, hasLogin } from '../agents/claude/launch.ts'
import type { BootFile } from '@berth/wire/daemon'

const FILE_LIMIT = 256 * 1024
type Environment = Readonly<Record<string, string>>
export interface Known { readonly signedIn: boolean | null; readonly expiresAt: number | null }

/** A token that is good until then; one that comes with another to renew it has no end that a person needs to know. */
const Oauth = z.looseObject({ expiresAt: z.number().optional(), refreshToken: z.string().optional() })
const ClaudeFile = z.looseObject({ claudeAiOauth: Oauth })
const GoogleFile = z.looseObject({ expiry_date: z.number().optional(), refresh_token: z.string().optional() })

interface Way { readonly variables: readonly string[]; readonly file: string; readonly ends?: (value: unknown) => number | null }
const google: Way['ends'] = (value) => {
  const file = GoogleFile.safeParse(value)
  return file.success && (file.data.refresh_token ?? '') === '' ? (file.data.expiry_date ?? null) : null
}
const WAYS: Partial<Record<AgentProgramName, Way>> = {
  codex: { variables: ['CODEX_API_KEY', 'OPENAI_API_KEY'], file: '.codex/auth.json' },
  gemini: { variables: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'], file: '.gemini/oauth_creds.json', ends: google },
  qwen: { variables: ['OPENAI_API_KEY'], file: '.qwen/oauth_creds.json', ends: google },
}

export function loginOf(kind: AgentKind, at: { boot: BootFile; env: Environment }): Known {
  const { program } = AGENT_KINDS[kind]
  const way = program === null ? undefined : WAYS[program]
  return program === 'claude' ? claudeLogin(at) : way === undefined ? { signedIn: null, expiresAt: null } : loginBy(way, at)
}

function claudeLogin({ boot, env }: { boot: BootFile; env: Environment }): Known {
  const files = createAgentFiles(boot.agentUser?.uid ?? null)
  const configDir = configDirOf(boot, env)
  const oauth = ClaudeFile.safeParse(parse(files.read(join(configDir, '.credentials.json'), FILE_LIMIT))).data?.claudeAiOauth
  const renews = (oauth?.refreshToken ?? '') !== ''
  return { signedIn: hasLogin({ files, env, configDir }), expiresAt: renews ? null : (oauth?.expiresAt ?? null) }
}

function loginBy({ variables, file, ends }: Way, { boot, env }: { boot: BootFile; env: Environment }): Known {
  if (variables.some((name) => (env[name] ?? '') !== '')) return { signedIn: true, expiresAt: null }
  const found = parse(createAgentFiles(boot.agentUser?.uid ?? null).read(join(boot.homeDir, file), FILE_LIMIT))
  return { signedIn: found !== null, expiresAt: ends?.(found) ?? null }
}

function parse(text: string | null): unknown {
  try { return JSON.parse(text ?? 'null') } catch { return null }
}
