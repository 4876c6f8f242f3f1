/** A Hetzner Cloud whose servers really boot, and a way in to this server for them, as a person has a proxy for that. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContainers, type Containers, type HetznerSim } from '@berth/sim-hetzner'
import { modelHost } from '../providers.ts'
import { buyAt, startHetznerAccount } from './hetzner-account.ts'
import { openWayIn } from './way-in.ts'

export interface HetznerGround {
  readonly hetzner: HetznerSim
  readonly containers: Containers
  /** An address of this host that its machines reach. */
  readonly bridge: string
  /** What a person sets; the home's server has not started. `config`: further lines of its settings. */
  setUp(home: string, config?: string): void
  /** What is there of one workspace, by name. */
  inventory(workspaceId: string): Promise<readonly string[]>
  close(): Promise<void>
}

export function startHetznerGround(): HetznerGround {
  const containers = createContainers(`sim-hetzner-${process.pid}`)
  const hetzner = startHetznerAccount({ backend: containers })
  const bridge = modelHost('docker')
  const wayIn = openWayIn(bridge)
  return {
    hetzner, containers, bridge,
    setUp(home, config = '') {
      writeFileSync(join(home, 'config.yaml'), `${wayIn.config}${config}`)
      buyAt(hetzner, home)
    },
    async inventory(workspaceId) {
      const { servers, volumes } = hetzner.world
      return [...servers.values(), ...volumes.values()].map(({ name }) => name).filter((name) => name.includes(workspaceId.replace('ws_', '')))
    },
    async close() {
      wayIn.close()
      await hetzner.close()
      await containers.close()
    },
  }
}
