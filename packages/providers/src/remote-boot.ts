/** The boot file of a machine that is elsewhere: it calls home by the public address, and brings nothing along. */
import { ProviderFault, type MachineSpec, type Owner } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import type { BootFile } from '@berth/wire/daemon'
import { AGENT, PLACES } from './cloud-init/cloud-config.ts'

export interface RemoteMachine {
  readonly isolation: BootFile['isolation']
  /** For messages: `a server at Hetzner`. */
  readonly what: string
  /** Absent: as the first boot of a cloud's machine makes it. */
  readonly agentUser?: BootFile['agentUser']
}

export function remoteBoot(owner: Owner, { boot }: Pick<MachineSpec, 'boot'>, { isolation, what, agentUser = { ...AGENT } }: RemoteMachine): BootFile {
  const { publicUrl } = boot.link
  if (publicUrl === null) throw new ProviderFault('invalid', `${what} cannot reach this server`, { hint: 'set linkUrl in config.yaml to an address of this server that it can reach' })
  const { stateDir, runDir, workDir, homeDir, toolboxDir } = PLACES
  return {
    // Ours: the row's own id.
    workspaceId: owner.workspaceId as WorkspaceId, generation: owner.generation, linkUrl: publicUrl.replace(/\/$/, ''), bootToken: boot.bootToken,
    stateDir, runDir, workDir, homeDir, agentUser, toolboxDir: `${toolboxDir}/${boot.toolbox.hash}`, isolation,
    env: { BERTH_OWNER: `${owner.installation}/${owner.workspaceId}/${owner.generation}` },
  }
}
