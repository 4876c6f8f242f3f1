/** Images at Hetzner against the simulator; their price is the vendor's of today. */
import { expect, test } from 'bun:test'
import { startHetzner, type HetznerSim } from '@berth/sim-hetzner'
import { describeImages, type ImagesBench } from '@berth/testkit/images-contract'
import { createHetznerProvider } from './index.ts'

const TOKEN = 'T'.repeat(64)
const INSTALLATION = 'a'.repeat(32)
const MINUTE = 60_000

function providerAt(hetzner: HetznerSim) {
  hetzner.world.tokens.set(TOKEN, 'read-write')
  return createHetznerProvider({ installation: INSTALLATION, token: () => TOKEN, log: () => {}, endpoint: hetzner.url, fetch: hetzner.fetch, now: hetzner.world.now })
}

describeImages({
  name: 'Hetzner', keeps: ['snapshot'], base: 'debian-12', monthlyMicros: 21_450, named: 'ubuntu-24.04',
  start(): ImagesBench {
    const hetzner = startHetzner()
    const { world } = hetzner
    const server = () => [...world.servers.values()].find(({ name }) => name.endsWith('-image'))
    return {
      provider: providerAt(hetzner), installation: INSTALLATION, asked: world.asked,
      fetched() {
        const found = server()
        if (found?.status === 'running' && !found.locked) found.status = 'off'
      },
      builder: () => String(server()?.id ?? '') || null,
      charged: () => world.ledger.running().map(({ kind }) => kind),
      isChange: (asked) => !asked.startsWith('GET'),
      loseAnswer: (change) => void world.faults.push({ method: change === 'makes' ? 'POST' : 'DELETE', path: /./, times: 1, what: { kind: 'lost' } }),
      advance: (ms) => world.advance(ms), settle: () => world.settle(),
      beganWith() {
        const image = [...world.servers.values()].at(-1)?.image
        return image?.name || String(image?.id ?? '')
      },
      complaints: () => [...hetzner.faulty, ...hetzner.refused],
      close: () => hetzner.close(),
    }
  },
})

test('what it costs is what the vendor takes today, and what it last said where it does not answer', async () => {
  const hetzner = startHetzner()
  const provider = providerAt(hetzner)
  const signal = new AbortController().signal
  const priceNow = async () => (await provider.images?.price(signal))?.monthlyMicrosPerGb
  hetzner.world.setPrices({ snapshotGbMonth: 0.02, volumeGbMonth: 0.1, ipv4Hourly: 0.002 })
  expect(await provider.images?.price(signal)).toMatchObject({ currency: 'EUR', monthlyMicrosPerGb: 20_000 })
  const { runningMicrosPerHour, stoppedMicrosPerHour } = await provider.quote({ memoryBytes: 4 * 1024 ** 3, cpus: 2 }, signal)
  expect([runningMicrosPerHour, stoppedMicrosPerHour]).toEqual([5600 + 2000 + Math.ceil(20 * 100_000 / 730), Math.ceil(20 * 100_000 / 730)])
  hetzner.world.setPrices({ snapshotGbMonth: 0.03 })
  hetzner.world.advance(2 * 60 * MINUTE)
  hetzner.world.faults.push({ path: /pricing/, times: 1, what: { kind: 'refuse', status: 503, code: 'service_error' } })
  expect(await priceNow()).toBe(20_000)
  hetzner.world.advance(2 * MINUTE)
  expect(await priceNow()).toBe(30_000)
  await hetzner.close()
})
