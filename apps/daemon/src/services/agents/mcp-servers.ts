/**
 * The MCP servers of a workspace, as each agent wants to be told of them. Where an agent reads its environment by
 * itself it is told the names of variables; the others are told the values by a way that is no command line.
 */
import { chownSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DEFAULT_MCP, fillReferences, OWN_MCP_NAME, type McpServer } from '@berth/wire/mcp'
import { z } from 'zod'
import type { DriverDeps } from '../../contracts.ts'
import { selfCommand } from '../../self.ts'
import { SHIM_SOCKET } from '../mcp/shim-protocol.ts'
import { OPENCODE_CONFIG } from '../gateway/opencode-models.ts'
import { parseJson } from './json-lines.ts'

type Env = Readonly<Record<string, string>>
/** `own`: ours, whose tools reach the person and change nothing: nobody is asked about their calls. */
export interface GivenServers { readonly own: Extract<McpServer, { kind: 'stdio' }> | null; readonly servers: readonly McpServer[] }

/** A person may answer after a vacation. In milliseconds it must fit the timers of those who count them: 2^31. */
const PATIENCE_S = 24 * 24 * 3600

export function mcpServers({ context: { boot }, assignment: { agent, mcp = DEFAULT_MCP } }: Pick<DriverDeps, 'context' | 'assignment'>): GivenServers {
  const [command = '', ...args] = selfCommand('mcp', '--socket', join(boot.runDir, SHIM_SOCKET), '--session', agent.sessionId)
  const own = mcp.own ? { kind: 'stdio', name: OWN_MCP_NAME, command, args, env: {} } as const : null
  return { own, servers: own === null ? mcp.servers : [own, ...mcp.servers] }
}

const byName = (servers: readonly McpServer[], render: (server: McpServer) => unknown): Record<string, unknown> => Object.fromEntries(servers.map((server) => [server.name, render(server)]))
const mapped = (texts: Env, change: (text: string) => string): Record<string, string> => Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, change(text)]))
const filling = (env: Env) => (text: string): string => fillReferences(text, (name) => env[name] ?? '')

/** The file of `--mcp-config`; it fills `${NAME}` itself, and looks for tools that are not always loaded only when it thinks of it. */
function claudeMcpFile({ own, servers }: GivenServers): string {
  return JSON.stringify({ mcpServers: byName(servers, (server) => (server.kind === 'stdio'
    ? { type: 'stdio', command: server.command, args: server.args, env: server.env, ...(server === own ? { timeout: PATIENCE_S * 1000, alwaysLoad: true } : {}) }
    : { type: 'http', url: server.url, headers: server.headers })) })
}
/** The words of Claude Code, with the file they name. Our own tools are allowed without asking. */
export function claudeMcpWords(deps: Pick<DriverDeps, 'context' | 'assignment'>): string[] {
  const given = mcpServers(deps)
  if (given.servers.length === 0) return []
  const path = join(deps.context.boot.runDir, `claude-mcp-${deps.assignment.agent.sessionId}.json`)
  writeForAgent(path, claudeMcpFile(given), deps.context.boot.agentUser)
  return ['--mcp-config', path, ...(given.own === null ? [] : ['--allowedTools', `mcp__${OWN_MCP_NAME}`])]
}

/** Of `thread/start` and `thread/resume`, over its socket: in memory only. */
export function codexMcpConfig({ own, servers }: GivenServers, env: Env): Record<string, unknown> {
  const fill = filling(env)
  return { mcp_servers: byName(servers, (server) => ({
    ...(server.kind === 'stdio' ? { command: server.command, args: server.args, env: mapped(server.env, fill) } : { url: fill(server.url), http_headers: mapped(server.headers, fill) }),
    ...(server === own ? { tool_timeout_sec: PATIENCE_S, default_tools_approval_mode: 'approve' } : {}),
  })) }
}

/** `{env:NAME}` is its own word for a variable. */
function opencodeMcpServers({ own, servers }: GivenServers): Record<string, unknown> {
  const name = (text: string): string => fillReferences(text, (variable) => `{env:${variable}}`)
  return byName(servers, (server) => (server.kind === 'stdio'
    ? { type: 'local', command: [server.command, ...server.args], environment: mapped(server.env, name), enabled: true, ...(server === own ? { timeout: PATIENCE_S * 1000 } : {}) }
    : { type: 'remote', url: name(server.url), headers: mapped(server.headers, name), enabled: true }))
}

/** The environment of opencode: what a person configured there in the same way stays beside it. */
export function opencodeMcpEnvironment(given: GivenServers, env: Env): Record<string, string> {
  if (given.servers.length === 0) return {}
  const config = Fields.catch({}).parse(parseJson(env[OPENCODE_CONFIG] ?? '{}'))
  return { [OPENCODE_CONFIG]: JSON.stringify({ ...config, mcp: { ...Fields.catch({}).parse(config['mcp']), ...opencodeMcpServers(given) } }) }
}
const Fields = z.record(z.string(), z.unknown())

/** Gemini CLI has a tool `ask_user` for its own screen, and without that screen leaves out every tool of that name. */
const ASK_AS = ['--ask-as', 'ask_person']
/** `mcpServers` in the settings of Gemini CLI and what descends from it; it fills `${NAME}` itself. */
export function geminiMcpServers({ own, servers }: GivenServers, kind: string): Record<string, unknown> {
  return byName(servers, (server) => ({
    ...(server.kind === 'stdio' ? { command: server.command, args: server === own && kind === 'gemini' ? [...server.args, ...ASK_AS] : server.args, env: server.env } : { httpUrl: server.url, headers: server.headers }),
    ...(server === own ? { trust: true, timeout: PATIENCE_S * 1000 } : {}),
  }))
}

/** Of `session/new` and its like. */
export function acpMcpServers({ servers }: GivenServers, env: Env): unknown[] {
  const fill = filling(env)
  const pairs = (texts: Env): { name: string; value: string }[] => Object.entries(texts).map(([name, text]) => ({ name, value: fill(text) }))
  return servers.map((server) => (server.kind === 'stdio'
    ? { name: server.name, command: server.command, args: server.args, env: pairs(server.env) }
    : { type: 'http', name: server.name, url: fill(server.url), headers: pairs(server.headers) }))
}

/** Kept by the daemon's user, read by the agent's. */
function writeForAgent(path: string, text: string, agentUser: DriverDeps['context']['boot']['agentUser']): void {
  mkdirSync(dirname(path), { recursive: true })
  const staging = `${path}.new`
  writeFileSync(staging, text, { mode: 0o640 })
  if (agentUser !== null && process.getuid?.() === 0) chownSync(staging, 0, agentUser.gid)
  renameSync(staging, path)
}
