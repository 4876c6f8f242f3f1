import { randomBytes } from 'node:crypto'
import type { Owner } from '@berth/core'
import { startFly } from '@berth/sim-fly'
import { providerContract } from '@berth/testkit/provider-contract'
import { createFlyProvider } from './index.ts'
import { appNameOf } from './machine.ts'

const TOKEN = 'fo1_example'

providerContract('fly', async () => {
  const fly = startFly()
  const { world } = fly
  world.tokens.set(TOKEN, { org: 'berth' })
  const installation = randomBytes(16).toString('hex')
  const provider = createFlyProvider({ installation, token: () => TOKEN, log: () => {}, endpoint: fly.url, organization: 'berth' })
  const machineOf = (owner: Owner) => [...world.machines.values()].find(({ app }) => app === appNameOf(owner))
  return {
    provider, installation,
    makeSpec: () => ({ image: null, memoryBytes: 2 * 1024 ** 3, cpus: 2, pids: 512, boot: { bootToken: 'boot-token-of-the-test', link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example' }, toolbox: { hostDir: '/nonexistent', hash: '0123456789abcdef' } } }),
    async cleanup() {
      const { faulty, refused } = fly
      await fly.close()
      if (faulty.length + refused.length > 0) throw new Error(`not as described: ${[...faulty, ...refused].join('; ')}`)
    },
    capabilities: {
      async crash(owner) {
        const machine = machineOf(owner)
        if (machine !== undefined) world.exited(machine)
      },
      async vanish(owner) {
        const machine = machineOf(owner)
        if (machine !== undefined) world.deleteMachine(machine, true)
        world.settle()
      },
      async foreign(owner) {
        const app = world.createApp({ name: appNameOf(owner), org: 'berth', network: 'default' })
        const volume = world.createVolume({ app, name: 'theirs', region: 'iad', sizeGb: 1 })
        return { untouched: async () => world.apps.has(app.name) && world.volumes.get(volume.id)?.state === 'created' }
      },
      shown: async (owner) => {
        const { config: { files: _, ...config }, ...machine } = machineOf(owner) ?? { config: { image: '' } }
        return JSON.stringify([machine, config, [...world.apps.values()], [...world.volumes.values()]])
      },
    },
  }
})
