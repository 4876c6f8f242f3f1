/** Images at Hetzner against the simulator: made once whatever is lost on the way, used where they fit, and nothing left behind. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import type { ImageWanted, MachineImage, MachineSpec, Owner, Provider, ProviderImages, Step } from '@berth/core'
import { startHetzner, type HetznerSim } from '@berth/sim-hetzner'
import { createHetznerProvider } from './index.ts'

const TOKEN = 'T'.repeat(64)
const INSTALLATION = 'a'.repeat(32)
const MINUTE = 60_000
const wanted = (hash: string, token = 'img_one'): ImageWanted => ({ toolbox: { hostDir: '/nonexistent', hash }, programs: ['claude-1.2.3'], link: { publicUrl: 'https://link.example', token } })
const signal = new AbortController().signal

let hetzner: HetznerSim
let provider: Provider
let images: ProviderImages
let settled: string[]
beforeEach(() => {
  hetzner = startHetzner()
  hetzner.world.tokens.set(TOKEN, 'read-write')
  provider = createHetznerProvider({ installation: INSTALLATION, token: () => TOKEN, log: () => {}, endpoint: hetzner.url, now: hetzner.world.now })
  images = provider.images as ProviderImages
  settled = []
})
afterEach(async () => {
  const { faulty, refused } = hetzner
  await hetzner.close()
  expect([...faulty, ...refused]).toEqual([])
})

const server = () => [...hetzner.world.servers.values()][0]
/** Its server has fetched everything and is off. */
function fetched(): void {
  const found = server()
  if (found?.status === 'running' && !found.locked) found.status = 'off'
}
async function through<T>(step: () => Promise<Step<T>>, each = fetched): Promise<T> {
  for (let tries = 0; tries < 60; tries += 1) {
    const result = await step().catch((error: Error & { category?: string }) => {
      if (error.category !== 'transient') throw error
      return null
    })
    if (result?.done === true) return result.value
    if (result !== null) settled.push(result.detail)
    each()
  }
  throw new Error(`no end: ${settled.join(', ')}`)
}
const build = (of: ImageWanted): Promise<MachineImage> => through(() => images.build(of, { signal }))
const charged = () => hetzner.world.ledger.running().map(({ kind }) => kind)

test('it is made of a server that goes, once, and replaces that of another daemon', async () => {
  const one = await build(wanted('1111111111111111'))
  expect(one).toMatchObject({ state: 'ready', toolbox: '1111111111111111', base: 'debian-12', monthlyMicros: 16_500 })
  expect([charged(), hetzner.world.servers.size]).toEqual([['snapshot'], 0])
  const asked = hetzner.world.asked.filter((line) => line.startsWith('POST')).length
  expect((await build(wanted('1111111111111111'))).name).toBe(one.name)
  expect(hetzner.world.asked.filter((line) => line.startsWith('POST')).length).toBe(asked)
  const two = await build(wanted('2222222222222222'))
  expect((await images.list(signal)).items.map(({ name }) => name)).toEqual([two.name])
  await through(() => images.remove(two.name, { signal }))
  await through(() => images.remove(two.name, { signal }))
  expect(charged()).toEqual([])
})

test.each(['POST', 'DELETE'])('whichever answer to a %s is lost, one image and nothing else is left', async (method) => {
  for (let nth = 1; nth <= 3; nth += 1) {
    let count = 0
    const before = hetzner.world.asked.length
    await through(() => images.build(wanted(`${nth}`.repeat(16)), { signal }), () => {
      fetched()
      const sent = hetzner.world.asked.slice(before).filter((line) => line.startsWith(method)).length
      if (sent >= nth - 1 && count === 0) count = hetzner.world.faults.push({ method, path: /./, times: 1, what: { kind: 'lost' } })
    })
    hetzner.world.faults.length = 0
    expect([charged(), hetzner.world.servers.size]).toEqual([['snapshot'], 0])
  }
})

test('a server that does not get ready is given up and given back', async () => {
  await expect(through(() => images.build(wanted('1111111111111111'), { signal }), () => hetzner.world.advance(5 * MINUTE))).rejects.toThrow('did not get ready')
  await through(() => images.giveUp({ signal }))
  expect(charged()).toEqual([])
})

test('a server whose token nobody takes any more is bought anew; one that nobody waits for is a leftover, an image is not', async () => {
  await images.build(wanted('1111111111111111'), { signal })
  const first = server()?.id
  await through(() => images.build(wanted('1111111111111111', 'img_two'), { signal }), () => { if (server()?.id !== first) fetched() })
  expect(charged()).toEqual(['snapshot'])
  await images.build(wanted('2222222222222222'), { signal })
  expect((await provider.list(INSTALLATION, signal)).items).toEqual([])
  const kinds = async () => (await provider.leftovers(INSTALLATION, signal)).items.map(({ kind, kept = false }) => [kind, kept])
  expect(await kinds()).toEqual([['image', true]])
  hetzner.world.advance(50 * MINUTE)
  expect(await kinds()).toEqual([['image-server', false], ['image', true]])
  for (const leftover of (await provider.leftovers(INSTALLATION, signal)).items) await provider.removeLeftover(leftover, signal)
  hetzner.world.settle()
  expect(charged()).toEqual([])
})

test('a new machine begins with the image of its daemon, and with the vendor\'s otherwise', async () => {
  const { name } = await build(wanted('1111111111111111'))
  const imageFor = async (hash: string, image: string | null): Promise<string> => {
    const owner: Owner = { installation: INSTALLATION, workspaceId: `ws_${hash.slice(0, 4)}${image === null ? 'a' : 'b'}`, generation: 1 }
    const spec: MachineSpec = { image, memoryBytes: 2 * 1024 ** 3, cpus: 2, pids: 512, boot: { bootToken: 'token', link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example' }, toolbox: { hostDir: '/nonexistent', hash } } }
    await through(() => provider.ensure(owner, spec, { signal }), () => {})
    const made = [...hetzner.world.servers.values()].at(-1)
    return made === undefined ? '' : made.image.name || String(made.image.id)
  }
  expect(await imageFor('1111111111111111', null)).toBe(name)
  expect(await imageFor('2222222222222222', null)).toBe('debian-12')
  expect(await imageFor('1111111111111111', 'ubuntu-24.04')).toBe('ubuntu-24.04')
})
