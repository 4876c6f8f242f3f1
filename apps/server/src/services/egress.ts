/** Where a workspace may go: said by its people, kept, and brought about at once where its machine runs. */
import { EGRESS_DEFAULT, type EgressPolicy, type egressApi, type Injection } from '@berth/wire/egress'
import { ProviderFault, type Identity, type Store, type WorkspaceRecord } from '@berth/core'
import { BerthError, type WorkspaceId } from '@berth/wire'
import type { z } from 'zod'
import type { Permissions } from '../egress/permission.ts'
import type { ServiceDeps } from './deps.ts'
import { requireRecord } from './view.ts'

export interface EgressServiceDeps extends Pick<ServiceDeps, 'clock' | 'providers' | 'daemons' | 'log'> {
  readonly store: Store
  readonly permissions: Pick<Permissions, 'changed'>
}
type InputOf<K extends keyof typeof egressApi> = z.infer<NonNullable<(typeof egressApi)[K]['~orpc']['inputSchema']>>
type Kept = Pick<EgressPolicy, 'mode' | 'allow' | 'deny'>

const OPEN: Kept = { mode: 'open', allow: [], deny: [] }
const RULES_LIMIT = 1000
const WALLS_WITHIN_MS = 30_000

export async function getEgress(deps: EgressServiceDeps, id: WorkspaceId) {
  const record = await requireRecord(deps, id)
  const [policy, refusals] = await Promise.all([deps.store.egress.policy(id), deps.store.egress.refusals(id)])
  return { policy: { ...policy ?? OPEN, enforced: record.machine?.isolation !== 'none' }, refusals }
}

export async function setEgress(deps: EgressServiceDeps, by: Identity, input: InputOf<'setEgress'>): Promise<EgressPolicy> {
  const record = await requireRecord(deps, input.id)
  const isBare = record.machine?.isolation === 'none'
  const before = (await deps.store.egress.policy(input.id)) ?? OPEN
  const next = (kept: Kept | null): Kept => changed(kept ?? OPEN, input)
  const wanted = next(before)
  if (wanted.mode !== 'open' && isBare) throw new BerthError('unsupported', 'nothing stands between this machine and the network', { hint: 'use a sandboxed local machine, or --provider docker' })
  if (wanted.allow.length + wanted.deny.length > RULES_LIMIT) throw new BerthError('bad_request', 'these are too many rules for one workspace', { hint: 'use patterns such as *.example.com' })
  const policy = await deps.store.egress.change(input.id, next, deps.clock.now())
  deps.permissions.changed()
  if ((before.mode === 'open') !== (policy.mode === 'open')) {
    await moveWalls(deps, record, policy.mode === 'open' ? 'open' : 'closed').catch(async (cause: unknown) => {
      // What was refused is not told as what holds.
      await deps.store.egress.change(input.id, (kept) => ({ ...kept ?? OPEN, mode: before.mode }), deps.clock.now())
      deps.permissions.changed()
      if (!(cause instanceof ProviderFault)) throw cause
      throw new BerthError(cause.category === 'unsupported' ? 'unsupported' : 'provider_unavailable', cause.message, { hint: cause.hint, cause })
    })
  }
  await deps.store.audit.write(by.orgId, { action: 'egress.change', workspaceId: input.id, actor: by.userName, subject: policy.mode, reason: told(input), allowed: true, refs: [], tokenExpiresAt: null }, deps.clock.now())
  return { ...policy, enforced: !isBare }
}

/** Of a machine that runs: at once. Others get theirs when they start. */
async function moveWalls(deps: EgressServiceDeps, { workspace, machine }: WorkspaceRecord, to: 'open' | 'closed'): Promise<void> {
  if (workspace.generation === 0 || machine?.observed.state !== 'running') return
  const provider = deps.providers.get(workspace.provider)
  if (provider.setEgress === undefined && to === 'closed') throw new BerthError('unsupported', `${provider.name} has no walls that could be closed while it runs`, { hint: 'stop and start the workspace' })
  const installation = (await deps.store.installation.installation()).id
  await provider.setEgress?.({ installation, workspaceId: workspace.id, generation: workspace.generation }, to, { signal: AbortSignal.timeout(WALLS_WITHIN_MS) })
  await deps.daemons.reassign(workspace.id)
}

function changed(kept: Kept, { mode, allow, deny, forget }: Pick<InputOf<'setEgress'>, 'mode' | 'allow' | 'deny' | 'forget'>): Kept {
  const wanted = mode ?? kept.mode
  // A list begins with where packages come from.
  const before = wanted === 'allowlist' && kept.mode !== 'allowlist' && kept.allow.length === 0 ? EGRESS_DEFAULT : kept.allow
  const without = (rules: readonly string[], gone: readonly string[]): string[] => [...new Set(rules)].filter((rule) => !gone.includes(rule))
  return { mode: wanted, allow: without([...before, ...allow], [...forget, ...deny]), deny: without([...kept.deny, ...deny], [...forget, ...allow]) }
}
const told = ({ mode, allow, deny, forget }: Pick<InputOf<'setEgress'>, 'mode' | 'allow' | 'deny' | 'forget'>): string =>
  [...mode === undefined ? [] : [`mode ${mode}`], ...allow.map((rule) => `allow ${rule}`), ...deny.map((rule) => `deny ${rule}`), ...forget.map((rule) => `forget ${rule}`)].join(', ').slice(0, 1000)

export async function putInjection(deps: EgressServiceDeps, by: Identity, { name, host, how, secret }: InputOf<'putInjection'>): Promise<Injection> {
  const kept = await deps.store.egress.putInjection({ orgId: by.orgId, name, host, how, secret }, deps.clock.now())
  await tell(deps)
  return kept
}
export async function removeInjection(deps: EgressServiceDeps, by: Identity, name: string): Promise<{ removed: boolean }> {
  const removed = await deps.store.egress.removeInjection(by.orgId, name)
  if (removed) await tell(deps)
  return { removed }
}
async function tell({ store, daemons, log }: EgressServiceDeps): Promise<void> {
  for (const { workspace: { id } } of await store.listWorkspaces({ deleted: false })) {
    await daemons.reassign(id).catch((error: unknown) => log(`${id}: not told of what is put into requests: ${String(error)}`))
  }
}
