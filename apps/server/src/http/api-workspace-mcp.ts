/** The part of the contract about MCP servers of a workspace. */
import { workspaceMcpApi } from '@berth/wire/workspace-mcp'
import { implement } from '@orpc/server'
import type { ServiceDeps } from '../services/deps.ts'
import { listWorkspaceMcp, removeWorkspaceMcp, setWorkspaceMcp } from '../services/workspace-mcp.ts'
import type { ApiContext } from './api.ts'
import { signedIn } from './signed-in.ts'

export function workspaceMcpRouter(deps: ServiceDeps) {
  const os = implement(workspaceMcpApi).$context<ApiContext>().use(signedIn)
  return {
    listWorkspaceMcp: os.listWorkspaceMcp.handler(({ input }) => listWorkspaceMcp(deps, input.id)),
    setWorkspaceMcp: os.setWorkspaceMcp.handler(({ input }) => setWorkspaceMcp(deps, input)),
    removeWorkspaceMcp: os.removeWorkspaceMcp.handler(({ input }) => removeWorkspaceMcp(deps, input)),
  }
}
