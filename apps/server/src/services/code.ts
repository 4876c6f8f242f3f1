/** Getting the work out: the difference, a fetchable copy, logs. From the machine while it runs, else from the last save. */
import { phaseOf } from '@berth/core'
import type { WorkspaceRecord } from '@berth/core'
import { BerthError, HOSTED_REFS, workspaceCan } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import type { DaemonResult } from '@berth/wire/daemon'
import type { ServiceDeps } from './deps.ts'
import { requireRecord } from './view.ts'
import { requireCan } from './workspaces.ts'

const CALL_WITHIN_MS = 15_000
/** A checkpoint of a large tree and its push. */
const PUBLISH_WITHIN_MS = 120_000
const DIFF_LIMIT_BYTES = 4 * 1024 * 1024
const LOG_TAIL_BYTES = 256 * 1024
/** What a machine answers is one message of the link, as JSON, in which a byte may take six: less is asked for until it fits. */
const PATCH_BYTES = [512 * 1024, 64 * 1024, 0] as const
const TAIL_BYTES = [LOG_TAIL_BYTES, 128 * 1024, 16 * 1024] as const

export interface Published { readonly ref: string; readonly commit: string; readonly branch: string; readonly from: 'machine' | 'save' }

export async function publish(deps: ServiceDeps, id: WorkspaceId): Promise<Published> {
  const record = await requireRecord(deps, id)
  requireCan(deps, record, 'pull')
  const branch = `berth/${record.workspace.name}`
  if (await reachable(deps, record)) {
    const { commit, ref } = await deps.daemons.call(id, 'git.checkpoint', { reason: 'publish', publish: true }, { withinMs: PUBLISH_WITHIN_MS })
    if (commit === null) throw new BerthError('unsupported', `${record.workspace.name} has no git tree to publish`, { hint: 'make one in the workspace with `git init`' })
    return { ref: ref ?? HOSTED_REFS.save, commit, branch, from: 'machine' }
  }
  const commit = await deps.repositories.resolve(id, HOSTED_REFS.save)
  if (commit === null) throw nothingSaved(record)
  return { ref: HOSTED_REFS.save, commit, branch, from: 'save' }
}

export async function diff(deps: ServiceDeps, id: WorkspaceId): Promise<DaemonResult<'git.diff'>> {
  const record = await requireRecord(deps, id)
  if (await reachable(deps, record)) return inOneMessage(PATCH_BYTES, (limitBytes) => deps.daemons.call(id, 'git.diff', { against: 'source', limitBytes }, { withinMs: CALL_WITHIN_MS }))
  const [from, to] = await Promise.all([deps.repositories.resolve(id, HOSTED_REFS.head), deps.repositories.resolve(id, HOSTED_REFS.save)])
  if (to === null) throw nothingSaved(record)
  if (from === null) throw beginningUnknown(record)
  return deps.repositories.diff(id, { from, to }, DIFF_LIMIT_BYTES)
}

function nothingSaved({ workspace }: WorkspaceRecord): BerthError {
  return new BerthError('workspace_not_running', `the machine of ${workspace.name} does not answer, and nothing of it was saved`, { hint: `start it with \`berth start ${workspace.name}\`` })
}

async function inOneMessage<T>([first, ...less]: readonly number[], ask: (limitBytes: number) => Promise<T>): Promise<T> {
  try {
    return await ask(first ?? 0)
  } catch (error) {
    if (less.length === 0 || !(error instanceof BerthError) || error.code !== 'too_large') throw error
    return inOneMessage(less, ask)
  }
}

/** Code that the machine itself cloned: only it knows which commit it began with. */
function beginningUnknown({ workspace }: WorkspaceRecord): BerthError {
  return new BerthError('workspace_not_running', `${workspace.name} does not run, and only its machine knows what its code began with`, { hint: `\`berth pull ${workspace.name}\` brings the saved work; or start it with \`berth start ${workspace.name}\`` })
}

/** `boot` is what the server knows of how the machine came up, `machine` is what the provider kept of the first process; all else is the daemon's to read. */
export async function logs(deps: ServiceDeps, id: WorkspaceId, source: string): Promise<{ text: string }> {
  const record = await requireRecord(deps, id)
  if (source !== 'machine' && source !== 'boot' && (await reachable(deps, record))) return inOneMessage(TAIL_BYTES, (tailBytes) => deps.daemons.call(id, 'logs.read', { source, tailBytes }, { withinMs: CALL_WITHIN_MS }))
  const { generation, provider } = record.workspace
  if (generation === 0) return { text: '' }
  if (source === 'boot') return { text: (await deps.bootLogs?.read({ id, generation })) ?? '' }
  const { id: installation } = await deps.store.installation.installation()
  const text = await deps.providers.get(record.machine?.provider ?? provider).logs({ installation, workspaceId: id, generation }, LOG_TAIL_BYTES, AbortSignal.timeout(CALL_WITHIN_MS))
  return { text }
}

export async function listTerminals(deps: ServiceDeps, id: WorkspaceId): Promise<DaemonResult<'terminal.list'>> {
  const record = await requireRecord(deps, id)
  requireCan(deps, record, 'attach')
  await reachable(deps, record)
  return deps.daemons.call(id, 'terminal.list', {}, { withinMs: CALL_WITHIN_MS })
}

/** Daemons of a server that was just replaced dial again within their longest backoff; their machines run all the while. */
const LINK_WITHIN_MS = 20_000
const LINK_LOOK_MS = 100

export async function reachable(deps: ServiceDeps, record: WorkspaceRecord): Promise<boolean> {
  const { id } = record.workspace
  const end = performance.now() + LINK_WITHIN_MS
  for (let now = record; workspaceCan('attach', phaseOf(now, deps.clock.now()).phase); now = await requireRecord(deps, id)) {
    if (deps.daemons.connected(id)) return true
    if (performance.now() > end) return false
    await Bun.sleep(LINK_LOOK_MS)
  }
  return false
}
