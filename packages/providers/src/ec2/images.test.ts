/** Images at Amazon EC2 against the simulator: what is paid for is the snapshot that one stands on. */
import { expect, test } from 'bun:test'
import { IMAGES, REGION, startEc2, type Ec2Sim } from '@berth/sim-ec2'
import type { ProviderImages } from '@berth/core'
import { describeImages, imageWanted, type ImagesBench } from '@berth/testkit/images-contract'
import { createEc2Provider } from './index.ts'

const KEYS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 's'.repeat(40), sessionToken: null }
const INSTALLATION = 'a'.repeat(32)

function providerAt(ec2: Ec2Sim) {
  ec2.world.keys.set(KEYS.accessKeyId, { secret: KEYS.secretAccessKey })
  return createEc2Provider({ installation: INSTALLATION, credentials: () => KEYS, log: () => {}, endpoint: ec2.url, fetch: ec2.fetch, region: REGION, now: ec2.world.now })
}
const instanceOf = ({ world }: Ec2Sim) => [...world.instances.values()].find(({ tags, state }) => 'dev.berth.image' in tags && state !== 'terminated' && state !== 'shutting-down')

describeImages({
  name: 'EC2', keeps: ['snapshot'], base: 'debian-12', monthlyMicros: 75_000, named: IMAGES[0]?.id ?? '',
  start(): ImagesBench {
    const ec2 = startEc2()
    const { world } = ec2
    return {
      provider: providerAt(ec2), installation: INSTALLATION, asked: world.asked,
      fetched() {
        const found = instanceOf(ec2)
        if (found?.state === 'running') world.poweredOff(found.id)
      },
      builder: () => instanceOf(ec2)?.id ?? null,
      charged: () => world.ledger.running().map(({ kind }) => kind),
      isChange: (asked) => !asked.startsWith('Describe'),
      loseAnswer: (change) => void world.faults.push({ action: change === 'makes' ? /^(Run|Create)/ : /^(Terminate|Deregister|Delete)/, times: 1, what: { kind: 'lost' } }),
      advance: (ms) => world.advance(ms), settle: () => world.settle(),
      beganWith: () => [...world.instances.values()].at(-1)?.image.id ?? '',
      complaints: () => [...ec2.faulty, ...ec2.refused],
      close: () => ec2.close(),
    }
  },
})

test('a snapshot whose image went without it is seen, and goes with the next removal', async () => {
  const ec2 = startEc2()
  const images = providerAt(ec2).images as ProviderImages // this provider has them
  const signal = new AbortController().signal
  const build = async () => {
    for (let tries = 0; tries < 40; tries += 1) {
      const step = await images.build(imageWanted('1111111111111111'), { signal })
      if (step.done) return step.value
      const found = instanceOf(ec2)
      if (found?.state === 'running') ec2.world.poweredOff(found.id)
    }
    throw new Error('no end')
  }
  const { name } = await build()
  ec2.world.faults.push({ action: /^DeleteSnapshot/, times: 1, what: { kind: 'refuse', status: 400, code: 'InvalidSnapshot.InUse' } })
  await expect(images.remove(name, { signal })).rejects.toThrow('removing the snapshot')
  const [rest] = (await images.list(signal)).items
  expect(rest).toMatchObject({ state: 'failed', monthlyMicros: 75_000 })
  await images.remove(name, { signal })
  expect([(await images.list(signal)).items, ec2.world.ledger.running()]).toEqual([[], []])
  await ec2.close()
})
