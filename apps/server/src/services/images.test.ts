/** What a making costs while it goes on, and when it is over. */
import { expect, test } from 'bun:test'
import { ProviderFault, type ImageMachine, type Inventory, type MachineImage, type Provider, type ProviderImages } from '@berth/core'
import { createFakeProvider, createTestClock } from '@berth/testkit'
import { createImages } from './images.ts'

const IMAGE: MachineImage = { name: 'img-1', toolbox: 'hash', base: 'debian', state: 'ready', createdAt: 1, sizeBytes: 1, currency: 'EUR', monthlyMicros: 10 }
const MACHINE: ImageMachine = { name: 'machine-1', createdAt: 1, quote: { currency: 'EUR', runningMicrosPerHour: 5600, stoppedMicrosPerHour: 5600, note: '' } }
const whole = <T>(...items: T[]): Inventory<T> => ({ items, complete: true, missing: [] })

/** A vendor whose making takes some looks, `fails` at the end or not. */
function making({ fails }: { fails: boolean }) {
  let looks = 0
  let [machines, kept]: [ImageMachine[], MachineImage[]] = [[], []]
  const images: ProviderImages = {
    price: async () => ({ currency: 'EUR', monthlyMicrosPerGb: 1, note: '' }),
    async build() {
      looks += 1
      if (looks === 1) machines = [MACHINE]
      if (looks < 4) return { done: false, poll: {}, afterMs: 0, detail: looks < 3 ? 'the machine fetches' : 'its disk is copied' }
      if (fails) throw new ProviderFault('unknown', 'it did not get ready', { committed: 'yes' })
      ;[machines, kept] = [[], [IMAGE]]
      return { done: true, value: IMAGE }
    },
    list: async () => whole(...kept),
    machines: async () => whole(...machines),
    remove: async () => ({ done: true, value: null }),
    async giveUp() {
      machines = []
      return { done: true, value: null }
    },
  }
  const provider: Provider = { ...createFakeProvider({ clock: createTestClock() }), name: 'vendor', images }
  const seen: string[] = []
  const service = createImages({
    providers: { get: () => provider, all: () => [provider] },
    toolbox: { ensureDaemon: async () => ({ hostDir: '/nowhere', hash: 'hash' }), ensureAgent: async () => '', chosen: () => null },
    link: { publicUrl: 'https://link.example', token: 'token' }, clock: { now: () => 1 }, log: () => {},
    async kept(name, { images: inventory, machines: beside }) { seen.push(`${name}: ${[...inventory.items, ...beside.items].map((each) => each.name).join(' ')}`) },
  })
  return { service, seen }
}

async function ended(fails: boolean): Promise<readonly string[]> {
  const { service, seen } = making({ fails })
  await service.build('vendor', [])
  while (service.progress('vendor').state === 'making') await Bun.sleep(5)
  expect(service.progress('vendor').state).toBe(fails ? 'failed' : 'ready')
  await service.stop()
  return seen
}

test('the machine that an image is made of is counted while it is there, once for each thing that happens to it', async () => {
  expect(await ended(false)).toEqual(['vendor: machine-1', 'vendor: machine-1', 'vendor: img-1'])
})

test('one that failed is counted until it was given back', async () => {
  expect(await ended(true)).toEqual(['vendor: machine-1', 'vendor: machine-1', 'vendor: '])
})
