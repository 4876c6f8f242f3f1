/**
 * What a person lets into the workspace, by explicit choice only. Each long-lived credential becomes an exposure, shown
 * with its warning wherever the workspace is shown.
 */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { AgentKind, Exposure } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { hasSecretName } from '@berth/wire/secret-values'
import { checkVariable, readEnvFiles, readSecretFiles, readValue, VARIABLE_NAME } from './secret-files.ts'

export interface Admitted {
  readonly env: Record<string, string>
  /** Of `env`: what was said to be secret, and what came from a file. */
  readonly secretEnv: string[]
  readonly homeFiles: { path: string; contentBase64: string }[]
  readonly exposures: Exposure[]
}

const KEYS: Readonly<Record<string, string>> = {
  ANTHROPIC_API_KEY: 'the agent can read this API key and spend with it',
  ANTHROPIC_AUTH_TOKEN: 'the agent can read this token and spend with it',
  CLAUDE_CODE_OAUTH_TOKEN: 'the agent can read this subscription token; it is valid for long',
  OPENAI_API_KEY: 'the agent can read this API key and spend with it',
  GEMINI_API_KEY: 'the agent can read this API key and spend with it',
  COPILOT_GITHUB_TOKEN: 'the agent can read this token, and act as you with it',
}
/** So many are shown with a workspace. */
const EXPOSURES_LIMIT = 16
function fewer(exposures: Exposure[]): Exposure[] {
  if (exposures.length <= EXPOSURES_LIMIT) return exposures
  return [...exposures.slice(0, EXPOSURES_LIMIT - 1), { name: `and ${exposures.length - EXPOSURES_LIMIT + 1} more`, how: 'env', warning: 'the agent can read these values' }]
}

interface Choice { readonly env: readonly string[]; readonly secret?: readonly string[]; readonly envFile?: readonly string[]; readonly secretFile?: readonly string[]; readonly copyCredentials: boolean; readonly agent?: AgentKind }

export async function admit(choice: Choice, world: { env: Readonly<Record<string, string | undefined>> }): Promise<Admitted> {
  const env: Record<string, string> = {}
  for (const entry of choice.env) {
    const at = entry.indexOf('=')
    const name = at < 0 ? entry : entry.slice(0, at)
    if (!VARIABLE_NAME.test(name)) throw new BerthError('bad_request', at < 0 ? '--env takes NAME or NAME=value' : `--env: "${name}" is no name of a variable`, { hint: '--env ANTHROPIC_API_KEY takes the value from your environment' })
    checkVariable('--env', name)
    const value = at < 0 ? world.env[name] : entry.slice(at + 1)
    if (value === undefined) throw new BerthError('bad_request', `${name} is not set here`, { hint: `export ${name}=… first, or give --env ${name}=value` })
    env[name] = value
  }
  const given = { ...env }
  const fromFiles = await readEnvFiles(choice.envFile ?? [])
  const secrets = await readSecrets(choice.secret ?? [], { taken: env, env: world.env })
  Object.assign(env, { ...fromFiles, ...env, ...secrets })
  const secretEnv = [...new Set([...Object.keys(fromFiles), ...Object.keys(secrets)])].filter((name) => !(name in given))
  const files = await readSecretFiles(choice.secretFile ?? [])
  const exposures: Exposure[] = Object.keys(env).filter((name) => name in KEYS || name in secrets || hasSecretName(name)).map((name) => ({ name, how: 'env', warning: KEYS[name] ?? 'the agent can read this value' }))
  exposures.push(...files.map(({ name }) => ({ name, how: 'env' as const, warning: `the agent can read ~/.secrets/${name}` })))
  const homeFiles = files.map(({ path, contentBase64 }) => ({ path, contentBase64 }))
  if (!choice.copyCredentials) return { env, secretEnv, homeFiles, exposures: fewer(exposures) }
  const login = LOGINS[choice.agent ?? 'claude']
  if (login === undefined) throw new BerthError('bad_request', `--copy-credentials does not know a login of ${choice.agent ?? 'claude'}`, { hint: 'give the agent what it needs by --env NAME' })
  if (env[login.key] !== undefined) throw new BerthError('bad_request', 'an API key and a copied login exclude each other', { hint: `drop --env ${login.key} or --copy-credentials` })
  exposures.unshift({ name: `${login.name} login`, how: 'copied-login', warning: 'the agent can read your login; when it renews it, this machine may be signed out' })
  return { env, secretEnv, homeFiles: [...homeFiles, { path: login.path, contentBase64: Buffer.from(await login.read(world.env)).toString('base64') }], exposures: fewer(exposures) }
}

