/** An MCP server as a person writes it in one line. Without run-time dependencies: the page reads it too. */
import type { McpServer } from './mcp.ts'

/** `name=https://…`, or `name=command with its arguments`. Null: it is neither. What it says is checked by the schema. */
export function mcpServerFrom(line: string): McpServer | null {
  const [, name, rest = ''] = /^([^=\s]+)=(.+)$/s.exec(line.trim()) ?? []
  if (name === undefined) return null
  if (/^https?:\/\//.test(rest)) return { kind: 'http', name, url: rest, headers: {} }
  const [command = '', ...args] = wordsOf(rest)
  return { kind: 'stdio', name, command, args, env: {} }
}

/** At white space; quotes keep it. */
function wordsOf(text: string): string[] {
  return [...text.matchAll(/(?:"([^"]*)"|'([^']*)'|([^\s"']+))+/g)].map(([word]) => word.replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'))
}
