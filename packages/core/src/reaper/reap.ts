/** One run of the leak control. A provider that does not answer hides its own things, not those of the others. */
import type { Clock } from '../ports/clock.ts'
import type { Provider } from '../ports/provider.ts'
import type { InstallationStore } from '../ports/store.ts'
import { decideReap, suspectsOf, type Suspect } from './decide-reap.ts'

export interface ReapDeps {
  readonly store: Pick<InstallationStore, 'installation' | 'machines' | 'sighted' | 'forgetSightings'>
  readonly providers: readonly Provider[]
  readonly clock: Clock
  log(line: string): void
}
export interface ReapReport {
  readonly held: string | null
  /** Unclaimed and old enough, whether or not they go in this run. */
  readonly suspects: readonly string[]
  readonly removed: readonly string[]
  readonly errors: readonly { readonly key: string; readonly message: string }[]
}

export async function reap(deps: ReapDeps, signal: AbortSignal): Promise<ReapReport> {
  const { id, reaperHeld } = await deps.store.installation()
  const providers = deps.providers.filter((provider) => provider.isSetUp?.() !== false)
  const errors: { key: string; message: string }[] = []
  const suspects: { provider: Provider; suspect: Suspect }[] = []
  // A sighting is forgotten only when a complete look did not find the thing: one engine away resets nothing.
  let everyoneAnswered = true
  for (const provider of providers) {
    try {
      const look = await lookAt(deps, { provider, installation: id }, signal)
      if (!look.complete) everyoneAnswered = false
      suspects.push(...look.suspects.map((suspect) => ({ provider, suspect })))
    } catch (error) {
      everyoneAnswered = false
      errors.push({ key: provider.name, message: messageOf(error) })
    }
    if (signal.aborted) return { held: reaperHeld, suspects: [], removed: [], errors }
  }
  const now = deps.clock.now()
  const sighted = []
  for (const { provider, suspect } of suspects) {
    const { count, firstAt } = await deps.store.sighted(suspect.key, now)
    sighted.push({ provider, suspect, sightings: count, firstAt })
  }
  if (everyoneAnswered) await deps.store.forgetSightings(suspects.map(({ suspect }) => suspect.key))
  const removed: string[] = []
  for (const suspect of decideReap(sighted, { now, held: reaperHeld })) {
    if (signal.aborted) break
    const provider = suspects.find((other) => other.suspect === suspect)?.provider
    if (provider === undefined) continue
    try {
      const gone = await remove(deps, { provider, suspect }, signal)
      if (gone) removed.push(suspect.key)
    } catch (error) {
      errors.push({ key: suspect.key, message: messageOf(error) })
    }
  }
  removed.push(...await tidyAll(providers, { held: reaperHeld, errors }, signal))
  for (const { key, message } of errors) deps.log(`reaper: ${key}: ${message}`)
  if (removed.length > 0) deps.log(`reaper: removed ${removed.join(', ')}`)
  return { held: reaperHeld, suspects: suspects.map(({ suspect }) => suspect.key), removed, errors }
}

/** What providers keep for later and nobody came for. */
async function tidyAll(providers: readonly Provider[], { held, errors }: { held: string | null; errors: { key: string; message: string }[] }, signal: AbortSignal): Promise<string[]> {
  const removed: string[] = []
  for (const provider of providers) {
    if (signal.aborted || held !== null) break
    try {
      removed.push(...(await provider.tidy?.(signal) ?? []).map((name) => `${provider.name}/${name}`))
    } catch (error) {
      errors.push({ key: `${provider.name}/tidy`, message: messageOf(error) })
    }
  }
  return removed
}

async function lookAt(deps: ReapDeps, at: { provider: Provider; installation: string }, signal: AbortSignal): Promise<{ suspects: Suspect[]; complete: boolean }> {
  const { provider, installation } = at
  const machines = await provider.list(installation, signal)
  const leftovers = await provider.leftovers(installation, signal)
  const rows = await deps.store.machines()
  const suspects = suspectsOf({ provider: provider.name, installation, machines, leftovers, rows, now: deps.clock.now() })
  return { suspects, complete: machines.complete && leftovers.complete }
}


async function remove(deps: ReapDeps, at: { provider: Provider; suspect: Suspect }, signal: AbortSignal): Promise<boolean> {
  const { provider, suspect } = at
  // Somebody may have begun this very generation since the look: the rows are read again right before.
  const owner = suspect.kind === 'machine' ? suspect.owner : suspect.leftover.owner
  if (typeof owner !== 'object') return false
  const rows = await deps.store.machines()
  if (rows.some((row) => row.workspaceId === owner.workspaceId && row.generation === owner.generation)) return false
  if (suspect.kind === 'leftover') {
    await provider.removeLeftover(suspect.leftover, signal)
    return true
  }
  const step = await provider.destroy(suspect.owner, { signal })
  return step.done
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
