/**
 * Containers beside a machine: the Docker engine it asked for, the services of its compose file. They carry the
 * machine's labels and one more, so that they stop, go and are reaped with it, and are never taken for a machine.
 */
import { ProviderFault, type Owner } from '@berth/core'
import type { Engine } from './engine.ts'
import { companionIn, companionLabels, companionName, filterOf, ownerIn, sameOwner, type Labels } from './names.ts'

export interface CompanionState {
  readonly Id: string
  readonly Created?: string
  readonly Config: { readonly Labels: Labels }
  readonly HostConfig: { readonly NetworkMode?: string }
  readonly State: { readonly Status: string; readonly ExitCode?: number; readonly Error?: string; readonly StartedAt?: string; readonly Health?: { readonly Status?: string } }
}
interface Listed { readonly Id: string; readonly State: string; readonly Labels: Labels }

/** Null: it is not there. One of somebody else under its name is refused. */
export async function inspectCompanion(engine: Engine, { owner, name }: { owner: Owner; name: string }, signal: AbortSignal): Promise<CompanionState | null> {
  const called = companionName(owner, name)
  const answer = await engine.call(`/containers/${called}/json`, { what: `looking at ${name} beside the machine`, accept: [404] }, signal)
  if (answer.status === 404) {
    await answer.body?.cancel()
    return null
  }
  const found = (await answer.json()) as CompanionState
  if (!sameOwner(ownerIn(found.Config.Labels), owner)) throw new ProviderFault('conflict', `a container named ${called} belongs to somebody else`, { hint: 'rename or remove that container by hand' })
  return found
}

export async function createCompanion(engine: Engine, { owner, name, body }: { owner: Owner; name: string; body: Record<string, unknown> }, signal: AbortSignal): Promise<void> {
  const answer = await engine.call('/containers/create', { method: 'POST', query: { name: companionName(owner, name) }, json: { ...body, Labels: companionLabels(owner, name, Date.now()) }, what: `creating ${name} beside the machine`, accept: [409] }, signal)
  await answer.body?.cancel()
  // Whoever was faster: whether it was us, only its labels say.
  if (answer.status === 409) await inspectCompanion(engine, { owner, name }, signal)
}

export async function startCompanion(engine: Engine, { owner, name }: { owner: Owner; name: string }, signal: AbortSignal): Promise<void> {
  const answer = await engine.call(`/containers/${companionName(owner, name)}/start`, { method: 'POST', what: `starting ${name} beside the machine`, accept: [304] }, signal)
  await answer.body?.cancel()
}

/** Waits for one that was started and ends by itself. What it ended with. */
export async function endOfCompanion(engine: Engine, { owner, name }: { owner: Owner; name: string }, signal: AbortSignal): Promise<number> {
  const { StatusCode } = await engine.json<{ StatusCode: number }>(`/containers/${companionName(owner, name)}/wait`, { method: 'POST', what: `waiting for ${name} beside the machine`, timeoutMs: END_MS }, signal)
  return StatusCode
}
const END_MS = 20_000

export async function removeCompanion(engine: Engine, id: string, signal: AbortSignal): Promise<void> {
  const answer = await engine.call(`/containers/${id}`, { method: 'DELETE', query: { force: '1', v: '1' }, what: 'removing what is beside the machine', accept: [404, 409] }, signal)
  await answer.body?.cancel()
}

async function companionsOf(engine: Engine, owner: Owner, signal: AbortSignal): Promise<Listed[]> {
  const found = await engine.json<Listed[]>('/containers/json', { query: { all: '1', filters: filterOf(owner.installation) }, what: 'listing what is beside the machine' }, signal)
  return found.filter(({ Labels }) => companionIn(Labels) !== null && sameOwner(ownerIn(Labels), owner))
}

/** Before the machine, whose network some of them live in. All at once: each may take its grace. */
export async function stopCompanions(engine: Engine, owner: Owner, signal: AbortSignal): Promise<void> {
  const found = await companionsOf(engine, owner, signal)
  const answers = await Promise.allSettled(found.filter(({ State }) => State !== 'exited' && State !== 'created').map(async ({ Id }) => {
    const answer = await engine.call(`/containers/${Id}/stop`, { method: 'POST', what: 'stopping what is beside the machine', accept: [304, 404] }, signal)
    await answer.body?.cancel()
  }))
  const failed = answers.find((one) => one.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

export async function removeCompanions(engine: Engine, owner: Owner, signal: AbortSignal): Promise<void> {
  for (const { Id } of await companionsOf(engine, owner, signal)) await removeCompanion(engine, Id, signal)
}
