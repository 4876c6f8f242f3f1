/** What the engine holds of an installation, and the removal of what is proven to be ours. */
import type { Inventory, Leftover, Machine, Observed, Owner } from '@berth/core'
import { ProviderFault } from '@berth/core'
import type { Engine } from './engine.ts'
import { companionIn, createdAtIn, filterOf, ownerIn, sameOwner, type Labels } from './names.ts'

export interface ContainerState { readonly Status: string; readonly ExitCode?: number; readonly Error?: string; readonly OOMKilled?: boolean; readonly StartedAt?: string }

export function observedFrom(state: ContainerState): Observed {
  switch (state.Status) {
    case 'running': case 'paused': case 'restarting':
      return { state: 'running', startedAt: Date.parse(state.StartedAt ?? '') || null }
    case 'created': return { state: 'stopped', exitCode: null, detail: state.Error || 'it was created and never started' }
    case 'exited': return { state: 'stopped', exitCode: state.ExitCode ?? null, detail: state.OOMKilled === true ? 'it ran out of memory' : state.Error || null }
    case 'removing': return { state: 'deleting' }
    case 'dead': return { state: 'failed', detail: state.Error || 'the engine could not remove it' }
    default: return { state: 'unknown', raw: state.Status }
  }
}

/** It is stored with the machine and shown in one line. */
const RECOVERY_LIMIT = 400

export function machineFrom({ id, owner, observed, createdAt, made }: { id: string; owner: Machine['owner']; observed: Observed; createdAt: number; made?: Machine['made'] }): Machine {
  return { ref: { containerId: id, ...(made?.recovery ? { recovery: made.recovery.slice(0, RECOVERY_LIMIT) } : {}) }, owner, observed, createdAt, isolation: 'container', made: made ?? null }
}

interface Listed { readonly Id: string; readonly Names: readonly string[]; readonly State: string; readonly Labels: Labels }

const listContainers = (engine: Engine, installation: string, signal: AbortSignal): Promise<Listed[] | null> =>
  unlessAway(() => engine.json<Listed[]>('/containers/json', { query: { all: '1', filters: filterOf(installation) }, what: 'listing containers' }, signal))

export async function inventory(engine: Engine, installation: string, signal: AbortSignal): Promise<Inventory<Machine>> {
  const all = await listContainers(engine, installation, signal)
  if (all === null) return { items: [], complete: false, missing: [engine.address] }
  const found = all.filter(({ Labels }) => companionIn(Labels) === null)
  // The list is short of facts (exit code, start); `observe` has them.
  const items = found.map((one) => machineFrom({ id: one.Id, owner: ownerIn(one.Labels), observed: observedFrom({ Status: one.State }), createdAt: createdAtIn(one.Labels) }))
  return { items, complete: true, missing: [] }
}

/** Companions, volumes and networks of the installation whose machine is not there: in the order in which they can be removed. */
export async function leftoversOf(engine: Engine, installation: string, signal: AbortSignal): Promise<Inventory<Leftover>> {
  const filters = filterOf(installation)
  const found = await unlessAway(async () => {
    // The containers last: one that appears meanwhile then counts as there.
    const volumes = await engine.json<{ Volumes: { Name: string; Labels: Labels }[] | null }>('/volumes', { query: { filters }, what: 'listing volumes' }, signal)
    const networks = await engine.json<{ Name: string; Labels: Labels }[]>('/networks', { query: { filters }, what: 'listing networks' }, signal)
    const containers = await listContainers(engine, installation, signal)
    return { volumes: volumes.Volumes ?? [], networks, companions: (containers ?? []).filter(({ Labels }) => companionIn(Labels) !== null), machines: await inventory(engine, installation, signal) }
  })
  if (found === null || !found.machines.complete) return { items: [], complete: false, missing: [engine.address] }
  const alive = found.machines.items.map(({ owner }) => owner)
  const orphaned = (labels: Labels): boolean => {
    const owner = ownerIn(labels)
    return typeof owner !== 'object' || !alive.some((other) => sameOwner(other, owner))
  }
  const leftover = (kind: string) => ({ Name, Labels }: { Name: string; Labels: Labels }): Leftover => ({ kind, name: Name, owner: ownerIn(Labels), createdAt: createdAtIn(Labels) })
  const companions = found.companions.filter((one) => orphaned(one.Labels)).map(({ Names, Labels }) => leftover('container')({ Name: (Names[0] ?? '').replace(/^\//, ''), Labels }))
  const items = [...companions, ...found.volumes.filter((one) => orphaned(one.Labels)).map(leftover('volume')), ...found.networks.filter((one) => orphaned(one.Labels)).map(leftover('network'))]
  return { items, complete: true, missing: [] }
}

async function unlessAway<T>(look: () => Promise<T>): Promise<T | null> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof ProviderFault && error.category === 'transient') return null
    throw error
  }
}

/** Looks at the labels right before it removes. What is gone is done; what is another's is left alone. */
export async function removeIfOwned(engine: Engine, { kind, name, owner }: { kind: 'container' | 'volume' | 'network'; name: string; owner: Owner }, signal: AbortSignal): Promise<void> {
  const path = `/${kind}s/${encodeURIComponent(name)}`
  const answer = await engine.call(kind === 'container' ? `${path}/json` : path, { what: `looking at the ${kind} ${name}`, accept: [404] }, signal)
  if (answer.status === 404) return void answer.body?.cancel()
  const seen = (await answer.json()) as { Labels?: Labels; Config?: { Labels: Labels } }
  const Labels = seen.Config?.Labels ?? seen.Labels
  if (!sameOwner(ownerIn(Labels), owner)) throw new ProviderFault('conflict', `the ${kind} ${name} belongs to somebody else`, { hint: 'remove it by hand if nobody needs it' })
  const removed = await engine.call(path, { method: 'DELETE', ...(kind === 'container' ? { query: { force: '1', v: '1' } } : {}), what: `removing the ${kind} ${name}`, accept: kind === 'container' ? [404, 409] : [404] }, signal)
  await removed.body?.cancel()
}
