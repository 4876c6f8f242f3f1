import type { Client } from '@berth/client'
import { BerthError } from '@berth/wire/error'
import type { McpServer } from '@berth/wire/mcp'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'
import { table } from '../io.ts'
import { projectOf } from '../source/project-of.ts'

const VERBS = ['list', 'add', 'remove'] as const

export const mcpServer = command({
  name: 'mcp-server',
  summary: 'Keep MCP servers of a project: every workspace made from it gives them to its agent',
  arguments: '[list | add <name=command | name=url> | remove <name>]',
  options: {
    project: { type: 'string', value: 'url | path', help: 'the repository or directory that workspaces are made from (this directory)' },
    env: { type: 'string', short: 'e', multiple: true, value: 'NAME', help: 'a variable of the workspace that the server is started with: a secret of the project, say' },
    header: { type: 'string', multiple: true, value: 'Name=${VARIABLE}', help: 'a header for a server at a url; ${VARIABLE} is one of the workspace' },
  },
  notes: 'Values that are secret stand in secrets of the project (`berth secret set`), and here by their names. Workspaces that run get a change with their next start; what `up --mcp` gives under the same name wins.',
  examples: ['berth mcp-server add docs=https://mcp.example.com/mcp', 'berth mcp-server add tickets="npx -y @example/tickets-mcp" --env TICKETS_TOKEN', "berth mcp-server add docs=https://mcp.example.com/mcp --header 'Authorization=Bearer ${DOCS_TOKEN}'", 'berth mcp-server', 'berth mcp-server remove docs'],
  parse({ values, positionals }) {
    atMost(2, positionals, 'mcp-server')
    const [word = 'list', what] = positionals
    const verb = VERBS.find((known) => known === word)
    if (verb === undefined) throw new BerthError('bad_request', `mcp-server has no "${word}"`, { hint: `one of ${VERBS.join(', ')}` })
    if (verb !== 'list' && what === undefined) throw new BerthError('bad_request', 'which server?', { hint: verb === 'add' ? 'berth mcp-server add docs=https://mcp.example.com/mcp' : 'berth mcp-server remove docs' })
    return { verb, what: what ?? '', project: values.project, env: values.env ?? [], headers: values.header ?? [] }
  },
  async run(context, { verb, what, project, env, headers }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    if (verb === 'list') return show(context, client)
    const address = await projectOf(context, project ?? '.')
    if (verb === 'remove') {
      const { removed } = await client.removeProjectMcp({ project: address, name: what }, signal)
      if (!removed) throw new BerthError('not_found', `there is no MCP server ${cleanLine(what, 60)} of ${cleanLine(address)}`, { hint: '`berth mcp-server` lists them' })
      return io.out(json ? JSON.stringify({ removed }) : `Forgot ${cleanLine(what, 60)}.`)
    }
    const kept = await client.setProjectMcp({ project: address, server: await serverFrom(what, { env, headers }) }, signal)
    io.out(json ? JSON.stringify(kept) : `Kept ${kept.server.name} for the workspaces of ${cleanLine(kept.project)}.`)
  },
})

async function serverFrom(text: string, { env, headers }: { env: readonly string[]; headers: readonly string[] }): Promise<McpServer> {
  const [{ mcpServerFrom }, { McpServer: Server }] = await Promise.all([import('@berth/wire/mcp-words'), import('@berth/wire/mcp')])
  const server = mcpServerFrom(text)
  if (server === null) throw new BerthError('bad_request', `add takes name=command or name=url, not "${cleanLine(text, 80)}"`, { hint: 'berth mcp-server add docs=https://mcp.example.com/mcp' })
  if (server.kind === 'stdio' && headers.length > 0) throw new BerthError('bad_request', '--header is for a server at a url', { hint: 'a command is given variables: --env NAME' })
  if (server.kind === 'http' && env.length > 0) throw new BerthError('bad_request', '--env is for a server that is a command', { hint: "a url is given headers: --header 'Authorization=Bearer ${NAME}'" })
  const withValue = env.find((name) => name.includes('='))
  if (withValue !== undefined) throw new BerthError('bad_request', '--env takes the name of a variable of the workspace, never a value', { hint: '`berth secret set NAME` keeps the value' })
  const given = server.kind === 'stdio' ? { ...server, env: Object.fromEntries(env.map((name) => [name, `\${${name}}`])) } : { ...server, headers: Object.fromEntries(headers.map((header) => [header.slice(0, Math.max(0, header.indexOf('='))), header.slice(header.indexOf('=') + 1)])) }
  const checked = Server.safeParse(given)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  throw new BerthError('bad_request', `${cleanLine(server.name, 60)}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim(), { hint: '`berth mcp-server --help` has examples' })
}

async function show({ io, json, signal }: Context, client: Client): Promise<void> {
  const kept = await client.listProjectMcp(signal)
  if (json) return io.out(JSON.stringify(kept))
  if (kept.length === 0) return io.note('No MCP servers of projects. `berth mcp-server add docs=https://mcp.example.com/mcp` keeps one for this directory.')
  const [header = '', ...lines] = table([['NAME', 'IS', 'PROJECT'], ...kept.map(({ project, server }) => [server.name, cleanLine(server.kind === 'http' ? server.url : [server.command, ...server.args].join(' '), 80), cleanLine(project, 80)])], io.columns)
  io.out([io.style.dim(header), ...lines].join('\n'))
}
