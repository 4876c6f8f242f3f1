/** What is asked of a provider for a workspace: its size, and the boot file's content with its one-time token. */
import { freemem, totalmem } from 'node:os'
import type { Clock, LinkAddress, MachineSpec, Store, ToolboxRef, WorkspaceRecord } from '@berth/core'
import type { ProjectCode } from '../project/project-code.ts'

export interface SpecDeps {
  readonly store: Pick<Store, 'links' | 'egress'>
  readonly clock: Clock
  readonly toolbox: ToolboxRef
  readonly link: LinkAddress
  readonly projects: Pick<ProjectCode, 'projectOf'>
}

const GIB = 1024 ** 3
/** Enough for an agent, a compiler and a development server. */
const DEFAULT_CPUS = 2
const DEFAULT_PIDS = 2048

function defaultMemoryBytes(): number {
  return Math.max(GIB, Math.min(4 * GIB, Math.floor(totalmem() / 2), Math.max(GIB, freemem())))
}

export async function specFor(deps: SpecDeps, record: WorkspaceRecord): Promise<MachineSpec> {
  const { workspace } = record
  const project = deps.projects.projectOf(record)
  const bootToken = await deps.store.links.issueBootToken(workspace.id, workspace.generation, deps.clock.now())
  return {
    image: workspace.image,
    memoryBytes: workspace.resources.memoryBytes ?? defaultMemoryBytes(),
    cpus: workspace.resources.cpus ?? DEFAULT_CPUS,
    pids: workspace.resources.pids ?? DEFAULT_PIDS,
    boot: { bootToken, link: deps.link, toolbox: deps.toolbox },
    acceptNoIsolation: workspace.acceptNoIsolation,
    docker: workspace.resources.docker === true,
    sudo: workspace.resources.sudo === true,
    egress: ((await deps.store.egress.policy(workspace.id))?.mode ?? 'open') === 'open' ? 'open' : 'closed',
    ...(project === undefined ? {} : { project }),
  }
}
