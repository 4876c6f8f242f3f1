/**
 * The MCP servers that a person gives to a new workspace: in the command line, or by the file that every client of
 * the protocol has. Values in such a file are taken for secrets: they become variables of the workspace.
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Exposure } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { McpEntries, McpFile, McpFileEntry, McpSetup, type McpServer } from '@berth/wire/mcp'
import { addressFault, mcpServerFrom } from '@berth/wire/mcp-words'

const FILE_LIMIT_BYTES = 256 * 1024
export interface GivenMcp { readonly mcp: McpSetup; /** Values that stood in a file. */ readonly env: Record<string, string>; readonly exposures: Exposure[] }

export async function givenMcp(given: { words: readonly string[]; files: readonly string[]; own: boolean }, cwd: string): Promise<GivenMcp> {
  const env: Record<string, string> = {}
  const servers: unknown[] = given.words.map(fromWord)
  for (const path of given.files) servers.push(...fromFile(await readJson(path, cwd), { path, env }))
  const parsed = McpSetup.safeParse({ servers, own: given.own })
  if (!parsed.success) throw wrong(parsed.error.issues, servers)
  const exposures = Object.keys(env).map((name): Exposure => ({ name, how: 'env', warning: 'the agent can read this value of an MCP server' }))
  return { mcp: parsed.data, env, exposures }
}

function fromWord(text: string): unknown {
  const server = mcpServerFrom(text)
  if (server === null) throw new BerthError('bad_request', '--mcp takes name=command or name=url', { hint: '--mcp files="npx -y @modelcontextprotocol/server-filesystem /workspace"' })
  return reached(server)
}

/** A server whose address can be one. */
function reached(server: McpServer): McpServer {
  const fault = addressFault(server)
  if (fault !== null) throw new BerthError('bad_request', `mcp server ${server.name.slice(0, 60)}: ${fault.message}`, { hint: fault.hint })
  return server
}

function fromFile(json: unknown, { path, env }: { path: string; env: Record<string, string> }): unknown[] {
  const file = McpFile.safeParse(json)
  if (!file.success) throw new BerthError('config_invalid', `${path}${wrongIn(json)}`, { hint: 'it begins with {"mcpServers": {"name": {"command": …}}}' })
  return Object.entries(file.data.mcpServers).map(([name, entry]) => {
    const url = entry.url ?? entry.httpUrl ?? entry.serverUrl
    const kept = (values: Readonly<Record<string, string>> = {}) => Object.fromEntries(Object.entries(values).map(([key, value]) => [key, keep(value, { name: `MCP_${name}_${key}`, env })]))
    if (url === undefined) return { kind: 'stdio', name, command: entry.command ?? '', args: entry.args ?? [], env: kept(entry.env) }
    if (entry.type === 'sse') throw new BerthError('config_invalid', `${path}: ${name} speaks by SSE, which the protocol has given up`, { hint: 'most such servers answer at another address by streamable HTTP; see their documentation' })
    return reached({ kind: 'http', name, url: references(url), headers: kept(entry.headers) })
  })
}
/** What names a variable stays; anything else may be a secret. */
function keep(value: string, { name, env }: { name: string; env: Record<string, string> }): string {
  const named = references(value)
  if (named.includes('${')) return named
  const variable = name.toUpperCase().replaceAll(/[^A-Z0-9_]/g, '_')
  env[variable] = value
  return `\${${variable}}`
}
/** `${env:NAME}` and `${NAME:-otherwise}`, as some write it. */
const references = (text: string): string => text.replaceAll(/\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}/g, '${$1}')

async function readJson(path: string, cwd: string): Promise<unknown> {
  const text = await readFile(resolve(cwd, path), 'utf8').catch(() => null)
  if (text === null) throw new BerthError('not_found', `${path} cannot be read`, { hint: '--mcp-file takes the path of a file with {"mcpServers": {…}}' })
  if (Buffer.byteLength(text) > FILE_LIMIT_BYTES) throw new BerthError('too_large', `${path} is larger than 256 KB`)
  try {
    // Editors allow comments in theirs.
    return Bun.JSONC.parse(text)
  } catch {
    // Without the text, which may hold secrets.
    throw new BerthError('config_invalid', `${path} is no JSON`, { hint: 'it begins with {"mcpServers": {"name": {"command": …}}}' })
  }
}

/** The entry that has not its form, and which of its fields; never a value. */
function wrongIn(json: unknown): string {
  const entries = McpEntries.safeParse(json)
  if (!entries.success) return ' holds no MCP servers'
  for (const [name, entry] of Object.entries(entries.data)) {
    const issue = McpFileEntry.safeParse(entry).error?.issues[0]
    if (issue !== undefined) return `: mcp server ${name.slice(0, 60)}: ${[...issue.path, issue.message].join(': ')}`
  }
  return ' holds no MCP servers'
}

/** The server it is about, and what is wrong with it; never a value. */
function wrong(issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[], servers: readonly unknown[]): BerthError {
  const [issue] = issues
  const about = servers[Number(issue?.path[1])]
  const name = typeof about === 'object' && about !== null && 'name' in about ? ` ${String(about.name).slice(0, 60)}` : 's'
  const field = issue?.path.slice(2).join('.')
  return new BerthError('bad_request', `mcp server${name}: ${field ? `${field}: ` : ''}${issue?.message ?? 'not understood'}`, { hint: 'see `berth up --help`' })
}
