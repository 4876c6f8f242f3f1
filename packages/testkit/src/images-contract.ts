/** What holds of images at each vendor that they are made at: once whatever is lost on the way, used where they fit, and nothing left behind. */
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { ImageWanted, MachineImage, MachineSpec, Owner, Provider, ProviderImages, Step } from '@berth/core'

export interface ImagesBench {
  readonly provider: Provider
  readonly installation: string
  /** The machine that it is made of has fetched everything. Does nothing where there is none, or it is not up. */
  fetched(): void
  /** Of what an image is made now; null: nothing. */
  builder(): string | null
  /** Kinds of what is paid for. */
  charged(): readonly string[]
  /** What was asked of the vendor, the oldest first: `POST …`, or its action. */
  readonly asked: readonly string[]
  isChange(asked: string): boolean
  /** The answer to the next request that this means is lost. */
  loseAnswer(change: 'makes' | 'removes'): void
  advance(ms: number): void
  settle(): void
  /** What the last machine of a workspace began with. */
  beganWith(): string
  /** What the vendor says against its own description, and what it was asked against it. */
  complaints(): readonly string[]
  close(): Promise<void>
}
export interface ImagesContract {
  readonly name: string
  start(): ImagesBench
  /** What is paid for while one is kept. */
  readonly keeps: readonly string[]
  readonly base: string
  readonly monthlyMicros: number | null
  /** Another image, which a person names. */
  readonly named: string
  /** Kinds of leftovers: of what nobody waits for, and of what is kept. */
  readonly leftovers?: { readonly builder: string; readonly kept: string }
}

setDefaultTimeout(120_000)
const MINUTE = 60_000
const TRIES = 80
export const imageWanted = (hash: string, token = 'img_one'): ImageWanted => ({ toolbox: { hostDir: '/nonexistent', hash }, programs: ['claude-1.2.3'], link: { publicUrl: 'https://link.example', token } })
const ONE = '1111111111111111'
const TWO = '2222222222222222'

