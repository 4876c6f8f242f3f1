/** An MCP server as a person writes it in one line. Without run-time dependencies: the page reads it too. */
import type { McpServer } from './mcp.ts'

/** `name=https://…`, or `name=command with its arguments`. Null: it is neither; an address of another kind is the schema's to refuse. What it says is checked by the schema. */
export function mcpServerFrom(line: string): McpServer | null {
  const [, name, rest = ''] = /^([^=\s]+)=(.+)$/s.exec(line.trim()) ?? []
  if (name === undefined) return null
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(rest)) return { kind: 'http', name, url: rest, headers: {} }
  const [command = '', ...args] = wordsOf(rest)
  return { kind: 'stdio', name, command, args, env: {} }
}

/** What no server's address may be, and what to do instead; never its words, which may hold a secret. Null: it can be one. */
export function addressFault(server: McpServer): { message: string; hint: string } | null {
  if (server.kind !== 'http') return null
  if (!/^https?:\/\//i.test(server.url)) return { message: 'its address begins with neither http:// nor https://', hint: 'give one of these, or a command' }
  if (!/^[^/]*\/\/[^/?#]*@/.test(server.url)) return null
  return { message: 'its address holds a user or a password, which everybody sees', hint: 'give it by a header that names a variable: {"url": …, "headers": {"Authorization": "Bearer ${NAME}"}} in an --mcp-file, and its value by --secret NAME' }
}

/** At white space; quotes keep it. */
function wordsOf(text: string): string[] {
  return [...text.matchAll(/(?:"([^"]*)"|'([^']*)'|([^\s"']+))+/g)].map(([word]) => word.replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'))
}
