/**
 * What never leaves a machine in a saved state: logins, tokens and keys, each program's own places by name. Below the
 * home; a trailing slash is a directory with all that is in it.
 */
import { SECRET_FILES_DIR } from '@berth/wire/secret-places'

/** By agent: the files their own sign-ins write, MCP servers' tokens included. */
const OF_AGENTS: Readonly<Record<string, readonly string[]>> = {
  claude: ['.claude/.credentials.json', '.claude/mcp-needs-auth-cache.json', '.claude/backups/'],
  codex: ['.codex/auth.json', '.codex/.credentials.json'],
  gemini: ['.gemini/oauth_creds.json', '.gemini/google_accounts.json', '.gemini/mcp-oauth-tokens.json', '.gemini/mcp-oauth-tokens-v2.json', '.gemini/gemini-credentials.json', '.gemini/.env'],
  qwen: ['.qwen/oauth_creds.json', '.qwen/mcp-oauth-tokens.json', '.qwen/mcp-oauth-tokens-v2.json', '.qwen/.env'],
  opencode: ['.local/share/opencode/auth.json', '.local/share/opencode/mcp-auth.json'],
  copilot: ['.copilot/config.json', '.copilot/mcp-oauth-config/', '.config/github-copilot/'],
}
const OF_TOOLS: readonly string[] = [
  `${SECRET_FILES_DIR}/`, '.ssh/', '.gnupg/', '.password-store/', '.local/share/keyrings/', '.netrc', '.authinfo', '.git-credentials', '.config/git/credentials',
  '.config/gh/', '.config/hub', '.config/glab-cli/', '.npmrc', '.yarnrc', '.yarnrc.yml', '.pypirc', '.config/pip/pip.conf', '.pip/pip.conf', '.gem/credentials', '.bundle/config',
  '.cargo/credentials', '.cargo/credentials.toml', '.m2/settings.xml', '.m2/settings-security.xml', '.gradle/gradle.properties', '.composer/auth.json', '.config/composer/auth.json',
  '.aws/', '.azure/', '.config/gcloud/', '.config/doctl/', '.config/hcloud/', '.fly/', '.config/fly/', '.kube/', '.docker/config.json', '.config/containers/auth.json',
  '.terraform.d/credentials.tfrc.json', '.terraformrc', '.vault-token', '.config/op/', '.config/rclone/', '.pgpass', '.my.cnf', '.s3cfg', '.boto', '.databrickscfg', '.snowflake/', '.huggingface/', '.config/huggingface/',
]
/** What people typed may hold what they kept out of files. */
const HISTORIES: readonly string[] = ['.bash_history', '.zsh_history', '.ash_history', '.sh_history', '.history', '.local/share/fish/fish_history', '.python_history', '.node_repl_history', '.psql_history', '.mysql_history', '.sqlite_history', '.rediscli_history', '.lesshst', '.wget-hsts', '.viminfo']
/** Made again by whoever needs it. */
const CACHES: readonly string[] = ['.cache/', '.npm/_cacache/', '.npm/_logs/', '.bun/install/cache/']

const PRIVATE: readonly string[] = [...Object.values(OF_AGENTS).flat(), ...OF_TOOLS, ...HISTORIES]

export type Stays = 'private' | 'cache' | null
/** Whether that path below the home stays behind. A directory is asked for with its slash. */
export function stays(path: string, given: ReadonlySet<string>): Stays {
  if (given.has(path) || matches(path, PRIVATE) || CLAUDE_COPIES.test(path)) return 'private'
  return matches(path, CACHES) ? 'cache' : null
}

const matches = (path: string, list: readonly string[]): boolean => list.some((one) => (one.endsWith('/') ? path.startsWith(one) : path === one))

/** Settings of Claude Code in which it keeps who is signed in as well: its older place, and those of its other sign-ins, too. */
export const CLAUDE_SETTINGS: ReadonlySet<string> = new Set(['.claude/.config.json', ...['', '-staging-oauth', '-local-oauth', '-custom-oauth'].flatMap((of) => [`.claude${of}.json`, `.claude/.claude${of}.json`])])
/**
 * What it puts beside them, or into `backups` of the directory of its settings, wherever that is: copies with the login in
 * them (`.claude.json.backup.<time>`, `.corrupted.<time>`, half-written ones). It makes new ones, so none is worth cutting.
 */
const CLAUDE_COPIES = /(?:^|\/)\.claude(?:-[a-z]+-oauth)?\.json\.[^/]+$|^\.claude\/\.(?:config|credentials)\.json\.[^/]+$/
const CLAUDE_SECRETS: readonly string[] = ['primaryApiKey', 'oauthAccount', 'customApiKeyResponses', 'mcpOAuth', 'claudeAiOauth']

/** Null: it cannot be read as settings, and stays behind. */
export function withoutLogin(text: string): string | null {
  try {
    const settings: unknown = JSON.parse(text)
    if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) return null
    return `${JSON.stringify(Object.fromEntries(Object.entries(settings).filter(([name]) => !CLAUDE_SECRETS.includes(name))), null, 2)}\n`
  } catch {
    return null
  }
}
