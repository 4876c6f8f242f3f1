/** MCP servers of projects. */
import type { OrgId } from '@berth/wire'
import type { McpServer } from '@berth/wire/mcp'
import type { ProjectMcp } from '@berth/wire/project-mcp'

export interface ProjectMcpStore {
  list(orgId: OrgId): Promise<ProjectMcp[]>
  /** One for each name: what is there is replaced. */
  put(of: { orgId: OrgId; project: string; server: McpServer }, now: number): Promise<ProjectMcp>
  remove(orgId: OrgId, project: string, name: string): Promise<boolean>
}
