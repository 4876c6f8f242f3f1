/** The same workspace on a machine of another provider. What is wished here the reconciler brings about. */
import type { Identity } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { Workspace, WorkspaceId } from '@berth/wire'
import { checkProvider } from './create-workspace.ts'
import type { ServiceDeps } from './deps.ts'
import { requireRecord, viewById } from './view.ts'
import { requireCan, wish } from './workspaces.ts'

export async function moveWorkspace(deps: ServiceDeps, { id, provider, interrupt }: { id: WorkspaceId; provider: string; interrupt: boolean }, caller: Identity): Promise<Workspace> {
  const record = await requireRecord(deps, id)
  requireCan(deps, record, 'start')
  const { workspace } = record
  if (workspace.provider === provider) throw new BerthError('bad_request', `${workspace.name} is at ${provider} already`, { hint: 'name another provider; see `berth provider list`' })
  // Everything that can be refused is refused while nothing has been touched.
  const policy = await deps.store.egress.policy(id)
  await checkProvider(deps, provider, { acceptNoIsolation: workspace.acceptNoIsolation, resources: workspace.resources, egress: policy === null ? undefined : { mode: policy.mode, allow: [...policy.allow] } })
  const now = deps.clock.now()
  await deps.costLimits.admit({ orgId: workspace.orgId, userId: workspace.creatorId, id, provider, resources: workspace.resources }, () => deps.store.moves.ask(id, { from: { provider: workspace.provider, generation: workspace.generation }, to: { provider, generation: null }, interrupt, step: 'waiting', savedId: null, why: null, askedBy: caller.userId, askedAt: now, stepAt: now }, now))
  // What is to be saved is read by the machine itself.
  if (workspace.wish.target !== 'running') await wish(deps, id, 'running')
  deps.poke(id)
  return viewById(deps, id)
}

export async function cancelMove(deps: ServiceDeps, id: WorkspaceId): Promise<Workspace> {
  await requireRecord(deps, id)
  if (!(await deps.store.moves.cancel(id, deps.clock.now()))) throw new BerthError('conflict', 'it is not on its way, or too far on it', { hint: 'when it has arrived, move it back' })
  await deps.daemons.reassign(id)
  deps.poke(id)
  return viewById(deps, id)
}
