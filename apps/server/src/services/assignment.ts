/** What a workspace's daemon is to bring about, as of now. Holds secrets. */
import type { Clock, Store } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { AGENT_KINDS } from '@berth/wire/agents'
import type { Assignment } from '@berth/wire/daemon'

interface AssignmentDeps {
  readonly store: Store
  readonly clock: Clock
  /** The program that a person chose for claude workspaces; null: the toolbox's. */
  readonly claudeExecutable: string | null
}

export async function assignmentFor(deps: AssignmentDeps, id: WorkspaceId): Promise<Assignment> {
  const { store } = deps
  const [record, secrets, prompts, undelivered] = await Promise.all([store.getWorkspace(id), store.secrets(id), store.prompts.pending(id), store.approvals.undelivered(id)])
  if (!record) throw new BerthError('not_found', `there is no workspace ${id}`)
  const { workspace } = record
  const now = deps.clock.now()
  return {
    workspaceId: id,
    name: workspace.name,
    source: workspace.source,
    sourceReady: workspace.sourceReady,
    agent: { kind: workspace.agent, sessionId: workspace.sessionId, command: workspace.command, approvalMode: workspace.approvalMode, executable: AGENT_KINDS[workspace.agent].program === 'claude' ? deps.claudeExecutable : null, version: null },
    services: [...workspace.services],
    env: secrets.env,
    homeFiles: [...secrets.homeFiles],
    gitHosts: (await store.gitHosts.list(workspace.orgId)).map(({ origin }) => origin),
    prompts,
    decisions: undelivered.flatMap(({ approvalId, contentHash, decision, decidedBy, orphaned }) =>
      decision === null || decidedBy === null ? [] : [{ approvalId, contentHash, decision, via: decidedBy.via, orphaned, ageMs: Math.max(0, now - decidedBy.at) }]),
  }
}
