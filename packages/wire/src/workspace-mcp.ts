/** MCP servers of one workspace that is there already. Its agents are given what is changed when they begin the next time. */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { WorkspaceId } from './ids.ts'
import { McpName, McpServer } from './mcp.ts'

export const WorkspaceMcp = z.object({ server: McpServer, /** Its own, or of the project that it was made from. */ from: z.enum(['workspace', 'project']) })
export type WorkspaceMcp = z.infer<typeof WorkspaceMcp>

const tag = { tags: ['mcp'] }
/** Spread into `api`. */
export const workspaceMcpApi = {
  listWorkspaceMcp: oc.route({ method: 'GET', path: '/workspaces/{id}/mcp', summary: "MCP servers that a workspace's agents are given", ...tag }).input(z.object({ id: WorkspaceId })).output(z.array(WorkspaceMcp)),
  /** Replaces one of that name, and stands before one of its project. Each `${NAME}` in it is a variable of the workspace or of its project. */
  setWorkspaceMcp: oc.route({ method: 'PUT', path: '/workspaces/{id}/mcp', summary: 'Give an MCP server to a workspace', ...tag }).input(z.object({ id: WorkspaceId, server: McpServer })).output(WorkspaceMcp),
  /** Of its own ones only. */
  removeWorkspaceMcp: oc.route({ method: 'POST', path: '/workspaces/{id}/mcp/remove', summary: 'Take an MCP server from a workspace', ...tag }).input(z.object({ id: WorkspaceId, name: McpName })).output(z.object({ removed: z.boolean() })),
}
