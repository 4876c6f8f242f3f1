/** MCP servers of a project: every workspace made from it gives them to its agents. No value of theirs is a secret. */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { McpName, McpServer } from './mcp.ts'

export const ProjectMcp = z.object({
  /** As workspaces know it: `host/owner/name`, or a directory. */
  project: z.string(), server: McpServer, updatedAt: z.number(),
})
export type ProjectMcp = z.infer<typeof ProjectMcp>

const Project = z.string().min(1).max(2048)
const tag = { tags: ['mcp'] }
/** Spread into `api`. */
export const projectMcpApi = {
  listProjectMcp: oc.route({ method: 'GET', path: '/project-mcp', summary: 'MCP servers of projects', ...tag }).output(z.array(ProjectMcp)),
  /** `project`: as for its secrets. Workspaces that run get it with their next start; one of their own of that name wins. */
  setProjectMcp: oc.route({ method: 'PUT', path: '/project-mcp', summary: 'Keep an MCP server of a project', ...tag }).input(z.object({ project: Project, server: McpServer })).output(ProjectMcp),
  removeProjectMcp: oc.route({ method: 'POST', path: '/project-mcp/remove', summary: 'Forget an MCP server of a project', ...tag }).input(z.object({ project: Project, name: McpName })).output(z.object({ removed: z.boolean() })),
}
