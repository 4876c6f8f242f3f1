import type { Client } from '@berth/client'
import type { WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { McpServer } from '@berth/wire/mcp'
import { cleanLine } from '../clean.ts'
import { atMost, command } from '../command.ts'
import type { Context } from '../context.ts'
import { table, type Io } from '../io.ts'
import { resolveWorkspace } from '../resolve.ts'
import { projectOf } from '../source/project-of.ts'

const VERBS = ['list', 'add', 'remove'] as const

export const mcpServer = command({
  name: 'mcp-server',
  summary: 'Keep MCP servers of a project, or of one workspace: its agents are given them',
  arguments: '[list | add <name=command | name=url> | remove <name>]',
  options: {
    project: { type: 'string', value: 'url | path', help: 'the repository or directory that workspaces are made from (this directory)' },
    workspace: { type: 'string', value: 'name', help: 'of this workspace alone, instead of the project' },
    env: { type: 'string', short: 'e', multiple: true, value: 'NAME', help: 'a variable of the workspace that the server is started with: a secret of the project, say' },
    header: { type: 'string', multiple: true, value: 'Name=${VARIABLE}', help: 'a header for a server at a url; ${VARIABLE} is one of the workspace' },
  },
  notes: 'Values that are secret stand in secrets of the project (`berth secret set`), and here by their names. An agent is given a change when it begins the next time: at a start of the workspace, or as a new session. What a workspace has of its own (`up --mcp`, `--workspace`) goes before one of its project with the same name.',
  examples: ['berth mcp-server add docs=https://mcp.example.com/mcp', 'berth mcp-server add tickets="npx -y @example/tickets-mcp" --env TICKETS_TOKEN', "berth mcp-server add docs=https://mcp.example.com/mcp --header 'Authorization=Bearer ${DOCS_TOKEN}'", 'berth mcp-server', 'berth mcp-server remove docs', 'berth mcp-server add docs=https://mcp.example.com/mcp --workspace demo', 'berth mcp-server --workspace demo'],
  parse({ values, positionals }) {
    atMost(2, positionals, 'mcp-server')
    const [word = 'list', what] = positionals
    const verb = VERBS.find((known) => known === word)
    if (verb === undefined) throw new BerthError('bad_request', `mcp-server has no "${word}"`, { hint: `one of ${VERBS.join(', ')}` })
    if (verb !== 'list' && what === undefined) throw new BerthError('bad_request', 'which server?', { hint: verb === 'add' ? 'berth mcp-server add docs=https://mcp.example.com/mcp' : 'berth mcp-server remove docs' })
    if (values.project !== undefined && values.workspace !== undefined) throw new BerthError('bad_request', 'either --project or --workspace', { hint: '--project for every workspace made from it, --workspace for one' })
    return { verb, what: what ?? '', project: values.project, workspace: values.workspace, env: values.env ?? [], headers: values.header ?? [] }
  },
  async run(context, { verb, what, project, workspace, env, headers }) {
    const { io, json, signal } = context
    const { client } = await context.connect()
    if (workspace !== undefined) return ofWorkspace(context, { client, verb, what, id: (await resolveWorkspace(client, workspace, signal)).id, name: workspace, server: () => serverFrom(what, { env, headers }) })
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

interface InWorkspace { readonly client: Client; readonly verb: (typeof VERBS)[number]; readonly what: string; readonly id: WorkspaceId; readonly name: string; server(): Promise<McpServer> }
async function ofWorkspace({ io, json, signal }: Context, { client, verb, what, id, name, server }: InWorkspace): Promise<void> {
  if (verb === 'list') {
    const given = await client.listWorkspaceMcp({ id }, signal)
    if (json) return io.out(JSON.stringify(given))
    if (given.length === 0) return io.note(`The agents of ${cleanLine(name)} are given no MCP servers but Berth's own.`)
    return io.out(asTable(io, ['NAME', 'IS', 'OF'], given.map(({ server: one, from }) => [one.name, isWhat(one), `the ${from}`])))
  }
  if (verb === 'remove') {
    const { removed } = await client.removeWorkspaceMcp({ id, name: what }, signal)
    if (!removed) throw new BerthError('not_found', `${cleanLine(name)} has no MCP server ${cleanLine(what, 60)} of its own`, { hint: `\`berth mcp-server --workspace ${cleanLine(name)}\` lists them` })
    return io.out(json ? JSON.stringify({ removed }) : `Forgot ${cleanLine(what, 60)}. An agent that runs has it until it begins the next time.`)
  }
  const kept = await client.setWorkspaceMcp({ id, server: await server() }, signal)
  io.out(json ? JSON.stringify(kept) : `Kept ${kept.server.name} for ${cleanLine(name)}: the next session has it, and the others when they begin again (\`berth stop\`, \`berth start\`).`)
}

async function serverFrom(text: string, { env, headers }: { env: readonly string[]; headers: readonly string[] }): Promise<McpServer> {
  const [{ addressFault, mcpServerFrom }, { McpServer: Server }] = await Promise.all([import('@berth/wire/mcp-words'), import('@berth/wire/mcp')])
  const server = mcpServerFrom(text)
  if (server === null) throw new BerthError('bad_request', 'add takes name=command or name=url', { hint: 'berth mcp-server add docs=https://mcp.example.com/mcp' })
  const fault = addressFault(server)
  if (fault !== null) throw new BerthError('bad_request', `${cleanLine(server.name, 60)}: ${fault.message}`, { hint: "berth mcp-server add docs=https://… --header 'Authorization=Bearer ${NAME}'" })
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
  io.out(asTable(io, ['NAME', 'IS', 'PROJECT'], kept.map(({ project, server }) => [server.name, isWhat(server), cleanLine(project, 80)])))
}

const isWhat = (server: McpServer): string => cleanLine(server.kind === 'http' ? server.url : [server.command, ...server.args].join(' '), 80)
function asTable(io: Io, head: string[], rows: string[][]): string {
  const [header = '', ...lines] = table([head, ...rows], io.columns)
  return [io.style.dim(header), ...lines].join('\n')
}
