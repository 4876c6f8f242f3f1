/** What is asked of a provider for a workspace: its size, and the boot file's content with its one-time token. */
import type { Clock, LinkAddress, MachineSpec, Store, ToolboxRef, WorkspaceRecord } from '@berth/core'
import type { ProjectCode } from '../project/project-code.ts'
import type { ProviderRegistry } from '../services/deps.ts'
import { machineSize } from '../services/machine-size.ts'

export interface SpecDeps {
  readonly installation: string
  readonly store: Pick<Store, 'links' | 'egress'>
  readonly clock: Clock
  readonly toolbox: ToolboxRef
  readonly link: LinkAddress
  readonly projects: Pick<ProjectCode, 'projectOf'>
  readonly providers: Pick<ProviderRegistry, 'get'>
}

const DEFAULT_PIDS = 2048

export async function specFor(deps: SpecDeps, record: WorkspaceRecord): Promise<MachineSpec> {
  const { workspace } = record
  const project = deps.projects.projectOf(record)
  const bootToken = await deps.store.links.issueBootToken(workspace.id, workspace.generation, deps.clock.now())
  return {
    image: workspace.image,
    ...machineSize(deps.providers.get(workspace.provider), workspace.resources),
    pids: workspace.resources.pids ?? DEFAULT_PIDS,
    boot: { bootToken, link: deps.link, toolbox: deps.toolbox },
    acceptNoIsolation: workspace.acceptNoIsolation,
    docker: workspace.resources.docker === true,
    sudo: workspace.resources.sudo === true,
    egress: ((await deps.store.egress.policy(workspace.id))?.mode ?? 'open') === 'open' ? 'open' : 'closed',
    ...systemOf(deps, workspace),
    ...(project === undefined ? {} : { project }),
  }
}

/** Of the generation that it was said for: a later machine begins as any. */
function systemOf({ installation }: Pick<SpecDeps, 'installation'>, { restore, generation }: WorkspaceRecord['workspace']): Pick<MachineSpec, 'systemOf'> {
  if (restore?.systemOf === undefined || restore.generation !== generation) return {}
  return { systemOf: { installation, ...restore.systemOf } }
}
