import { randomBytes } from 'node:crypto'
import type { Owner } from '@berth/core'
import { startFreestyle } from '@berth/sim-freestyle'
import { providerContract } from '@berth/testkit/provider-contract'
import { createFreestyleProvider } from './index.ts'
import { slugOf } from './machine.ts'

const KEY = 'fs_example'

providerContract('freestyle', async () => {
  const sim = startFreestyle()
  const { world } = sim
  world.keys.add(KEY)
  const installation = randomBytes(16).toString('hex')
  const provider = createFreestyleProvider({ installation, key: () => KEY, log: () => {}, endpoint: sim.url })
  const vmOf = (owner: Owner) => [...world.vms.values()].find(({ slug }) => slug === slugOf(owner))
  return {
    provider, installation,
    makeSpec: () => ({ image: null, memoryBytes: 2 * 1024 ** 3, cpus: 2, pids: 512, boot: { bootToken: 'boot-token-of-the-test', link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example' }, toolbox: { hostDir: '/nonexistent', hash: '0123456789abcdef' } } }),
    async cleanup() {
      const { faulty, refused } = sim
      await sim.close()
      if (faulty.length + refused.length > 0) throw new Error(`not as described: ${[...faulty, ...refused].join('; ')}`)
    },
    capabilities: {
      async crash(owner) {
        const vm = vmOf(owner)
        if (vm !== undefined) world.poweredOff(vm)
      },
      async foreign(owner) {
        const vm = world.create({ slug: slugOf(owner), metadata: { team: 'theirs' }, firewall: { rules: [] } })
        world.settle()
        return { untouched: async () => world.vms.get(vm.id)?.state === 'running' && world.vms.get(vm.id)?.slug === slugOf(owner) }
      },
      shown: async (owner) => JSON.stringify(vmOf(owner)),
    },
  }
})
