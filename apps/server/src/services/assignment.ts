/** What a workspace's daemon is to bring about, as of now. Holds secrets. */
import { modelsFor, modeOf, repositoryAddress } from '@berth/core'
import type { Clock, SessionRow, Store, WorkspaceRow } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { AgentKind, SessionId, WorkspaceId } from '@berth/wire'
import { AGENT_KINDS, type AgentProgramName } from '@berth/wire/agents'
import type { AssignedAgent, Assignment } from '@berth/wire/daemon'
import { mcpOf } from './project-mcp.ts'
import { secretsOfProject } from './project-secrets.ts'
import type { PreviewHosts } from '../previews/hosts.ts'

interface AssignmentDeps {
  readonly store: Store
  readonly clock: Clock
  /** The program that a person chose for claude workspaces; null: the toolbox's. */
  readonly claudeExecutable: string | null
  /** Which version of an agent's program was chosen; null: the pinned one. */
  readonly versionOf: (program: AgentProgramName) => string | null
  /** Where a port is opened. Absent: there are no previews. */
  readonly previewHosts?: Promise<Pick<PreviewHosts, 'origin'>>
}

export async function assignmentFor(deps: AssignmentDeps, id: WorkspaceId): Promise<Assignment> {
  const { store } = deps
  const [record, sessions, secrets, prompts, undelivered] = await Promise.all([store.getWorkspace(id), store.sessions.list([id]), store.secrets(id), store.prompts.pending(id), store.approvals.undelivered(id)])
  if (!record) throw new BerthError('not_found', `there is no workspace ${id}`)
  const { workspace } = record
  const hosts = await deps.previewHosts
  const ofProject = await secretsOfProject(deps, workspace)
  const mcp = await mcpOf(deps, workspace, secrets.mcp)
  const now = deps.clock.now()
  const rows = sessions.get(id) ?? []
  const agentOf = ({ id: sessionId, agent, command, approvalMode, mode }: Pick<SessionRow, 'id' | 'agent' | 'command' | 'approvalMode' | 'mode'>): AssignedAgent =>
    ({ kind: agent, sessionId, command, approvalMode, mode, ...programOf(deps, agent) })
  const waitingFor = (sessionId: SessionId | undefined) => prompts.filter((prompt) => prompt.sessionId === sessionId).map(({ promptId, text }) => ({ promptId, text }))
  return {
    workspaceId: id,
    name: workspace.name,
    source: workspace.source,
    sourceReady: workspace.sourceReady,
    agent: agentOf({ id: workspace.sessionId, agent: workspace.agent, command: workspace.command, approvalMode: workspace.approvalMode, mode: rows.find(({ main }) => main)?.mode ?? modeOf(workspace.agent) }),
    sessions: rows.filter(({ main }) => !main).map((row) => ({ ...agentOf(row), title: row.title ?? '', forkedFrom: row.forkedFrom, prompts: waitingFor(row.id) })),
    services: [...workspace.services],
    env: { ...ofProject.env, ...secrets.env },
    ...(secrets.secretEnv === undefined ? {} : { secretEnv: [...Object.keys(ofProject.env), ...secrets.secretEnv] }),
    homeFiles: [...ofProject.homeFiles, ...secrets.homeFiles],
    ...(mcp === undefined ? {} : { mcp }),
    ...(hosts === undefined ? {} : { previewUrl: hosts.origin({ port: 1, label: workspace.name }).replace('//1--', '//{port}--') }),
    models: modelsFor(await store.modelKeys.list(workspace.orgId), secrets),
    egress: ((await store.egress.policy(id))?.mode ?? 'open') === 'open' ? 'direct' : 'proxy',
    injections: (await store.egress.injections(workspace.orgId)).map(({ name }) => name),
    gitHosts: [...new Set([...await store.gitHosts.list(workspace.orgId), ...await store.github.list(workspace.orgId)].map(({ origin }) => origin))],
    ...(await githubRepositoryOf(store, workspace)),
    prompts: waitingFor(undefined),
    decisions: undelivered.flatMap(({ approvalId, contentHash, decision, decidedBy, orphaned }) =>
      decision === null || decidedBy === null ? [] : [{ approvalId, contentHash, decision, via: decidedBy.via, orphaned, ageMs: Math.max(0, now - decidedBy.at) }]),
  }
}

async function githubRepositoryOf(store: Pick<Store, 'github'>, { orgId, source }: WorkspaceRow): Promise<Pick<Assignment, 'githubRepository'>> {
  const address = source.kind === 'git' ? repositoryAddress(source.url) : null
  const known = address !== null && (await store.github.list(orgId)).some(({ origin }) => origin === address.origin)
  return known ? { githubRepository: `${new URL(address.origin).hostname}/${address.path}` } : {}
}

function programOf({ claudeExecutable, versionOf }: AssignmentDeps, agent: AgentKind): Pick<AssignedAgent, 'executable' | 'version'> {
  const { program } = AGENT_KINDS[agent]
  return { executable: program === 'claude' ? claudeExecutable : null, version: program === null ? null : versionOf(program) }
}