/** Values that never stand in a command line: from a file, or from the caller's environment. */
async function readSecrets(given: readonly string[], world: { taken: Readonly<Record<string, string>>; env: World }): Promise<Record<string, string>> {
  const secrets: Record<string, string> = {}
  for (const entry of given) {
    const at = entry.indexOf('=')
    const name = at < 0 ? entry : entry.slice(0, at)
    if (!VARIABLE_NAME.test(name)) throw new BerthError('bad_request', '--secret takes NAME or NAME=file', { hint: '--secret NPM_TOKEN=./npm-token' })
    checkVariable('--secret', name)
    if (name in world.taken || name in secrets) throw new BerthError('bad_request', `${name} is given twice`)
    const value = at < 0 ? world.env[name] : (await readValue(`--secret ${name}`, entry.slice(at + 1))).replace(/\r?\n$/, '')
    if (value === undefined) throw new BerthError('bad_request', `${name} is not set here`, { hint: `export ${name}=… first, or give a file: --secret ${name}=path` })
    secrets[name] = value
  }
  return secrets
}

type World = Readonly<Record<string, string | undefined>>
interface Login { readonly name: string; /** The key that it would compete with. */ readonly key: string; /** Below the home of the workspace. */ readonly path: string; read(env: World): Promise<string> }
/** A login that is one JSON file in the home. */
const fileLogin = (name: string, key: string, path: string, signIn: string): Login => ({ name, key, path, read: (env) => readLogin({ name, path: join(env['HOME'] || homedir(), path), signIn }) })
const CLAUDE: Login = { name: 'Claude', key: 'ANTHROPIC_API_KEY', path: '.claude/.credentials.json', read: (env) => claudeLogin(env) }
const LOGINS: Partial<Record<AgentKind, Login>> = {
  claude: CLAUDE,
  'claude-headless': CLAUDE,
  codex: fileLogin('Codex', 'OPENAI_API_KEY', '.codex/auth.json', 'codex login'),
  opencode: fileLogin('opencode', 'OPENCODE_API_KEY', '.local/share/opencode/auth.json', 'opencode auth login'),
  gemini: fileLogin('Gemini', 'GEMINI_API_KEY', '.gemini/oauth_creds.json', 'gemini'),
  qwen: fileLogin('Qwen', 'OPENAI_API_KEY', '.qwen/oauth_creds.json', 'qwen'),
}

async function readLogin({ name, path, signIn }: { name: string; path: string; signIn: string }): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) throw new BerthError('not_found', `there is no ${name} login here (${path})`, { hint: `sign in with \`${signIn}\` here, or inside the workspace` })
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) return text
  } catch {
    // Said below without the text, which is a secret.
  }
  throw new BerthError('config_invalid', `${path} holds no ${name} login`, { hint: `sign in again with \`${signIn}\`` })
}

async function claudeLogin(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const path = join(env['CLAUDE_CONFIG_DIR'] || join(env['HOME'] || homedir(), '.claude'), '.credentials.json')
  const text = (await readFile(path, 'utf8').catch(() => null)) ?? (process.platform === 'darwin' ? await keychain() : null)
  if (text === null) throw new BerthError('not_found', `there is no Claude login here (${path})`, { hint: 'sign in with `claude login` here, or inside the workspace by `berth attach`' })
  try {
    const value = JSON.parse(text) as { claudeAiOauth?: { accessToken?: unknown } }
    if (typeof value.claudeAiOauth?.accessToken === 'string') return text
  } catch {
    // Said below without the text, which is a secret.
  }
  throw new BerthError('config_invalid', `${path} holds no Claude login`, { hint: 'sign in again with `claude login`' })
}

async function keychain(): Promise<string | null> {
  const child = Bun.spawn(['security', 'find-generic-password', '-s', 'Claude Code-credentials', '-w'], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
  const text = await new Response(child.stdout).text()
  return (await child.exited) === 0 ? text.trim() : null
}
