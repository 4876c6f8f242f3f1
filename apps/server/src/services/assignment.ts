/** What a workspace's daemon is to bring about, as of now. Holds secrets. */
import { isInPool, modelsFor, modeOf, repositoryAddress } from '@berth/core'
import type { Clock, SessionRow, Store, WorkspaceRow } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { AgentKind, SessionId, WorkspaceId } from '@berth/wire'
import { AGENT_KINDS, type AgentProgramName } from '@berth/wire/agents'
import type { AssignedAgent, Assignment } from '@berth/wire/daemon'
import { commitsOf } from './commits.ts'
import type { Restore } from '@berth/wire/saved-methods'
import { mcpOf } from './project-mcp.ts'
import { secretsOfProject } from './project-secrets.ts'
import type { HostedReach } from '../git-hosting/hosted.ts'
import type { PreviewHosts } from '../previews/hosts.ts'
import { labelOf } from '../previews/label.ts'

interface AssignmentDeps {
  readonly store: Store
  readonly clock: Clock
  /** The program that a person chose for claude workspaces; null: the toolbox's. */
  readonly claudeExecutable: string | null
  /** Which version of an agent's program was chosen; null: the pinned one. */
  readonly versionOf: (program: AgentProgramName) => string | null
  /** Secrets of a project go into this machine, by these names. Absent: nobody writes it down. */
  readonly given?: (workspace: WorkspaceRow, names: readonly string[]) => void
  /** Repositories of this server. Absent: it keeps none for tasks. */
  readonly hosted?: HostedReach
  /** Where a port is opened. Absent: there are no previews. */
  readonly previewHosts?: Pick<PreviewHosts, 'origin'>
}

export async function assignmentFor(deps: AssignmentDeps, id: WorkspaceId): Promise<Assignment> {
  const { store } = deps
  const [record, sessions, secrets, prompts, undelivered] = await Promise.all([store.getWorkspace(id), store.sessions.list([id]), store.secrets(id), store.prompts.pending(id), store.approvals.undelivered(id)])
  if (!record) throw new BerthError('not_found', `there is no workspace ${id}`)
  const { workspace } = record
  const ofProject = await secretsOfProject(deps, workspace)
  const given = [...Object.keys(ofProject.env), ...ofProject.homeFiles.map(({ path }) => path)]
  if (given.length > 0) deps.given?.(workspace, given)
  const mcp = await mcpOf(deps, workspace, secrets.mcp)
  const commits = await commitsOf(deps, workspace)
  const origins = await gitHostsOf(deps, workspace)
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
    ...(deps.previewHosts === undefined ? {} : { previewUrl: deps.previewHosts.origin({ port: 1, label: await labelOf(store.previews, workspace) }).replace('//1--', '//{port}--') }),
    models: modelsFor(await store.modelKeys.list(workspace.orgId), secrets),
    egress: ((await store.egress.policy(id))?.mode ?? 'open') === 'open' ? 'direct' : 'proxy',
    injections: (await store.egress.injections(workspace.orgId)).map(({ name }) => name),
    gitHosts: origins,
    ...(commits === null ? {} : { commits }),
    gitForms: gitFormsOf(workspace, origins),
    ...(await githubRepositoryOf(store, workspace)),
    ...(await onItsWay(store, workspace)),
    prompts: waitingFor(undefined),
    decisions: undelivered.flatMap(({ approvalId, contentHash, decision, decidedBy, orphaned }) =>
      decision === null || decidedBy === null ? [] : [{ approvalId, contentHash, decision, via: decidedBy.via, orphaned, ageMs: Math.max(0, now - decidedBy.at) }]),
  }
}

/** This server is one, where the workspace has to do with what it keeps. */
async function gitHostsOf({ store, hosted }: Pick<AssignmentDeps, 'store' | 'hosted'>, { id, orgId, source }: WorkspaceRow): Promise<string[]> {
  const addresses = await hosted?.addresses
  const named = [...(source.kind === 'git' ? [source.url] : []), ...(await store.gitPolicies.get(id)).repositories.map(({ url }) => url)]
  const own = addresses !== undefined && named.some((url) => { const address = repositoryAddress(url); return address !== null && addresses.idAt(address) !== null }) ? [addresses.origin] : []
  return [...new Set([...own, ...[...await store.gitHosts.list(orgId), ...await store.github.list(orgId), ...await store.deployKeys.list(orgId)].map(({ origin }) => origin)])]
}

/** An ssh address with a port of its own is another form of that host's. */
export function gitFormsOf({ source }: Pick<WorkspaceRow, 'source'>, origins: readonly string[]): Record<string, string> {
  const [, prefix] = source.kind === 'git' ? (/^(ssh:\/\/[^/]+:\d{1,5}\/)/.exec(source.url) ?? []) : []
  const address = source.kind === 'git' ? repositoryAddress(source.url) : null
  return prefix === undefined || address === null || !origins.includes(address.origin) ? {} : { [prefix]: `${address.origin}/` }
}

async function githubRepositoryOf(store: Pick<Store, 'github'>, { orgId, source }: WorkspaceRow): Promise<Pick<Assignment, 'githubRepository'>> {
  const address = source.kind === 'git' ? repositoryAddress(source.url) : null
  const known = address !== null && (await store.github.list(orgId)).some(({ origin }) => origin === address.origin)
  return known ? { githubRepository: `${new URL(address.origin).hostname}/${address.path}` } : {}
}

/** Of a workspace that is moved away, or begins here as it was elsewhere. */
async function onItsWay(store: Pick<Store, 'saved'>, workspace: WorkspaceRow): Promise<Pick<Assignment, 'restore' | 'hold' | 'prepared'>> {
  const restore = await restoreOf(store, workspace)
  const isHeld = workspace.move?.step === 'saving' || workspace.move?.step === 'stopping' || isInPool(workspace)
  return { ...(workspace.pool === undefined || workspace.pool === null ? {} : { prepared: true }), ...(restore === null ? {} : { restore }), ...(isHeld ? { hold: true } : {}) }
}

/** Null: this machine begins with the source, or began long ago with what is no longer kept. */
async function restoreOf(store: Pick<Store, 'saved'>, { restore, generation }: WorkspaceRow): Promise<Restore | null> {
  if (restore === null || restore === undefined || restore.generation !== generation) return null
  const row = await store.saved.get(restore.savedId)
  if (row?.sha256 === null || row?.sha256 === undefined) return null
  return { savedId: row.id, sha256: row.sha256, sizeBytes: row.sizeBytes, sessions: [...restore.sessions], branch: restore.branch }
}

function programOf({ claudeExecutable, versionOf }: AssignmentDeps, agent: AgentKind): Pick<AssignedAgent, 'executable' | 'version'> {
  const { program } = AGENT_KINDS[agent]
  return { executable: program === 'claude' ? claudeExecutable : null, version: program === null ? null : versionOf(program) }
}
