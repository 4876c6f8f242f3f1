/** A host of a person's own, driven by the person's ssh, whose workspaces call home by an address of the network. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startSshHost, type SshHost } from '@berth/sim-machine/ssh-host'
import { modelHost } from '../providers.ts'
import { openWayIn } from './way-in.ts'

export interface SshGround {
  readonly host: SshHost
  /** An address of this host that its workspaces reach, where that is allowed. */
  readonly bridge: string
  /** What a person sets; the home's server has not started. `config`: further lines of its settings; `allowed`: private addresses that workspaces may reach. */
  setUp(home: string, config?: string, allowed?: readonly string[]): void
  close(): Promise<void>
}

export async function startSshGround(prefix: string): Promise<SshGround> {
  const host = await startSshHost(`${prefix}-${process.pid}`)
  const bridge = modelHost('docker')
  const wayIn = openWayIn(bridge)
  return {
    host, bridge,
    setUp(home, config = '', allowed = []) {
      writeFileSync(join(home, 'config.yaml'), `${wayIn.config}${config}`)
      mkdirSync(join(home, 'providers'), { recursive: true })
      writeFileSync(join(home, 'providers/ssh.yaml'), `host: admin@${host.address}\nidentityFile: ${host.identityFile}\negressAllow: ${JSON.stringify(allowed)}\n`)
      writeFileSync(join(home, 'providers/ssh.known_hosts'), `${host.hostKey}\n`)
    },
    async close() {
      wayIn.close()
      await host.close()
    },
  }
}