export function describeImages({ name, start, keeps, base, monthlyMicros, named, leftovers = { builder: 'image-machine', kept: 'image' } }: ImagesContract): void {
  describe(`images at ${name}`, () => {
    const signal = new AbortController().signal
    let bench: ImagesBench
    let images: ProviderImages
    let details: string[]
    beforeEach(() => {
      bench = start()
      images = bench.provider.images as ProviderImages // the contract is of providers that have them
      details = []
    })
    afterEach(async () => {
      const complaints = bench.complaints()
      await bench.close()
      expect(complaints).toEqual([])
    })

    async function through<T>(step: () => Promise<Step<T>>, each = (): void => bench.fetched()): Promise<T> {
      for (let tries = 0; tries < TRIES; tries += 1) {
        const result = await step().catch((error: Error & { category?: string }) => {
          if (error.category !== 'transient') throw error
          return null
        })
        if (result?.done === true) return result.value
        if (result !== null) details.push(result.detail)
        each()
      }
      throw new Error(`no end: ${details.join(', ')}`)
    }
    const build = (of: ImageWanted): Promise<MachineImage> => through(() => images.build(of, { signal }))
    const changes = (): number => bench.asked.filter((asked) => bench.isChange(asked)).length
    const charged = (): readonly string[] => {
      bench.settle()
      return bench.charged()
    }

    test('what is paid for while it is made is told of with its price, and no more when it is given back', async () => {
      const seen = new Map<string, number>()
      await through(async () => {
        for (const { name: id, quote, createdAt } of (await images.machines?.(signal))?.items ?? []) {
          seen.set(id, quote?.runningMicrosPerHour ?? 0)
          expect(createdAt).toBeGreaterThan(0)
        }
        return images.build(imageWanted(ONE), { signal })
      })
      expect(seen.size).toBe(1)
      for (const micros of seen.values()) expect(micros).toBeGreaterThan(0)
      expect(await images.machines?.(signal)).toEqual({ items: [], complete: true, missing: [] })
    })

    test('one is made of a machine that goes, once, and replaces that of another daemon', async () => {
      const one = await build(imageWanted(ONE))
      expect(one).toMatchObject({ state: 'ready', toolbox: ONE, base, monthlyMicros })
      expect([charged(), bench.builder()]).toEqual([[...keeps], null])
      const before = changes()
      expect((await build(imageWanted(ONE))).name).toBe(one.name)
      expect(changes()).toBe(before)
      const two = await build(imageWanted(TWO))
      expect((await images.list(signal)).items.map((image) => image.name)).toEqual([two.name])
      await through(() => images.remove(two.name, { signal }))
      await through(() => images.remove(two.name, { signal }))
      expect(charged()).toEqual([])
    })

    test.each(['makes', 'removes'] as const)('whichever answer is lost to what %s something, one image and nothing else is left', async (change) => {
      for (let nth = 1; nth <= 3; nth += 1) {
        let lost = false
        let steps = 0
        await through(() => images.build(imageWanted(`${nth}`.repeat(16)), { signal }), () => {
          bench.fetched()
          steps += 1
          if (!lost && steps >= nth) {
            bench.loseAnswer(change)
            lost = true
          }
        })
        expect([charged(), bench.builder()]).toEqual([[...keeps], null])
      }
    })

    test('a machine that does not get ready is given up and given back', async () => {
      const failure = await through(() => images.build(imageWanted(ONE), { signal }), () => bench.advance(5 * MINUTE)).catch(String)
      expect(failure).toContain('did not get ready')
      await through(() => images.giveUp({ signal }), () => bench.settle())
      expect(charged()).toEqual([])
    })

    test('a machine whose token nobody takes any more is bought anew; one that nobody waits for is a leftover, an image is not', async () => {
      // Until it is bought.
      for (let tries = 0; tries < 5 && bench.builder() === null; tries += 1) await images.build(imageWanted(ONE), { signal })
      const first = bench.builder()
      expect(first).not.toBeNull()
      await through(() => images.build(imageWanted(ONE, 'img_two'), { signal }), () => { if (bench.builder() !== first) bench.fetched() })
      expect(charged()).toEqual([...keeps])
      for (let tries = 0; tries < 5 && bench.builder() === null; tries += 1) await images.build(imageWanted(TWO), { signal })
      expect((await bench.provider.list(bench.installation, signal)).items).toEqual([])
      const kinds = async () => (await bench.provider.leftovers(bench.installation, signal)).items.map(({ kind, kept = false }) => [kind, kept])
      expect(await kinds()).toEqual([[leftovers.kept, true]])
      bench.advance(50 * MINUTE)
      expect(await kinds()).toEqual([[leftovers.builder, false], [leftovers.kept, true]])
      for (const leftover of (await bench.provider.leftovers(bench.installation, signal)).items) await bench.provider.removeLeftover(leftover, signal)
      expect(charged()).toEqual([])
    })

    test('a new machine begins with the image of its daemon, and with the usual one otherwise', async () => {
      const { name: made } = await build(imageWanted(ONE))
      const beganWith = async (hash: string, image: string | null): Promise<string> => {
        const owner: Owner = { installation: bench.installation, workspaceId: `ws_${hash.slice(0, 4)}${image === null ? 'a' : 'b'}`, generation: 1 }
        const { size } = bench.provider
        const spec: MachineSpec = { image, memoryBytes: size?.memoryBytes ?? 2 * 1024 ** 3, cpus: size?.cpus ?? 2, pids: 512, boot: { bootToken: 'token', link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example' }, toolbox: { hostDir: '/nonexistent', hash } } }
        await through(() => bench.provider.ensure(owner, spec, { signal }), () => bench.settle())
        return bench.beganWith()
      }
      expect(await beganWith(ONE, null)).toBe(made)
      expect(await beganWith(TWO, null)).not.toBe(made)
      expect(await beganWith(ONE, named)).toBe(named)
    })
  })
}
