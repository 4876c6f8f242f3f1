/** MCP servers of projects: each workspace made from it has them beside its own. */
import { projectKey, projectKeyOf } from '@berth/core'
import type { Clock, Identity, Store, WorkspaceRow } from '@berth/core'
import { BerthError } from '@berth/wire'
import { DEFAULT_MCP, MCP_SERVERS_LIMIT, type McpServer, type McpSetup } from '@berth/wire/mcp'
import type { ProjectMcp } from '@berth/wire/project-mcp'

export interface ProjectMcpDeps { readonly store: Pick<Store, 'projectMcp'>; readonly clock: Clock }

export async function setProjectMcp({ store, clock }: ProjectMcpDeps, { orgId }: Pick<Identity, 'orgId'>, { project: address, server }: { project: string; server: McpServer }): Promise<ProjectMcp> {
  const project = projectKey(address)
  const others = (await store.projectMcp.list(orgId)).filter((one) => one.project === project && !isNamed(one.server, server.name))
  if (others.length >= MCP_SERVERS_LIMIT) throw new BerthError('too_many', `a project has at most ${MCP_SERVERS_LIMIT} MCP servers`, { hint: 'remove one: `berth mcp-server list`' })
  return store.projectMcp.put({ orgId, project, server }, clock.now())
}

/** With those of its project; what the workspace itself was given under that name wins. Absent: neither has any. */
export async function mcpOf({ store }: Pick<ProjectMcpDeps, 'store'>, { orgId, source }: Pick<WorkspaceRow, 'orgId' | 'source'>, own: McpSetup | undefined): Promise<McpSetup | undefined> {
  const project = projectKeyOf(source)
  const kept = project === null ? [] : (await store.projectMcp.list(orgId)).filter((one) => one.project === project).map(({ server }) => server)
  if (kept.length === 0) return own
  const setup = own ?? DEFAULT_MCP
  return { ...setup, servers: [...setup.servers, ...kept.filter((server) => !setup.servers.some((one) => isNamed(one, server.name)))].slice(0, MCP_SERVERS_LIMIT) }
}

/** Agents take names of two cases for one. */
export const isNamed = (server: McpServer, name: string): boolean => server.name.toLowerCase() === name.toLowerCase()
