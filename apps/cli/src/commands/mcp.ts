import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { command, none } from '../command.ts'

const CLIENTS = ['claude', 'cursor', 'codex'] as const

export const mcp = command({
  name: 'mcp',
  summary: 'Let an agent on this machine use Berth, as an MCP server',
  notes: 'It is started by that agent, and speaks over standard input and output with your own sign-in.\nIt makes workspaces, speaks to their agents, reads and edits their code. It cannot answer for you what they ask.',
  options: {
    'print-config': { type: 'string', value: 'client', help: 'what to paste for claude (a command), cursor (~/.cursor/mcp.json) or codex (~/.codex/config.toml)' },
    agent: { type: 'string', value: 'kind', help: 'the agent of workspaces that are made here' },
    provider: { type: 'string', value: 'name', help: 'where their machines run' },
    env: { type: 'string', short: 'e', multiple: true, value: 'NAME', help: 'a variable of yours that they get, such as ANTHROPIC_API_KEY' },
  },
  examples: ['berth mcp --print-config claude', 'berth mcp --print-config codex --env ANTHROPIC_API_KEY >> ~/.codex/config.toml', 'berth mcp'],
  parse({ values, positionals }) {
    none(positionals, 'mcp')
    const client = CLIENTS.find((name) => name === values['print-config'])
    if (values['print-config'] !== undefined && client === undefined) throw new BerthError('bad_request', `there is no client "${values['print-config']}" here`, { hint: `${CLIENTS.join(', ')}; others take what cursor takes` })
    const withValue = (values.env ?? []).find((entry) => entry.includes('='))
    if (withValue !== undefined) throw new BerthError('bad_request', '--env takes the name of a variable here, never a value', { hint: 'it is taken from the environment that the agent starts this in' })
    const words = [...(values.agent === undefined ? [] : ['--agent', values.agent]), ...(values.provider === undefined ? [] : ['--provider', values.provider]), ...(values.env ?? []).flatMap((name) => ['--env', name])]
    return { client, words, variables: values.env ?? [] }
  },
  async run(context, { client, words, variables }) {
    if (client === undefined) return (await import('../mcp/serve.ts')).serveMcp(context, words)
    const [{ clientConfig }, { selfCli }] = await Promise.all([import('../mcp/client-config.ts'), import('../self.ts')])
    const usual = context.home === resolve(homedir(), '.berth')
    const text = clientConfig(client, { argv: selfCli(['mcp', ...words]), home: usual ? null : context.home, variables })
    context.io.out(context.json ? JSON.stringify({ client, text }) : text)
  },
})
