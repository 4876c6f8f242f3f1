import { expect, it } from 'bun:test'
import { clientConfig } from './client-config.ts'

const argv = ['/opt/my tools/berth', 'mcp', '--env', 'API_KEY']

it('says what to paste, in the words of each client', () => {
  expect(clientConfig('claude', { argv, home: null, variables: ['API_KEY'] })).toBe("claude mcp add berth --scope user -- '/opt/my tools/berth' mcp --env API_KEY")
  expect(clientConfig('claude', { argv, home: '/srv/it\'s', variables: [] })).toContain(`--env BERTH_HOME='/srv/it'\\''s' --`)
  expect(JSON.parse(clientConfig('cursor', { argv, home: '/h', variables: ['API_KEY'] }))).toEqual({ mcpServers: { berth: { command: '/opt/my tools/berth', args: argv.slice(1), env: { BERTH_HOME: '/h', API_KEY: '${env:API_KEY}' } } } })
  expect(Bun.TOML.parse(clientConfig('codex', { argv, home: '/h"x', variables: ['API_KEY'] }))).toEqual({ mcp_servers: { berth: { command: '/opt/my tools/berth', args: argv.slice(1), env_vars: ['API_KEY'], env: { BERTH_HOME: '/h"x' } } } })
})
