import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import type { McpServer } from '@berth/wire/mcp'
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
