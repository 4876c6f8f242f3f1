/** The part of the contract about MCP servers of projects. */
import { projectKey } from '@berth/core'
import { projectMcpApi } from '@berth/wire/project-mcp'
import { implement } from '@orpc/server'
import { setProjectMcp } from '../services/project-mcp.ts'
import type { ProjectMcpDeps } from '../services/project-mcp.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function projectMcpRouter(deps: ProjectMcpDeps) {
  const os = implement(projectMcpApi).$context<ApiContext>().use(signedIn)
  return {
    listProjectMcp: os.listProjectMcp.handler(({ context }) => deps.store.projectMcp.list(context.caller.orgId)),
    setProjectMcp: os.setProjectMcp.handler(({ input, context }) => setProjectMcp(deps, context.caller, input)),
    removeProjectMcp: os.removeProjectMcp.handler(async ({ input, context }) => ({ removed: await deps.store.projectMcp.remove(context.caller.orgId, projectKey(input.project), input.name) })),
  }
}
