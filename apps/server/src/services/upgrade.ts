/**
 * Machines go on with the daemon of the server they belong to: one that says hello with another toolbox than this
 * server carries is changed in place. Once for each toolbox: a machine that refused one keeps what it has.
 */
import type { Clock, Daemons, WorkspaceStore } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import { remembered } from '../remembered.ts'

export interface UpgradeDeps {
  readonly store: Pick<WorkspaceStore, 'getWorkspace'>
  readonly daemons: Pick<Daemons, 'connected' | 'call'>
  /** The name of the toolbox that new machines get. */
  readonly currentToolbox: () => Promise<string>
  readonly log: (line: string) => void
}
export interface Upgrades { /** A daemon came or went. */ look(id: WorkspaceId): Promise<void> }

/** The new daemon is tried before the old one lets go. */
const UPGRADE_WITHIN_MS = 30_000

const ENSURE_WITHIN_MS = 5 * 60_000
const CURRENT_FOR_MS = 3000

/** `version` is what the daemon said of itself, `1.2.3+<toolbox>`; without a toolbox it was started from source. */
export function upgradeFor(version: string | null, current: string, tried: ReadonlySet<string>): string | null {
  const present = toolboxOf(version)
  return present === null || present === current || tried.has(current) ? null : current
}

const toolboxOf = (version: string | null): string | null => version?.split('+')[1] ?? null

export function createUpgrades(deps: UpgradeDeps): Upgrades {
  const tried = new Map<WorkspaceId, Set<string>>()
  return {
    async look(id) {
      if (!deps.daemons.connected(id)) return
      const record = await deps.store.getWorkspace(id)
      if (record === null || record.machine === null || record.workspace.wish.target !== 'running' || toolboxOf(record.machine.daemonVersion) === null) return
      const already = tried.get(id) ?? new Set<string>()
      const toolboxDir = upgradeFor(record.machine.daemonVersion, await deps.currentToolbox(), already)
      if (toolboxDir === null) return
      tried.set(id, already.add(toolboxDir))
      deps.log(`${id}: changing its daemon from ${record.machine.daemonVersion} to the toolbox ${toolboxDir}`)
      // The name alone: where toolboxes are in the machine, its daemon knows.
      await deps.daemons.call(id, 'daemon.upgrade', { toolboxDir }, { withinMs: UPGRADE_WITHIN_MS })
    },
  }
}

/** Asked again, as for a new machine: from source, the toolbox changes while the server runs. Not for each of a thousand that come back at once. */
export function currentToolbox(toolbox: { ensureDaemon(target: undefined, signal: AbortSignal): Promise<{ readonly hash: string }> }, clock: Clock): () => Promise<string> {
  const known = remembered<string>({ clock, ms: CURRENT_FOR_MS, limit: 1 })
  return async () => known.get('', async () => (await toolbox.ensureDaemon(undefined, AbortSignal.timeout(ENSURE_WITHIN_MS))).hash)
}
