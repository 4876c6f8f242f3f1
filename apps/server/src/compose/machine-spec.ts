/** What is asked of a provider for a workspace: its size, and the boot file's content with a fresh one-time token. */
import { freemem, totalmem } from 'node:os'
import type { Clock, LinkAddress, MachineSpec, Store, WorkspaceRecord } from '@berth/core'
import type { Toolbox } from '@berth/toolbox'

export interface SpecDeps {
  readonly store: Pick<Store, 'links'>
  readonly clock: Clock
  readonly toolbox: Pick<Toolbox, 'ensureDaemon' | 'ensureAgent'>
  readonly link: LinkAddress
}

const GIB = 1024 ** 3
/** Enough for an agent, a compiler and a development server. */
const DEFAULT_CPUS = 2
const DEFAULT_PIDS = 2048
/** The first use of an agent downloads some hundred megabytes. */
const FETCH_WITHIN_MS = 15 * 60_000

function defaultMemoryBytes(): number {
  return Math.max(GIB, Math.min(4 * GIB, Math.floor(totalmem() / 2), Math.max(GIB, freemem())))
}

export async function specFor(deps: SpecDeps, { workspace }: WorkspaceRecord): Promise<MachineSpec> {
  const signal = AbortSignal.timeout(FETCH_WITHIN_MS)
  const [toolbox] = await Promise.all([
    deps.toolbox.ensureDaemon(undefined, signal),
    workspace.agent === 'claude' ? deps.toolbox.ensureAgent({ agent: 'claude' }, signal) : null,
  ])
  const bootToken = await deps.store.links.issueBootToken(workspace.id, workspace.generation, deps.clock.now())
  return {
    image: workspace.image,
    memoryBytes: workspace.resources.memoryBytes ?? defaultMemoryBytes(),
    cpus: workspace.resources.cpus ?? DEFAULT_CPUS,
    pids: workspace.resources.pids ?? DEFAULT_PIDS,
    boot: { bootToken, link: deps.link, toolbox },
    acceptNoIsolation: workspace.acceptNoIsolation,
  }
}
