import { randomBytes } from 'node:crypto'
import type { Owner } from '@berth/core'
import { REGION, startEc2, SUBNETS } from '@berth/sim-ec2'
import { providerContract } from '@berth/testkit/provider-contract'
import { OWNER_LABEL } from '../owner-labels.ts'
import { createEc2Provider } from './index.ts'

const KEYS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret-of-the-test', sessionToken: null }

providerContract('ec2', async () => {
  const ec2 = startEc2()
  const { world } = ec2
  world.keys.set(KEYS.accessKeyId, { secret: KEYS.secretAccessKey })
  const installation = randomBytes(16).toString('hex')
  const provider = createEc2Provider({ installation, credentials: () => KEYS, log: () => {}, endpoint: ec2.url, region: REGION })
  const instanceOf = (owner: Owner) => [...world.instances.values()].find(({ tags, state }) => tags[OWNER_LABEL.workspace] === owner.workspaceId && tags[OWNER_LABEL.generation] === String(owner.generation) && state !== 'terminated')
  return {
    provider, installation,
    makeSpec: () => ({ image: null, memoryBytes: 2 * 1024 ** 3, cpus: 2, pids: 512, boot: { bootToken: 'boot-token-of-the-test', link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example' }, toolbox: { hostDir: '/nonexistent', hash: '0123456789abcdef' } } }),
    async cleanup() {
      const { faulty, refused } = ec2
      await ec2.close()
      if (faulty.length + refused.length > 0) throw new Error(`not as described: ${[...faulty, ...refused].join('; ')}`)
    },
    capabilities: {
      async crash(owner) {
        const instance = instanceOf(owner)
        if (instance !== undefined) world.poweredOff(instance.id)
        world.settle()
      },
      async vanish(owner) {
        const instance = instanceOf(owner)
        if (instance !== undefined) world.terminate(instance)
        world.settle()
      },
      async foreign(owner) {
        // Of another installation, with the same workspace and generation.
        const [subnet] = SUBNETS
        if (subnet === undefined) throw new Error('the catalogue is empty')
        const tags = { Name: `berth-${installation.slice(0, 8)}-${owner.workspaceId}-g1`, [OWNER_LABEL.installation]: 'f'.repeat(32), [OWNER_LABEL.workspace]: owner.workspaceId, [OWNER_LABEL.generation]: String(owner.generation) }
        const volume = world.createVolume({ sizeGb: 20, zone: subnet.zone, encrypted: true, snapshot: '', tags }, { clientToken: 'theirs', asked: '' })
        const its = world.addInterface(subnet, tags)
        world.settle()
        return { untouched: async () => world.volumes.get(volume.id)?.state === 'available' && world.interfaces.has(its.id) }
      },
      shown: async (owner) => {
        const { userData: _, ...instance } = instanceOf(owner) ?? { userData: '' }
        return JSON.stringify([instance, [...world.volumes.values()]])
      },
    },
  }
})
