/** Fly's simulator with machines that really run an image, which reach this server by an address of the network. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContainers, startFly } from '@berth/sim-fly'
import { modelHost } from '../providers.ts'
import { openWayIn } from './way-in.ts'

export const FLY_TOKEN = 'fo1_example'

export function startFlyGround(prefix: string) {
  const containers = createContainers(`${prefix}-${process.pid}`)
  const fly = startFly({ backend: containers })
  fly.world.tokens.set(FLY_TOKEN, { org: 'berth' })
  const bridge = modelHost('docker')
  const wayIn = openWayIn(bridge)
  return {
    fly, containers,
    /** An address of this host that its machines reach. */
    bridge,
    /** What a person sets; the home's server has not started. `registry`: where prepared images are put. */
    setUp(home: string, { image, registry }: { image: string; registry?: string }): void {
      writeFileSync(join(home, 'config.yaml'), wayIn.config)
      mkdirSync(join(home, 'providers'), { recursive: true })
      writeFileSync(join(home, 'providers/fly.yaml'), `endpoint: ${fly.url}\n${registry === undefined ? '' : `registry: ${registry}\n`}organization: berth\nimage: ${image}\nvolumeGb: 10\n`)
      writeFileSync(join(home, 'providers/fly.token'), FLY_TOKEN, { mode: 0o600 })
    },
    async close(): Promise<void> {
      wayIn.close()
      await fly.close()
      await containers.close()
    },
  }
}
