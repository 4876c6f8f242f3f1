import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import type { McpServer, McpSetup } from '@berth/wire/mcp'
import { aWorkspace } from './store-fixtures.ts'
import { openTestDatabase } from './testing.ts'
import type { TestDatabase } from './testing.ts'

setDefaultTimeout(60_000)
let database: TestDatabase
beforeAll(async () => { database = await openTestDatabase() })
afterAll(() => database?.close())

const NOW = 1_000_000

test('a secret of a project is kept sealed, replaced whole, and opens in its own place', async () => {
  const { projectSecrets } = database.store
  const { orgId } = await database.store.access.bootstrap(NOW)
  const at = { orgId, project: 'git.example/a/b', name: 'TOKEN' }
  await projectSecrets.put({ ...at, kind: 'env', value: 'canary-1' }, NOW)
  await projectSecrets.put({ ...at, project: 'git.example/a/c', kind: 'env', value: 'canary-2' }, NOW)
  expect(JSON.stringify(await database.sql`select * from project_secrets`)).not.toContain('canary')
  expect(await projectSecrets.values(orgId, at.project)).toEqual([{ name: 'TOKEN', kind: 'env', value: 'canary-1' }])
  await projectSecrets.put({ ...at, kind: 'file', value: 'canary-3' }, NOW + 1)
  expect(await projectSecrets.list(orgId)).toEqual([{ project: at.project, name: 'TOKEN', kind: 'file', updatedAt: NOW + 1 }, { project: 'git.example/a/c', name: 'TOKEN', kind: 'env', updatedAt: NOW }])
  // Moved to another project it does not open.
  await database.sql`update project_secrets set project = 'git.example/evil' where project = ${at.project}`
  await expect(projectSecrets.values(orgId, 'git.example/evil')).rejects.toThrow('sealed under another master key')
  expect([await projectSecrets.remove(orgId, at.project, 'TOKEN'), await projectSecrets.remove(orgId, 'git.example/evil', 'TOKEN')]).toEqual([false, true])
})

test('MCP servers of a workspace are changed beside its secrets, and two at once both count', async () => {
  const { store } = database
  const notes = (name: string) => ({ kind: 'stdio' as const, name, command: 'notes', args: [], env: { TOKEN: '${TOKEN}' } }) satisfies McpServer
  const add = (name: string) => (mcp: McpSetup | undefined): McpSetup => ({ own: mcp?.own ?? true, servers: [...mcp?.servers ?? [], notes(name)] })
  const { id } = await aWorkspace(store, NOW, { name: 'with-secrets', secrets: { env: { TOKEN: 'canary-3' }, secretEnv: ['TOKEN'], homeFiles: [], mcp: { own: false, servers: [] } } })
  const { id: bare } = await aWorkspace(store, NOW, { name: 'without', secrets: { env: {}, homeFiles: [] } })
  const names = 'abcdefghijkl'.split('')
  for (const of of [id, bare]) await Promise.all(names.map((name) => store.changeMcp(of, add(name), NOW + 1)))
  const [{ mcp, ...rest }, { mcp: first }] = [await store.secrets(id), await store.secrets(bare)]
  expect(rest).toEqual({ env: { TOKEN: 'canary-3' }, secretEnv: ['TOKEN'], homeFiles: [] })
  expect([mcp?.own, mcp?.servers.map(({ name }) => name).sort(), first?.servers.length]).toEqual([false, names, names.length])
  expect(JSON.stringify(await database.sql`select * from workspace_secrets`)).not.toContain('canary')
})

test('MCP servers of a project are kept beside its secrets, and are none', async () => {
  const { projectMcp, projectSecrets } = database.store
  const { orgId } = await database.store.access.bootstrap(NOW)
  const project = 'git.example/with/mcp'
  const docs = { kind: 'http' as const, name: 'Docs', url: 'https://mcp.example.com/mcp', headers: { Authorization: 'Bearer ${TOKEN}' } } satisfies McpServer
  const notes = { kind: 'stdio' as const, name: 'notes', command: 'notes', args: ['--all'], env: {} } satisfies McpServer
  await projectSecrets.put({ orgId, project, name: 'docs', kind: 'env', value: 'canary' }, NOW)
  await projectMcp.put({ orgId, project, server: docs }, NOW)
  await projectMcp.put({ orgId, project, server: notes }, NOW)
  await projectMcp.put({ orgId, project, server: { ...notes, name: 'NOTES', args: [] } }, NOW + 1)
  expect(await projectMcp.list(orgId)).toEqual([{ project, server: docs, updatedAt: NOW }, { project, server: { ...notes, name: 'NOTES', args: [] }, updatedAt: NOW + 1 }])
  expect((await projectSecrets.list(orgId)).filter((secret) => secret.project === project).map(({ name }) => name)).toEqual(['docs'])
  expect(await projectSecrets.values(orgId, project)).toEqual([{ name: 'docs', kind: 'env', value: 'canary' }])
  expect([await projectMcp.remove(orgId, project, 'docs'), await projectMcp.remove(orgId, project, 'docs'), await projectSecrets.remove(orgId, project, 'docs')]).toEqual([true, false, true])
})
