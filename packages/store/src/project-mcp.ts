/** MCP servers of projects: beside their secrets, in the same sealed form, under names that no secret can have. */
import type { ProjectMcpStore } from '@berth/core'
import { McpServer } from '@berth/wire/mcp'
import type { StoreContext } from './context.ts'
import { openProjectValues } from './project-values.ts'

const KIND = 'mcp'
const nameOf = (server: string): string => `mcp:${server.toLowerCase()}`

export function createProjectMcp(context: StoreContext): ProjectMcpStore {
  const values = openProjectValues(context)
  return {
    list: async (orgId) => (await values.read(orgId, { kinds: [KIND] })).map(({ project, value, updatedAt }) => ({ project, server: McpServer.parse(JSON.parse(value)), updatedAt })),
    async put({ orgId, project, server }, now) {
      await values.put({ orgId, project, name: nameOf(server.name), kind: KIND, value: JSON.stringify(server) }, now)
      return { project, server, updatedAt: now }
    },
    remove: (orgId, project, name) => values.remove(orgId, project, nameOf(name)),
  }
}
