/** MCP servers of a workspace that is there already: the next agent that begins in it has them. */
import type { WorkspaceRow } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { DEFAULT_MCP, MCP_SERVERS_LIMIT, referencesOf, type McpServer, type McpSetup } from '@berth/wire/mcp'
import type { WorkspaceMcp } from '@berth/wire/workspace-mcp'
import type { ServiceDeps } from './deps.ts'
import { isNamed, mcpOf } from './project-mcp.ts'
import { secretsOfProject } from './project-secrets.ts'
import { requireRecord } from './view.ts'

type Deps = Pick<ServiceDeps, 'store' | 'clock' | 'daemons' | 'log'>
type Variables = Parameters<typeof secretsOfProject>[0]

export async function listWorkspaceMcp(deps: Deps, id: WorkspaceId): Promise<WorkspaceMcp[]> {
  const { workspace } = await requireRecord(deps, id)
  const { mcp } = await deps.store.secrets(id)
  const all = await mcpOf(deps, workspace, mcp)
  return (all?.servers ?? []).map((server) => ({ server, from: mcp?.servers.some((one) => isNamed(one, server.name)) === true ? 'workspace' : 'project' }))
}

export async function setWorkspaceMcp(deps: Deps, { id, server }: { id: WorkspaceId; server: McpServer }): Promise<WorkspaceMcp> {
  const { workspace } = await requireRecord(deps, id)
  const { env } = await deps.store.secrets(id)
  await requireVariables(deps, { servers: [server], env, workspace, hint: (name) => `keep its value with the project: \`berth secret set ${name}\`` })
  await change(deps, id, (servers) => {
    const others = servers.filter((one) => !isNamed(one, server.name))
    if (others.length >= MCP_SERVERS_LIMIT) throw new BerthError('too_many', `a workspace has at most ${MCP_SERVERS_LIMIT} MCP servers`, { hint: `remove one: \`berth mcp-server --workspace ${workspace.name}\` lists them` })
    return [...others, server]
  })
  return { server, from: 'workspace' }
}

export async function removeWorkspaceMcp(deps: Deps, { id, name }: { id: WorkspaceId; name: string }): Promise<{ removed: boolean }> {
  await requireRecord(deps, id)
  let removed = false
  await change(deps, id, (servers) => {
    const left = servers.filter((one) => !isNamed(one, name))
    removed = left.length < servers.length
    return left
  })
  return { removed }
}

/** What a server names has to be there: an agent would start it with a hole in its place. */
export async function requireVariables(deps: Variables, { servers, env, workspace, hint }: { servers: readonly McpServer[]; env: Readonly<Record<string, string>>; workspace: Pick<WorkspaceRow, 'orgId' | 'source'>; hint: (name: string) => string }): Promise<void> {
  const named = servers.flatMap((server) => referencesOf(server).map((variable) => ({ server: server.name, variable }))).filter(({ variable }) => !Object.hasOwn(env, variable))
  if (named.length === 0) return
  const ofProject = await secretsOfProject(deps, workspace)
  const missing = named.find(({ variable }) => !Object.hasOwn(ofProject.env, variable))
  if (missing === undefined) return
  throw new BerthError('bad_request', `mcp server ${missing.server}: \${${missing.variable}} is no variable of this workspace`, { hint: hint(missing.variable) })
}

async function change(deps: Deps, id: WorkspaceId, servers: (before: McpSetup['servers']) => McpSetup['servers']): Promise<void> {
  await deps.store.changeMcp(id, (mcp) => ({ ...mcp ?? DEFAULT_MCP, servers: servers((mcp ?? DEFAULT_MCP).servers) }), deps.clock.now())
  // What a daemon misses now comes with its next welcome.
  await deps.daemons.reassign(id).catch((error: unknown) => deps.log(`${id}: not told of its MCP servers: ${String(error)}`))
}
