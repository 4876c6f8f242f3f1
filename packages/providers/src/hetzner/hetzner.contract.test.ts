import { randomBytes } from 'node:crypto'
import type { Owner } from '@berth/core'
import { startHetzner } from '@berth/sim-hetzner'
import { providerContract } from '@berth/testkit/provider-contract'
import { createHetznerProvider } from './index.ts'
import { nameOf } from './machine.ts'

const TOKEN = 'T'.repeat(64)

providerContract('hetzner', async () => {
  const hetzner = startHetzner()
  const { world } = hetzner
  world.tokens.set(TOKEN, 'read-write')
  const installation = randomBytes(16).toString('hex')
  const provider = createHetznerProvider({ installation, token: () => TOKEN, log: () => {}, endpoint: hetzner.url })
  await provider.check(new AbortController().signal)
  const serverOf = (owner: Owner) => [...world.servers.values()].find(({ name }) => name === nameOf(owner))
  return {
    provider, installation,
    makeSpec: () => ({ image: null, memoryBytes: 2 * 1024 ** 3, cpus: 2, pids: 512, boot: { bootToken: 'boot-token-of-the-test', link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example' }, toolbox: { hostDir: '/nonexistent', hash: '0123456789abcdef' } } }),
    async cleanup() {
      const { faulty, refused } = hetzner
      await hetzner.close()
      if (faulty.length + refused.length > 0) throw new Error(`not as described: ${[...faulty, ...refused].join('; ')}`)
    },
    capabilities: {
      async crash(owner) {
        const server = serverOf(owner)
        if (server !== undefined) server.status = 'off'
      },
      async vanish(owner) {
        const server = serverOf(owner)
        if (server !== undefined) world.deleteServer(server)
        world.settle()
      },
      async foreign(owner) {
        const type = world.typeOf('cx23')
        const image = world.imageOf('debian-12', 'x86')
        if (type === undefined || image === undefined) throw new Error('the catalogue is empty')
        const { server } = world.createServer({ name: nameOf(owner), type, image, location: 'fsn1', labels: { mine: 'yes' }, userData: '', volumes: [], firewalls: [], start: true, ipv4: true, ipv6: true })
        world.settle()
        return { untouched: async () => world.servers.get(server.id)?.status === 'running' }
      },
      shown: async (owner) => {
        const { userData: _, ...server } = serverOf(owner) ?? { userData: '' }
        return JSON.stringify(server)
      },
    },
  }
})
