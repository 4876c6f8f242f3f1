/**
 * Machines go on with the daemon of the server they belong to: one that says hello with another toolbox than this
 * server carries is changed in place. Once for each toolbox: a machine that refused one keeps what it has.
 */
import type { Daemons, WorkspaceStore } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'

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

/** `version` is what the daemon said of itself, `1.2.3+<toolbox>`; without a toolbox it was started from source. */
export function upgradeFor(version: string | null, current: string, tried: ReadonlySet<string>): string | null {
  const present = version?.split('+')[1]
  return present === undefined || present === current || tried.has(current) ? null : current
}

export function createUpgrades(deps: UpgradeDeps): Upgrades {
  const tried = new Map<WorkspaceId, Set<string>>()
  return {
    async look(id) {
      if (!deps.daemons.connected(id)) return
      const record = await deps.store.getWorkspace(id)
      if (record === null || record.machine === null || record.workspace.wish.target !== 'running') return
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

/** Asked each time, as for a new machine: from source, the toolbox changes while the server runs. */
export function currentToolbox(toolbox: { ensureDaemon(target: undefined, signal: AbortSignal): Promise<{ readonly hash: string }> }): () => Promise<string> {
  return async () => (await toolbox.ensureDaemon(undefined, AbortSignal.timeout(ENSURE_WITHIN_MS))).hash
}
